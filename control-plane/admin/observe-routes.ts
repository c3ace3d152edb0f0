import type { FastifyInstance } from "fastify";
import { describeStream } from "../ads/describe.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { scrape } from "../metrics/scrape.ts";
import type { StatusDeps } from "../status/status.ts";
import { errorResponses, jsonResponse } from "./openapi.ts";
import { ref } from "./schemas.ts";

/** https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Envoys and metrics. */
export function observeRoutes(api: FastifyInstance, status: StatusDeps, metrics: Metrics): void {
	api.get(
		"/v1/envoys",
		{
			schema: {
				tags: ["status"],
				summary: "Each connected Envoy: what it has acknowledged, refused and lacks, by type of resource",
				response: { 200: jsonResponse("The Envoys.", { type: "array", items: ref("Envoy") }), ...errorResponses() },
			},
		},
		async () => {
			const { streams, snapshot } = status.ads;
			return [...streams].map((stream) => describeStream(stream, snapshot, Date.now()));
		},
	);
	api.get(
		"/metrics",
		{
			schema: {
				tags: ["metrics"],
				summary: "Metrics for Prometheus, of the control plane and of each server",
				description:
					"Those of servers are Envoy's, under stable names; `mcp_gateway_envoy_up` is 0 while it does not answer, and the others are there all the same. Where there is a token, Prometheus sends it as `authorization: {credentials_file: FILE}`.",
				response: {
					200: {
						description: "Prometheus' text format.",
						content: { "text/plain": { schema: { type: "string" } } },
					},
					...errorResponses(),
				},
			},
		},
		async (_request, reply) => reply.type(METRICS_TYPE).send(await scrape(metrics, status)),
	);
}
