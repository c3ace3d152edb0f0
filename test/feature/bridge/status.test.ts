import { createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { bridgeMetrics } from "../../../control-plane/metrics/bridge-metrics.ts";
import { poolProblem, poolStatuses, readBridges, summarizeBridge } from "../../../control-plane/status/bridges.ts";
import { readMetrics, sampleValue } from "../../support/prometheus.ts";
import { bridgeWith, initialize, stdio, type TestBridge, until } from "./setup.ts";

const ids = { good: stdio("good", "raw"), dying: stdio("dying", "raw", ["exit-on-start"]) };

function addressOf({ bridge }: TestBridge) {
	if (!("port" in bridge.address)) throw new Error("no port");
	return bridge.address;
}

/** Two workers that know the same servers. */
async function workers() {
	const all = await Promise.all([0, 1].map((index) => bridgeWith(Object.values(ids), { worker: { index, count: 2 } })));
	const [first, second] = all;
	if (!first || !second) throw new Error("no workers");
	return { first, second, addresses: all.map(addressOf) };
}

/** A port that takes connections and says nothing. */
async function silent() {
	const server = createServer((socket) => void socket.on("error", () => {}));
	const address = await new Promise<{ host: string; port: number }>((resolve) => {
		server.listen(0, "127.0.0.1", () => {
			const found = server.address();
			resolve({ host: "127.0.0.1", port: typeof found === "object" && found ? found.port : 0 });
		});
	});
	onTestFinished(() => void server.close());
	return address;
}

describe("what the bridge's workers tell", () => {
	it("is added up over all of them", async () => {
		const { first, second, addresses } = await workers();
		await Promise.all([first.open("good"), first.open("good"), second.open("good")]);
		const pool = poolStatuses(await readBridges(addresses)).get("good");
		expect(pool).toMatchObject({ mode: "auto", sessions: 3, starts: 3, restarts: 0, deaths: 0, max: 100 });
		expect(pool?.processes.map(({ worker, state, seats }) => [worker, state, seats])).toEqual([
			[0, "ready", 1],
			[0, "ready", 1],
			[1, "ready", 1],
		]);
		expect(pool?.startSeconds.count).toBe(3);
		const counts = pool?.startSeconds.buckets.map(({ count }) => count) ?? [];
		expect(counts).toEqual([...counts].sort((a, b) => a - b));
		expect(pool && poolProblem(pool)).toBeUndefined();
	});

	it("says why a server cannot be started, with its stderr, and no longer once a process of it works", async () => {
		const { first, second, addresses } = await workers();
		expect((await second.post("/dying", initialize)).status).toBe(503);
		const pool = poolStatuses(await readBridges(addresses)).get("dying");
		expect(pool).toMatchObject({ sessions: 0, startFailures: 1, lastFailure: { reason: "process_failed_to_start" } });
		expect(pool && poolProblem(pool)).toMatch(/exited with code 3.*cannot find the database/s);
		await first.open("good");
		const good = poolStatuses(await readBridges(addresses)).get("good");
		expect(good && poolProblem(good)).toBeUndefined();
	});

	it("says so all the time while starts are tried again", async () => {
		const warm = stdio("dying", "raw", ["exit-on-start"], { pool: { min: 1 } });
		const address = addressOf(await bridgeWith([warm]));
		const look = async () => poolStatuses(await readBridges([address])).get("dying");
		await until(async () => (await look())?.startFailures === 1, "the first start has failed");
		for (;;) {
			const pool = await look();
			expect(pool && poolProblem(pool)).toContain("cannot find the database");
			if ((pool?.startFailures ?? 0) > 3) break;
		}
	});

	it("counts a process that died", async () => {
		const { first, addresses } = await workers();
		await first.open("good");
		const pid = first.bridge.status().servers["good"]?.processes[0]?.pid ?? 0;
		process.kill(pid, "SIGKILL");
		await until(() => first.bridge.status().servers["good"]?.deaths === 1, "the death is counted");
		expect(poolStatuses(await readBridges(addresses)).get("good")).toMatchObject({ deaths: 1, sessions: 0 });
	});

	it("is known of the others when one is silent, gone, or no bridge at all", async () => {
		const { first, addresses } = await workers();
		await first.open("good");
		const stuck = await silent();
		const asked = await readBridges([...addresses, stuck, { path: "/nowhere/bridge.sock" }]);
		expect(poolStatuses(asked).get("good")?.sessions).toBe(1);
		expect(asked.map(summarizeBridge)).toEqual([
			{ address: `127.0.0.1:${addresses[0]?.port}`, worker: 0, pid: process.pid, startedAt: expect.any(String) },
			{ address: `127.0.0.1:${addresses[1]?.port}`, worker: 1, pid: process.pid, startedAt: expect.any(String) },
			{ address: `127.0.0.1:${stuck.port}`, problem: "no answer within 1000 ms" },
			{ address: "unix:/nowhere/bridge.sock", problem: expect.stringContaining("ENOENT") },
		]);
		const samples = readMetrics(bridgeMetrics(asked));
		expect(sampleValue(samples, "mcp_gateway_bridge_workers")).toBe(4);
		expect(sampleValue(samples, "mcp_gateway_bridge_workers_up")).toBe(2);
	});
});

describe("metrics of stdio servers", () => {
	it("are a scrape without fault, one series for each server", async () => {
		const { first, second, addresses } = await workers();
		await Promise.all([first.open("good"), second.open("good"), second.post("/dying", initialize)]);
		const samples = readMetrics(bridgeMetrics(await readBridges(addresses)));
		const value = (name: string, server: string, labels = {}) =>
			sampleValue(samples, `mcp_gateway_stdio_${name}`, { server, ...labels });
		expect([value("sessions", "good"), value("sessions", "dying")]).toEqual([2, 0]);
		const states = ["starting", "ready", "idle", "stopping"].map((state) => value("processes", "good", { state }));
		expect(states).toEqual([0, 2, 0, 0]);
		expect(["processes_max", "queue", "starts_total", "restarts_total"].map((name) => value(name, "good"))).toEqual([
			100, 0, 2, 0,
		]);
		expect(["unhealthy", "start_failures_total", "deaths_total"].map((name) => value(name, "dying"))).toEqual([
			1, 1, 0,
		]);
		expect(value("start_duration_seconds_count", "good")).toBe(2);
		expect(value("start_duration_seconds_sum", "good")).toBeGreaterThan(0);
		expect(value("start_duration_seconds_bucket", "good", { le: "+Inf" })).toBe(2);
		expect(value("start_duration_seconds_count", "dying")).toBe(0);
	});

	it("are none where there is no bridge", () => {
		expect(bridgeMetrics([])).toBe("");
	});
});
