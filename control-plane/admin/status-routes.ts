import type { FastifyInstance } from "fastify";
import { isReady, readStatus, type StatusDeps } from "../status/status.ts";
import { AdminError } from "./errors.ts";
import { errorResponses, jsonResponse } from "./openapi.ts";
import { ref } from "./schemas.ts";

/** Health, status and servers. */
export function statusRoutes(api: FastifyInstance, status: StatusDeps): void {
	const open = { security: [], tags: ["health"] };
	api.get(
		"/healthz",
		{
			schema: {
				...open,
				summary: "Whether the control plane runs",
				response: { 200: jsonResponse("It does.", ref("Alive")) },
			},
		},
		async () => ({ status: "ok" }),
	);
	api.get(
		"/readyz",
		{
			schema: {
				...open,
				summary: "Whether an Envoy serves the registry",
				response: {
					200: jsonResponse("One does.", ref("Ready")),
					503: jsonResponse("None does yet.", ref("Ready")),
				},
			},
		},
		async (_request, reply) => {
			const ready = isReady(status.ads);
			return reply.code(ready ? 200 : 503).send({ ready });
		},
	);
	api.get(
		"/v1/status",
		{
			schema: {
				tags: ["status"],
				summary: "Registry, servers, Envoys and processes in one answer",
				response: { 200: jsonResponse("The status.", ref("Status")), ...errorResponses() },
			},
		},
		async () => readStatus(status),
	);
	api.get(
		"/v1/servers",
		{
			schema: {
				tags: ["servers"],
				summary: "What became of each server of the registry",
				response: {
					200: jsonResponse("In the order of the registry.", { type: "array", items: ref("Server") }),
					...errorResponses(),
				},
			},
		},
		async () => (await readStatus(status)).servers,
	);
	api.get<{ Params: { id: string } }>(
		"/v1/servers/:id",
		{
			schema: {
				tags: ["servers"],
				summary: "What became of one server",
				params: serverParams,
				response: { 200: jsonResponse("The server.", ref("Server")), ...errorResponses("unknown_server") },
			},
		},
		async (request) => {
			const { id } = request.params;
			const server = (await readStatus(status)).servers.find((one) => one.id === id);
			if (server === undefined) throw new AdminError("unknown_server");
			return server;
		},
	);
	api.get<{ Params: { id: string } }>(
		"/v1/servers/:id/pods",
		{
			schema: {
				tags: ["servers"],
				summary: "The pods of a server on Kubernetes, with the last words of those that crashed",
				params: serverParams,
				response: {
					200: jsonResponse("By name; none for a server that is not on Kubernetes, and while there is no cluster.", {
						type: "array",
						items: ref("Pod"),
					}),
					...errorResponses("unknown_server"),
				},
			},
		},
		async (request) => {
			const { server } = status.outcomes().get(request.params.id) ?? {};
			if (server === undefined) throw new AdminError("unknown_server");
			return server.type === "k8s" ? ((await status.kubernetes?.pods(server)) ?? []) : [];
		},
	);
}

/** The `id` in a path. */
export const serverParams = {
	type: "object",
	properties: { id: { type: "string", description: "Id of the server, the first part of its path.", example: "docs" } },
	required: ["id"],
} as const;
