import { once } from "node:events";
import { createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { scan } from "../../../stdio-bridge/messages/scan.ts";
import { Pool } from "../../../stdio-bridge/pool/pool.ts";
import { LocalSlots } from "../../../stdio-bridge/pool/slots.ts";
import { startGuard } from "../../../stdio-bridge/processes/guard.ts";
import { createCounters } from "../../../stdio-bridge/status.ts";
import { handleStateless } from "../../../stdio-bridge/transports/stateless.ts";
import { type Answer, type Entry, memoryLog, stdio, toAnswer, until } from "./setup.ts";

const VERSION = "io.modelcontextprotocol/protocolVersion";
const META = { [VERSION]: "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} };

interface Asked {
	readonly method: string;
	readonly params?: { readonly _meta?: object; readonly [name: string]: unknown };
	/** False: a notification. */
	readonly id?: string | number | false;
	readonly headers?: Record<string, string>;
}

/** An HTTP server with nothing but the handler, in front of real processes. */
async function serve(entry: Entry = {}, script: "stateless" | "pool" = "stateless", args: string[] = []) {
	const { log } = memoryLog();
	const guard = startGuard(log);
	const server = stdio("a", script, args, { ...entry, pool: { mode: "shared", ...entry.pool } });
	const pool = new Pool(server, {
		log,
		expand: (template) => ({ ok: true, value: template }),
		env: process.env,
		child: { stop: { stdinMs: 300, termMs: 300 }, guard, maxLineBytes: 8 * 1024 * 1024 },
		counters: createCounters(),
		processSlots: new LocalSlots(server.pool),
		min: 0,
	});
	const http = createServer(async (incoming, response) => {
		const body = Buffer.concat(await incoming.toArray());
		const scanned = scan(body);
		if (!scanned.ok) throw new Error(scanned.detail);
		await handleStateless(incoming, response, pool, scanned.messages[0]!, { server: "a", requestId: "r1" });
	});
	http.listen(0, "127.0.0.1");
	await once(http, "listening");
	onTestFinished(async () => {
		http.closeAllConnections();
		http.close();
		await pool.retire(0, "quiet");
		await guard.close();
	});
	const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/a`;
	const toRequest = ({ method, params = {}, id = 1, headers }: Asked) => ({
		method: "POST",
		headers: {
			"content-type": "application/json",
			accept: "application/json, text/event-stream",
			"mcp-protocol-version": "2026-07-28",
			"mcp-method": method,
			...(typeof params["name"] === "string" && { "mcp-name": params["name"] }),
			...headers,
		},
		body: JSON.stringify({
			jsonrpc: "2.0",
			...(id !== false && { id }),
			method,
			params: { ...params, _meta: { ...META, ...params["_meta"] } },
		}),
	});
	const post = async (asked: Asked): Promise<Answer> => toAnswer(await fetch(url, toRequest(asked)));
	/** The same, answered by its raw response; nothing of it is read yet. */
	const open = (asked: Asked) => {
		const { body, ...options } = toRequest(asked);
		const outgoing = request(url, options);
		outgoing.on("error", () => {});
		outgoing.end(body);
		const response = once(outgoing, "response").then(([incoming]) => incoming as IncomingMessage);
		response.catch(() => {});
		return { outgoing, response };
	};
	const received = async (): Promise<{ id?: unknown; method: string; params?: Record<string, unknown> }[]> => {
		const { body } = await post({ method: "received" });
		return (body.result?.["received"] as string[]).map((line) => JSON.parse(line));
	};
	const methods = async () => (await received()).map(({ method }) => method);
	return { pool, post, open, received, methods };
}

test("an answer that comes first is JSON, without a session", async () => {
	const { post } = await serve();
	const answer = await post({ method: "tools/list", id: "größe" });
	expect(answer.status).toBe(200);
	expect(answer.headers.get("content-type")).toBe("application/json");
	expect(answer.headers.get("mcp-session-id")).toBeNull();
	expect(answer.body).toMatchObject({ id: "größe", result: { nextCursor: "2" } });
});

test("what comes before the answer makes it a stream", async () => {
	const { post } = await serve();
	const { status, headers, messages } = await post({ method: "progress", params: { _meta: { progressToken: "p" } } });
	expect(status).toBe(200);
	expect(headers.get("content-type")).toBe("text/event-stream");
	expect(headers.get("x-accel-buffering")).toBe("no");
	expect(messages.map(({ params, result }) => result ?? params)).toEqual([
		{ progressToken: "p", progress: 1 },
		{ progressToken: "p", progress: 2 },
		{},
	]);
});

test("log messages reach a request that asks for them, and no other", async () => {
	const { post } = await serve();
	const level = { _meta: { "io.modelcontextprotocol/logLevel": "info" } };
	const methods = async (params: object) =>
		(await post({ method: "log", params: { ...params } })).messages.map((m) => m.method);
	expect(await methods(level)).toEqual(["notifications/message", undefined]);
	expect(await methods({})).toEqual([undefined]);
});

test.each([
	[-32601, 404],
	[-32020, 400],
	[-32021, 400],
	[-32022, 400],
	[-32602, 200],
	[-32603, 200],
	[-32600, 200],
	[1, 200],
])("the server's error %i has status %i", async (code, status) => {
	const { post } = await serve();
	const answer = await post({ method: "fail", params: { code }, id: 1.5 });
	expect(answer.status).toBe(status);
	expect(answer.body).toEqual({ jsonrpc: "2.0", id: 1.5, error: { code, message: "as asked" } });
});

test("headers that do not fit the body are refused before the process hears of it", async () => {
	const { post, methods } = await serve();
	await post({ method: "tools/list" });
	const refused = await post({ method: "prompts/get", params: { name: "a" }, headers: { "mcp-name": "b" }, id: "x" });
	expect(refused.status).toBe(400);
	expect(refused.body).toMatchObject({ id: "x", error: { code: -32020, data: { mismatch: { header: "b" } } } });
	expect(await methods()).not.toContain("prompts/get");
});

test("a revision that the server does not speak is refused with those that it does", async () => {
	const { post, methods } = await serve();
	const version = "2028-01-01";
	const ask = (version: string) =>
		post({ method: "echo", params: { _meta: { [VERSION]: version } }, headers: { "mcp-protocol-version": version } });
	const { status, body } = await ask(version);
	expect(status).toBe(400);
	expect(body.error).toMatchObject({
		code: -32022,
		data: { supported: ["2026-07-28", "2027-01-01"], requested: version },
	});
	expect(await methods()).not.toContain("echo");
	// One that it does speak is its own to answer.
	expect((await ask("2027-01-01")).body.error).toMatchObject({ code: -32601, message: "no such method" });
});

test("headers that a tool asks for must repeat its arguments", async () => {
	const { post, methods } = await serve();
	const call = (name: string, args: object, headers: Record<string, string> = {}) =>
		post({ method: "tools/call", params: { name, arguments: args }, headers });
	expect((await call("region", { region: "eu" }, { "mcp-param-region": "eu" })).body.result).toEqual({
		called: "region",
	});
	expect((await call("region", {})).body.result).toEqual({ called: "region" });
	expect((await call("plain", { region: "eu" })).body.result).toEqual({ called: "plain" });
	const refused = await call("region", { region: "eu" }, { "mcp-param-region": "us" });
	expect(refused.status).toBe(400);
	expect(refused.body.error).toMatchObject({ code: -32020, data: { mismatch: { header: "us" } } });
	expect((await call("region", { region: "eu" })).status).toBe(400);
	const heard = await methods();
	expect(heard.filter((method) => method === "tools/call")).toHaveLength(3);
	// Both pages, once.
	expect(heard.filter((method) => method === "tools/list")).toHaveLength(2);
});

test("a client that knows a newer list of tools is right", async () => {
	const { post } = await serve();
	const call = (header: string) =>
		post({
			method: "tools/call",
			params: { name: "region", arguments: { region: "eu" } },
			headers: { [header]: "eu" },
		});
	expect((await call("mcp-param-region")).status).toBe(200);
	await post({ method: "rename", params: { header: "Area" } });
	await until(async () => (await call("mcp-param-area")).status === 200, "the list to be read again");
	await until(async () => (await call("mcp-param-region")).status === 400, "the old header to be refused");
});

test("a server that does not list its tools keeps its callers waiting once", async () => {
	const { post, methods } = await serve({}, "stateless", ["silent-list"]);
	const call = (name: string) => post({ method: "tools/call", params: { name, arguments: { region: "eu" } } });
	for (const name of ["region", "plain", "unknown"]) {
		expect(await call(name)).toMatchObject({ status: 200, body: { result: { called: name } } });
	}
	expect((await methods()).filter((method) => method === "tools/list")).toHaveLength(1);
});

test("a disconnect reaches the process as a cancellation, at once", async () => {
	const { open, received } = await serve();
	const { outgoing } = open({ method: "wait" });
	const waiting = () => received().then((all) => all.find(({ method }) => method === "wait"));
	await until(async () => (await waiting()) !== undefined, "the call");
	const call = await waiting();
	outgoing.destroy();
	await until(async () => {
		const cancelled = (await received()).filter(({ method }) => method === "notifications/cancelled");
		return cancelled.length === 1 && cancelled[0]?.params?.["requestId"] === call?.id;
	}, "the cancellation");
});

test("a client that goes while it waits for a process leaves nothing behind", async () => {
	const { open, pool, post } = await serve({ pool: { mode: "session", max: 1 } });
	const holder = open({ method: "wait" });
	await until(() => pool.status().processes.some(({ calls }) => calls === 1), "the call");
	const waiting = open({ method: "wait" });
	await until(() => pool.status().waiting === 1, "somebody to wait");
	waiting.outgoing.destroy();
	holder.outgoing.destroy();
	expect((await post({ method: "tools/list" })).status).toBe(200);
	expect(pool.status().waiting).toBe(0);
	expect(pool.status().processes).toHaveLength(1);
});

test("notifications are taken, and a cancellation by message names nobody's request", async () => {
	const { open, post, methods } = await serve();
	const { response } = open({ method: "wait", id: 7 });
	await until(async () => (await methods()).includes("wait"), "the call");
	const { status, headers } = await post({ method: "notifications/x", id: false });
	expect(status).toBe(202);
	expect(headers.get("content-length")).toBe("0");
	const cancelled = { method: "notifications/cancelled", id: false, params: { requestId: 7 } } as const;
	expect((await post(cancelled)).status).toBe(202);
	await until(async () => (await methods()).includes("notifications/x"), "the notification");
	expect(await methods()).not.toContain("notifications/cancelled");
	void response;
});

test("a subscription is a stream until the client goes", async () => {
	const { open, received } = await serve();
	const { outgoing, response } = open({ method: "subscriptions/listen", id: "s" });
	const incoming = await response;
	expect(incoming.headers["content-type"]).toBe("text/event-stream");
	let text = "";
	incoming.setEncoding("utf8").on("data", (part: string) => {
		text += part;
	});
	incoming.on("error", () => {});
	await until(() => text.includes("list_changed"), "the change");
	const [first, second] = [...text.matchAll(/^data: (.+)$/gm)].map(([, data]) => JSON.parse(data!));
	const _meta = { "io.modelcontextprotocol/subscriptionId": "s" };
	expect(first).toMatchObject({ method: "notifications/subscriptions/acknowledged", params: { _meta } });
	expect(second).toMatchObject({ method: "notifications/tools/list_changed", params: { _meta } });
	outgoing.destroy();
	await until(async () => (await received()).some(({ method }) => method === "notifications/cancelled"), "its end");
});

test("a subscription ends with the server's word", async () => {
	const { post } = await serve();
	const listen = (then: string) => post({ method: "subscriptions/listen", id: "s", params: { then } });
	const ended = await listen("end");
	expect(ended.body).toMatchObject({ id: "s", result: { _meta: { "io.modelcontextprotocol/subscriptionId": "s" } } });
	const cancelled = await listen("cancel");
	expect(cancelled.body).toMatchObject({ method: "notifications/cancelled", params: { requestId: "s" } });
	const refused = await listen("refuse");
	expect(refused.headers.get("content-type")).toBe("application/json");
	expect(refused).toMatchObject({ status: 200, body: { id: "s", error: { code: -32602 } } });
});

test("a process that dies is an error, on a stream too", async () => {
	const { post, open } = await serve();
	const listening = open({ method: "subscriptions/listen", id: "s" });
	const stream = await listening.response;
	const died = await post({ method: "die", id: "d" });
	expect(died.status).toBe(502);
	expect(died.body).toMatchObject({
		id: "d",
		error: { data: { reason: "process_died", server: "a", requestId: "r1" } },
	});
	const text = Buffer.concat(await stream.toArray()).toString();
	const last = [...text.matchAll(/^data: (.+)$/gm)].map(([, data]) => JSON.parse(data!)).at(-1);
	expect(last).toMatchObject({ id: "s", error: { data: { reason: "process_died" } } });
});

test("a server of older revisions only sends clients to initialize", async () => {
	const { post } = await serve({}, "pool");
	const { status, body } = await post({ method: "server/discover", id: "x" });
	expect(status).toBe(400);
	expect(body).toMatchObject({ id: "x", error: { data: { reason: "session_required" } } });
});

test("a client that reads nothing stops the process from writing", async () => {
	const { open, pool } = await serve({ pool: { mode: "session" } });
	const n = 1000;
	const { response } = open({ method: "flood", params: { n, _meta: { progressToken: 1 } } });
	const incoming = await response;
	// 64 MB are asked for; the sockets and pipes between hold some of it.
	const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
	await new Promise((resolve) => setTimeout(resolve, 500));
	expect(process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before).toBeLessThan(32 * 1024 * 1024);
	expect(pool.status().processes[0]?.calls).toBe(1);
	let bytes = 0;
	for await (const part of incoming) bytes += (part as Buffer).length;
	expect(bytes).toBeGreaterThan(n * 64 * 1024);
});
