import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { WebSocketClientTransport } from "@modelcontextprotocol/sdk/client/websocket.js";
import { ListRootsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { describe, expect, it, onTestFinished } from "vitest";
import { type ClientOptions, WebSocket } from "ws";
import { alive, bridgeWith, initialize, stdio, type TestBridge, until } from "./setup.ts";

const addressOf = (bridge: TestBridge, path: string) => new URL(bridge.url(path).replace("http:", "ws:"));

/** A raw connection; what arrives is kept in order. */
async function open(bridge: TestBridge, path: string, protocols: string[] = ["mcp"], options: ClientOptions = {}) {
	const socket = new WebSocket(addressOf(bridge, path), protocols, options);
	onTestFinished(() => socket.terminate());
	const arrived: string[] = [];
	let wake = () => {};
	socket.on("message", (data) => {
		arrived.push(data.toString());
		wake();
	});
	const closed = once(socket, "close").then(([code, reason]) => ({ code, reason: String(reason) }));
	await once(socket, "open");
	const next = async (): Promise<string> => {
		if (arrived.length === 0) {
			await new Promise<void>((resolve) => {
				wake = resolve;
			});
		}
		return arrived.shift() ?? "";
	};
	return { socket, next, closed, arrived };
}

/** The answer to a handshake that is refused. */
async function refused(bridge: TestBridge, path: string, protocols: string[]) {
	const socket = new WebSocket(addressOf(bridge, path), protocols);
	const [, response] = await once(socket, "unexpected-response");
	let text = "";
	for await (const chunk of response) text += chunk;
	return { status: response.statusCode, body: JSON.parse(text) };
}

const modern = (id: number | string, method: string, params: object = {}, meta: object = {}) =>
	JSON.stringify({
		jsonrpc: "2.0",
		id,
		method,
		params: {
			...params,
			_meta: {
				"io.modelcontextprotocol/protocolVersion": "2026-07-28",
				"io.modelcontextprotocol/clientCapabilities": {},
				...meta,
			},
		},
	});

const refusedRequest = JSON.stringify({ jsonrpc: "2.0", id: "i".repeat(2000), method: "ping" });
const noMessage = "x".repeat(100);
const pingBody = Buffer.alloc(120);

describe("WebSocket", () => {
	it("serves the official client, a process for each connection", async () => {
		const bridge = await bridgeWith([stdio("s", "server")]);
		const connect = async () => {
			const client = new Client({ name: "ws", version: "1" }, { capabilities: { roots: {} } });
			client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: "file:///over-ws" }] }));
			await client.connect(new WebSocketClientTransport(addressOf(bridge, "/s/any/path")));
			onTestFinished(() => client.close());
			return client;
		};
		const [one, two] = await Promise.all([connect(), connect()]);
		const text = async (client: Client, name: string) => JSON.stringify((await client.callTool({ name })).content);
		expect(await text(one, "roots")).toContain("over-ws");
		const pid = Number(/\d+/.exec(await text(one, "pid"))?.[0]);
		expect(await text(two, "pid")).not.toContain(String(pid));
		await one.close();
		await until(async () => !(await alive(pid)), "the process is gone");
	});

	it("passes bytes as they are, and refuses what is no message", async () => {
		const bridge = await bridgeWith([stdio("s", "raw")]);
		const { socket, next } = await open(bridge, "/s", []);
		expect(socket.protocol).toBe("");
		socket.send('{"jsonrpc":"2.0","id":"x","method":"echo"}');
		expect(JSON.parse(await next())).toMatchObject({ id: "x", error: { code: -32600 } });
		socket.send("{");
		expect(JSON.parse(await next())).toMatchObject({ id: null, error: { code: -32700 } });
		socket.send(JSON.stringify(initialize));
		expect(await next()).toContain("early");
		expect(await next()).toContain('"protocolVersion"');
		socket.send('{"jsonrpc":"2.0","method":"odd-answer","id":9.0}');
		expect(await next()).toBe('{"jsonrpc":"2.0","id":9.0,"result":{"a":{"b":[1,null]},"x":"\\u00e9"},"extra":1}');
		socket.send(JSON.stringify(initialize));
		expect(JSON.parse(await next())).toMatchObject({ id: 0, error: { code: -32600 } });
	});

	it("closes with a code that says why", async () => {
		const servers = [stdio("s", "raw"), stdio("idle", "raw", [], { pool: { idleTimeoutMs: 200 } })];
		const bridge = await bridgeWith(servers, { maxBodyBytes: 10_000 });
		const binary = await open(bridge, "/s");
		binary.socket.send(Buffer.from("{}"), { binary: true });
		expect((await binary.closed).code).toBe(1003);
		const large = await open(bridge, "/s");
		large.socket.send("x".repeat(20_000));
		expect((await large.closed).code).toBe(1009);
		const dying = await open(bridge, "/s");
		dying.socket.send(JSON.stringify(initialize));
		await dying.next();
		await dying.next();
		dying.socket.send('{"jsonrpc":"2.0","id":1,"method":"exit"}');
		expect(await dying.next()).toMatch(/"id":1.*process_died.*exited with code 7/);
		expect(await dying.closed).toMatchObject({ code: 1011, reason: expect.stringContaining("exited with code 7") });
		expect((await (await open(bridge, "/idle")).closed).code).toBe(1001);
		const last = await open(bridge, "/s");
		await bridge.bridge.close({ graceMs: 0 });
		await last.closed;
	});

	it("refuses other subprotocols alone, and servers that it does not know", async () => {
		const bridge = await bridgeWith([stdio("s", "raw")]);
		expect(await refused(bridge, "/s", ["graphql-ws"])).toMatchObject({
			status: 400,
			body: { error: { data: { reason: "bad_request", server: "s" } } },
		});
		expect(await refused(bridge, "/none", ["mcp"])).toMatchObject({
			status: 404,
			body: { error: { data: { reason: "unknown_server" } } },
		});
		expect((await open(bridge, "/s", ["graphql-ws", "mcp"])).socket.protocol).toBe("mcp");
	});

	it.each([
		["requests that the bridge refuses", 20_000, (socket: WebSocket) => socket.send(refusedRequest)],
		["text that is no message", 200_000, (socket: WebSocket) => socket.send(noMessage)],
		["pings", 200_000, (socket: WebSocket) => socket.ping(pingBody)],
	])("reads no further %s while the client does not take the answers", async (_what, count, ask) => {
		const bridge = await bridgeWith([stdio("s", "raw")]);
		const { socket } = await open(bridge, "/s");
		let answers = 0;
		socket.on("message", () => answers++).on("pong", () => answers++);
		socket.pause();
		let taken = 0;
		const askAll = async () => {
			for (; taken < count; taken += 100) {
				for (let n = 0; n < 100; n++) ask(socket);
				await until(() => socket.bufferedAmount === 0, "the bridge reads on", 60_000);
			}
		};
		const asked = askAll();
		let before = -1;
		const stands = () => {
			const same = taken === before;
			before = taken;
			return sleep(1000, same);
		};
		await until(stands, "nothing more is read", 60_000);
		expect(taken).toBeLessThan(count);
		socket.resume();
		await asked;
		await until(() => answers === count, "all is answered");
	});

	it("makes a slow client's server wait", async () => {
		const bridge = await bridgeWith([stdio("s", "raw")]);
		const { socket, next, arrived } = await open(bridge, "/s");
		socket.send(JSON.stringify(initialize));
		await next();
		await next();
		socket.pause();
		const size = 30_000_000;
		socket.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "huge", params: { size } }));
		socket.send('{"jsonrpc":"2.0","id":2,"method":"echo"}');
		const calls = () => bridge.bridge.status().servers["s"]?.processes[0]?.calls ?? 0;
		await until(() => calls() === 2, "the requests at the process");
		await until(() => calls() < 2, "the first answer to be read of the process");
		socket.send('{"jsonrpc":"2.0","id":3,"method":"echo"}');
		await until(() => calls() > 0, "the next request at the process");
		await sleep(200);
		expect(calls()).toBeGreaterThan(0);
		expect(arrived).toEqual([]);
		socket.resume();
		expect((await next()).length).toBeGreaterThan(size);
		expect(JSON.parse(await next()).id).toBe(2);
	});

	it("answers requests of 2026-07-28 without a session, and cancels what its client leaves", async () => {
		const bridge = await bridgeWith([stdio("m", "pool", ["modern"]), stdio("old", "raw")]);
		const { socket, next } = await open(bridge, "/m");
		socket.send(modern(1, "echo", { text: "one" }));
		expect(JSON.parse(await next())).toMatchObject({ id: 1, result: { params: { text: "one" } } });
		socket.send(modern("p", "progress", { n: 2 }, { progressToken: "t" }));
		for (const progress of [1, 2]) {
			expect(JSON.parse(await next())).toMatchObject({ params: { progressToken: "t", progress } });
		}
		expect(JSON.parse(await next())).toMatchObject({ id: "p", result: {} });
		const waits = () => bridge.bridge.status().servers["m"]?.processes[0]?.calls === 1;
		socket.send(modern(2, "wait"));
		await until(waits, "the call at the process");
		socket.send('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}');
		const cancelled = async () => {
			const other = await open(bridge, "/m");
			other.socket.send(modern(1, "cancelled"));
			const { result } = JSON.parse(await other.next());
			other.socket.close();
			return result.count;
		};
		await until(async () => (await cancelled()) === 1, "the cancellation at the process");
		socket.send(modern(3, "wait"));
		await until(waits, "the next call at the process");
		socket.close();
		await until(async () => (await cancelled()) === 2, "the cancellation of what was left");
		expect(bridge.bridge.status().servers["m"]).toMatchObject({ starts: 1 });
		const old = await open(bridge, "/old");
		old.socket.send(modern("d", "server/discover"));
		expect(JSON.parse(await old.next())).toMatchObject({ id: "d" });
	});

	it("goes on with the server's new definition where it has no session", async () => {
		const bridge = await bridgeWith([stdio("m", "pool", ["modern"])]);
		const { socket, next } = await open(bridge, "/m");
		const other = await open(bridge, "/m");
		socket.send(modern(1, "echo"));
		expect(JSON.parse(await next())).toHaveProperty("result");
		bridge.source.set([stdio("m", "pool", ["modern"], { env: { CHANGED: "1" } })]);
		socket.send(modern(2, "echo"));
		expect(JSON.parse(await next())).toHaveProperty("result");
		other.socket.send(JSON.stringify(initialize));
		expect(JSON.parse(await other.next())).toHaveProperty("result");
	});
});
