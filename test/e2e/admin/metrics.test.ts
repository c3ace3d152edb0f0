import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, type Gateway, noCluster, startGateway } from "../../support/gateway.ts";
import { openApiChecker } from "../../support/openapi.ts";
import { readMetrics, sampleValue } from "../../support/prometheus.ts";
import { type Replica, startStateless } from "../../support/upstreams.ts";

let gateway: Gateway;
let upstream: Replica;

beforeAll(async () => {
	upstream = await startStateless({ name: "one" });
	gateway = await startGateway({
		args: noCluster,
		registry: {
			plain: { type: "http", endpoint: upstream.url },
			"with.dots.v2": { type: "http", endpoint: upstream.url },
			dead: { type: "http", endpoint: "http://127.0.0.1:1/mcp" },
			pods: { chart: "x" },
		},
	});
});
afterAll(async () => {
	await gateway?.stop();
	await upstream?.close();
});

const scrape = async () => {
	const answer = await fetch(`${gateway.adminUrl}/metrics`);
	expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
	return readMetrics(await answer.text());
};
const call = (id: string) =>
	fetch(`${gateway.url}/${id}`, {
		method: "POST",
		headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
		body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
	}).then(async (answer) => {
		await answer.text();
		return answer.status;
	});

test("traffic moves the figures of its server and of no other", async () => {
	const before = await scrape();
	expect(sampleValue(before, "mcp_gateway_requests_total", { server: "plain" })).toBeUndefined();
	for (let n = 0; n < 3; n++) expect(await call("with.dots.v2")).toBe(200);
	expect(await call("plain")).toBe(200);
	expect(await call("dead")).toBe(502);
	expect(await call("nowhere")).toBe(404);
	const after = await scrape();
	const requests = (server: string, code_class: string) =>
		sampleValue(after, "mcp_gateway_requests_total", { server, code_class });
	expect([requests("with.dots.v2", "2xx"), requests("plain", "2xx"), requests("dead", "5xx")]).toEqual([3, 1, 1]);
	expect(sampleValue(after, "mcp_gateway_connect_failures_total", { server: "dead" })).toBeGreaterThan(0);
	expect(sampleValue(after, "mcp_gateway_client_requests_total", { code_class: "4xx" })).toBe(1);
	const servers = new Set(after.flatMap(({ labels }) => labels["server"] ?? []));
	expect([...servers].sort()).toEqual(["dead", "plain", "with.dots.v2"]);
	await eventually("the times of requests are told", async () => {
		const count = sampleValue(await scrape(), "mcp_gateway_request_duration_seconds_count", { server: "with.dots.v2" });
		return count === 3;
	});
});

test("the registry's state and each change of it is told", async () => {
	const before = await scrape();
	const servers = (state: string, type = "http") =>
		sampleValue(before, "mcp_gateway_registry_servers", { type, state });
	expect([servers("serving"), servers("unavailable", "k8s")]).toEqual([3, 1]);
	await gateway.writeRegistry('{"a": ');
	await eventually("a faulty file is told", async () => {
		const samples = await scrape();
		return (
			sampleValue(samples, "mcp_gateway_registry_errors") === 1 &&
			sampleValue(samples, "mcp_gateway_registry_reloads_total", { result: "failed" }) === 1
		);
	});
	await gateway.writeRegistry({
		plain: { type: "http", endpoint: upstream.url },
		dead: { type: "http", endpoint: "http://127.0.0.1:1/mcp" },
	});
	await eventually("Envoy has taken the next one", async () => {
		const samples = await scrape();
		return (
			sampleValue(samples, "mcp_gateway_registry_servers", { type: "http", state: "serving" }) === 2 &&
			sampleValue(samples, "mcp_gateway_registry_reloads_total", { result: "ok" }) === 2 &&
			samples.some(({ name, value }) => name === "mcp_gateway_xds_in_sync" && value === 1)
		);
	});
	const after = await scrape();
	const acks = after.filter(({ name }) => name === "mcp_gateway_xds_acks_total");
	const timed = sampleValue(after, "mcp_gateway_xds_push_ack_duration_seconds_count", { type: "scope" });
	expect(timed).toBe(acks.find(({ labels }) => labels["type"] === "scope")?.value);
	expect(timed).toBeGreaterThan(1);
});

test("each Envoy is told with what it has, as described", async () => {
	const check = openApiChecker(
		(await (await fetch(`${gateway.adminUrl}/openapi.json`)).json()) as Parameters<typeof openApiChecker>[0],
	);
	const answer = await fetch(`${gateway.adminUrl}/v1/envoys`);
	const body = await answer.text();
	const path = "/v1/envoys";
	expect(check({ method: "GET", path, status: 200, contentType: "application/json", body }), body).toEqual([]);
	expect(JSON.parse(body)).toMatchObject([
		{
			id: expect.stringContaining("envoy-"),
			cluster: "mcp-gateway",
			variant: "delta",
			version: "1.40.0",
			inSync: true,
			perType: { cluster: { subscribed: 2, acked: 2, pending: 0, nackCount: 0, lagMs: 0 } },
		},
	]);
});

test("without Envoy ours are still there", async () => {
	const { envoy } = await gateway.children();
	process.kill(Number(envoy), "SIGSTOP");
	try {
		const samples = await scrape();
		expect(sampleValue(samples, "mcp_gateway_envoy_up")).toBe(0);
		expect(sampleValue(samples, "mcp_gateway_registry_servers", { type: "http", state: "serving" })).toBe(2);
		expect(sampleValue(samples, "mcp_gateway_requests_total", { server: "plain" })).toBeUndefined();
	} finally {
		process.kill(Number(envoy), "SIGCONT");
	}
	await eventually("Envoy answers again", async () => sampleValue(await scrape(), "mcp_gateway_envoy_up") === 1);
});
