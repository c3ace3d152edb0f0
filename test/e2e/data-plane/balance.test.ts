import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Gateway, startGateway } from "../../support/gateway.ts";
import { type Recorder, startRecorder } from "../../support/upstreams.ts";
import { oneConnection, send, toolCall } from "./client.ts";

const WORKERS = 2;
let gateway: Gateway;
let upstreams: Recorder[];

beforeAll(async () => {
	upstreams = await Promise.all([startRecorder(), startRecorder(), startRecorder()]);
	const urls = upstreams.map(({ url }) => `${url}/mcp`);
	const [a, b, c] = urls;
	gateway = await startGateway({
		args: ["--concurrency", String(WORKERS)],
		registry: {
			rr: { type: "http", endpoints: urls },
			rrAll: { type: "http", endpoints: urls },
			weighted: { type: "http", endpoints: [{ url: a, weight: 3 }, { url: b }] },
			least: { type: "http", endpoints: [a, b], loadBalancer: "least-request" },
			random: { type: "http", endpoints: [a, b, c], loadBalancer: "random" },
		},
	});
});
afterAll(async () => {
	await gateway?.stop();
	for (const upstream of upstreams ?? []) await upstream.close();
});
afterEach(() => {
	for (const upstream of upstreams) {
		upstream.clear();
		upstream.reply({ body: "{}" });
	}
});

const counts = () => upstreams.map(({ requests }) => requests.length);

async function calls(id: string, number: number, connections: number) {
	const agents = Array.from({ length: connections }, oneConnection);
	const statuses = await Promise.all(
		agents.map(async (agent) => {
			const seen: number[] = [];
			for (let n = 0; n < number / connections; n++) {
				seen.push((await send(gateway.url, `/${id}`, { ...toolCall("x", n), agent })).status);
			}
			agent.destroy();
			return seen;
		}),
	);
	expect(statuses.flat().every((status) => status === 200)).toBe(true);
}

// A connection belongs to one worker, and each worker counts for itself: exact on one, up to their number over all.
test("round-robin over one connection: 300 calls on 3 replicas are 100 each", async () => {
	await calls("rr", 300, 1);
	expect(counts()).toEqual([100, 100, 100]);
});

test.each([
	10, 50,
])("round-robin over %i connections at once: 100 each, give or take the workers", async (connections) => {
	await calls("rrAll", 300, connections);
	for (const count of counts()) expect(Math.abs(count - 100)).toBeLessThanOrEqual(WORKERS);
	expect(counts().reduce((sum, count) => sum + count)).toBe(300);
});

test("round-robin over a new connection for each call", async () => {
	for (let n = 0; n < 300; n++) await send(gateway.url, "/rr", toolCall("x", n));
	for (const count of counts()) expect(Math.abs(count - 100)).toBeLessThanOrEqual(WORKERS);
});

test("weights 3 and 1", async () => {
	await calls("weighted", 200, 4);
	expect(Math.abs((counts()[0] ?? 0) - 150)).toBeLessThanOrEqual(2 * WORKERS);
	expect(counts()[2]).toBe(0);
});

test("least-request prefers the replica that has nothing to do", async () => {
	// Envoy compares two replicas drawn at random, of which both may be the busy one: a quarter in place of the half.
	upstreams[0]?.reply({ hang: true });
	const agents = Array.from({ length: 120 }, oneConnection);
	for (const [n, agent] of agents.entries()) {
		send(gateway.url, "/least", { ...toolCall("x", n), agent }).catch(() => {});
		await expect.poll(() => counts().reduce((sum, count) => sum + count), { interval: 2 }).toBe(n + 1);
	}
	for (const agent of agents) agent.destroy();
	expect(counts()[0]).toBeGreaterThan(0);
	expect(counts()[0]).toBeLessThan(50);
});

test("random uses all of them", async () => {
	await calls("random", 300, 4);
	for (const count of counts()) expect(count).toBeGreaterThan(50);
});
