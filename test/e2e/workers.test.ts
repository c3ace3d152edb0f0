import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { ResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually, type Gateway, startGateway } from "../support/gateway.ts";
import { openApiChecker } from "../support/openapi.ts";
import { readMetrics, sampleValue } from "../support/prometheus.ts";

/** Several workers of the bridge behind a real Envoy. */

const raw = fileURLToPath(new URL("../fixtures/stdio/raw.ts", import.meta.url));
const entry = (pool: object = {}, ...args: string[]) => ({ cmd: [process.execPath, raw, ...args], pool });
const registry = {
	many: entry({ mode: "session" }),
	moving: entry({ mode: "session" }),
	plain: entry(),
	stubborn: entry({ mode: "session" }, "stubborn"),
	dying: entry({}, "exit-on-start"),
};

interface Server {
	readonly state: string;
	readonly problem?: string;
	readonly endpoints?: readonly { readonly address: string; readonly health: string; readonly standby?: boolean }[];
	readonly pool?: {
		readonly sessions: number;
		readonly processes: readonly { readonly pid: number; readonly worker: number }[];
	};
}
interface Bridge {
	readonly worker?: number;
	readonly pid?: number;
}

let gateway: Gateway;
beforeAll(async () => {
	gateway = await startGateway({ registry, args: ["--bridge-workers", "2"] });
});
afterAll(async () => {
	await gateway?.stop();
});

const server = async (id: string) => (await (await fetch(`${gateway.adminUrl}/v1/servers/${id}`)).json()) as Server;
const bridges = async () =>
	((await (await fetch(`${gateway.adminUrl}/v1/status`)).json()) as { bridges: Bridge[] }).bridges;

async function post(id: string, message: object, session?: string) {
	const answer = await fetch(`${gateway.url}/${id}`, {
		method: "POST",
		headers: {
			"content-type": "application/json",
			accept: "application/json, text/event-stream",
			...(session !== undefined && { "mcp-session-id": session }),
		},
		body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...message }),
	});
	const text = await answer.text();
	const json = answer.headers.get("content-type")?.startsWith("text/event-stream")
		? (text.match(/^data: (\{.*"id":1.*)$/m)?.[1] ?? "{}")
		: text;
	return {
		status: answer.status,
		session: answer.headers.get("mcp-session-id") ?? "",
		body: JSON.parse(json || "{}") as { result?: { pid: number }; error?: { data: { reason: string } } },
	};
}

const initialize = (id: string) =>
	post(id, {
		method: "initialize",
		params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } },
	});

async function open(id: string): Promise<string> {
	const { status, session, body } = await initialize(id);
	expect(status, JSON.stringify(body)).toBe(200);
	return session;
}
const pidOf = async (id: string, session: string) => {
	const { status, body } = await post(id, { method: "whoami" }, session);
	expect(status, `${JSON.stringify(body)}\n${gateway.output()}`).toBe(200);
	return body.result?.pid ?? 0;
};
/** Opens sessions until both workers have some, `count` at least; Envoy leaves one that was down alone for a while. */
async function spread(id: string, count: number) {
	const all: { session: string; pid: number; worker: number | undefined }[] = [];
	await eventually("both workers have sessions", async () => {
		const session = await open(id);
		const pid = await pidOf(id, session);
		const { pool } = await server(id);
		all.push({ session, pid, worker: pool?.processes.find((process) => process.pid === pid)?.worker });
		return all.length >= count && [0, 1].every((worker) => all.some((one) => one.worker === worker));
	});
	return all;
}

describe("two workers of the bridge", () => {
	test("share a server's sessions, and each session stays with its process", async () => {
		const all = await spread("many", 6);
		expect(new Set(all.map(({ pid }) => pid)).size).toBe(all.length);
		for (let round = 0; round < 5; round++) {
			await Promise.all(all.map(async ({ session, pid }) => expect(await pidOf("many", session)).toBe(pid)));
		}
	});

	test("without a mode a server is in one of them", async () => {
		await Promise.all([open("plain"), open("plain"), open("plain"), open("plain")]);
		const { pool, endpoints } = await server("plain");
		expect(new Set(pool?.processes.map(({ worker }) => worker)).size).toBe(1);
		expect(endpoints?.map(({ standby = false }) => standby).sort()).toEqual([false, true]);
	});

	test("messages of HTTP+SSE find the worker that has their stream", async () => {
		const clients = await Promise.all(
			Array.from({ length: 4 }, async () => {
				const client = new Client({ name: "t", version: "1" });
				await client.connect(new SSEClientTransport(new URL(`${gateway.url}/many`)));
				return client;
			}),
		);
		const whoami = async (client: Client) => (await client.request({ method: "whoami" }, ResultSchema))["pid"];
		const pids = await Promise.all(clients.map(whoami));
		expect(new Set(pids).size).toBe(4);
		// Envoy sends each POST to the next worker, whichever that is.
		for (let round = 0; round < 5; round++) expect(await Promise.all(clients.map(whoami))).toEqual(pids);
		for (const client of clients) await client.close();
	});

	test("a worker that dies ends its own sessions with one 404; what comes next works at once", async () => {
		const all = await spread("many", 6);
		const old = (await bridges()).find(({ worker }) => worker === 0)?.pid ?? 0;
		process.kill(old, "SIGKILL");
		await eventually("it is started again", async () =>
			(await bridges()).some(({ worker, pid }) => worker === 0 && pid !== old),
		);
		for (const { session, pid, worker } of all) {
			if (worker === 1) expect(await pidOf("many", session)).toBe(pid);
			else {
				const lost = await post("many", { method: "whoami" }, session);
				expect([lost.status, lost.body.error?.data.reason]).toEqual([404, "session_lost"]);
				expect(await pidOf("many", await open("many"))).toBeGreaterThan(0);
			}
		}
	});

	test("while a worker is down, new sessions open in the other one, of a server that is only in one of them too", async () => {
		const [first, second] = await bridges();
		await open("plain");
		const { pool } = await server("plain");
		const home = pool?.processes[0]?.worker;
		const old = [first, second].find(({ worker } = {}) => worker === home)?.pid ?? 0;
		process.kill(old, "SIGKILL");
		await eventually("it is gone", () => !existsSync(`/proc/${old}`));
		for (let n = 0; n < 3; n++) await open("plain");
		for (let n = 0; n < 3; n++) await open("many");
		await eventually("it is started again", async () =>
			(await bridges()).some(({ worker, pid }) => worker === home && pid !== old && pid !== undefined),
		);
	});

	test("a reload that moves one server ends no session, be it another's or its own", async () => {
		const many = await spread("many", 4);
		const moving = await spread("moving", 4);
		await gateway.writeRegistry({ ...registry, moving: entry({ mode: "shared" }) });
		await eventually("it is in one worker", async () => {
			const { endpoints } = await server("moving");
			return endpoints?.some(({ standby }) => standby) === true;
		});
		for (const { session, pid } of many) expect(await pidOf("many", session)).toBe(pid);
		for (const { session, pid } of moving) expect(await pidOf("moving", session)).toBe(pid);
	});

	test("a bridge that is killed as a whole is back, though its processes do not want to end", async () => {
		const old = await spread("stubborn", 2);
		const before = await bridges();
		const { bridge = 0 } = await gateway.children();
		process.kill(bridge, "SIGKILL");
		await eventually(
			"all workers are new",
			async () => {
				const now = await bridges();
				return now.every(
					({ worker, pid }, index) => worker === index && pid !== undefined && pid !== before[index]?.pid,
				);
			},
			30_000,
		);
		expect(gateway.output()).not.toContain("another process is listening");
		await eventually("a session opens", async () => (await initialize("stubborn")).status === 200);
		for (const { pid } of old) await eventually(`${pid} is gone`, () => !existsSync(`/proc/${pid}`));
	});

	test("status, API and metrics tell of all of them, and why a server does not start", async () => {
		await eventually("Envoy sends to a worker", async () => (await initialize("plain")).status === 200);
		const failed = await initialize("dying");
		expect([failed.status, failed.body.error?.data.reason]).toEqual([503, "process_failed_to_start"]);
		const dying = await server("dying");
		expect([dying.state, dying.problem]).toEqual(["failing", expect.stringContaining("cannot find the database")]);
		expect((await bridges()).map(({ worker }) => worker)).toEqual([0, 1]);

		const check = openApiChecker(JSON.parse(await (await fetch(`${gateway.adminUrl}/openapi.json`)).text()));
		for (const path of ["/v1/status", "/v1/servers", "/v1/servers/many"]) {
			const answer = await fetch(`${gateway.adminUrl}${path}`);
			const contentType = answer.headers.get("content-type") ?? "";
			const body = await answer.text();
			expect(check({ method: "GET", path, status: answer.status, contentType, body }), body).toEqual([]);
		}

		const samples = readMetrics(await (await fetch(`${gateway.adminUrl}/metrics`)).text());
		const sessions = (await server("many")).pool?.sessions;
		expect(sampleValue(samples, "mcp_gateway_stdio_sessions", { server: "many" })).toBe(sessions);
		expect(sampleValue(samples, "mcp_gateway_stdio_unhealthy", { server: "dying" })).toBe(1);
		expect(sampleValue(samples, "mcp_gateway_bridge_workers_up")).toBe(2);
	});
});
