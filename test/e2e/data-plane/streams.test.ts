import { connect as connectHttp2 } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Gateway, startGateway } from "../../support/gateway.ts";
import { type Recorder, startRecorder } from "../../support/upstreams.ts";
import { expectGatewayError, open, readUntil, send } from "./client.ts";

let upstream: Recorder;
let gateway: Gateway;

beforeAll(async () => {
	upstream = await startRecorder();
	gateway = await startGateway({
		registry: {
			s: { type: "http", endpoint: `${upstream.url}/mcp` },
			limited: { type: "http", endpoint: `${upstream.url}/mcp`, timeouts: { request: "300ms" } },
			idle: { type: "http", endpoint: `${upstream.url}/mcp`, timeouts: { idle: "300ms" } },
		},
	});
});
afterAll(async () => {
	await gateway?.stop();
	await upstream?.close();
});
beforeEach(() => {
	upstream.clear();
	upstream.reply({ chunks: ["data: one\n\n"], hang: true });
});

const get = "GET /s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
const body = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x"}}';
const post = `POST /s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

describe("server-sent events", () => {
	test.each([
		["GET", get],
		["POST", post],
	])("an event on %s arrives before the stream ends, and the next ones as they come", async (_method, request) => {
		const socket = open(gateway.url, request);
		await readUntil(socket, (text) => text.includes("data: one\n\n"));
		const { response } = await upstream.next();
		for (const event of ["data: two\n\n", ": comment\n\n", "id: 3\nretry: 10\ndata: three\n\n"]) {
			response?.write(event);
			await readUntil(socket, (text) => text.includes(event));
		}
		socket.destroy();
	});

	test("a client's end reaches the upstream", async () => {
		for (const request of [get, post]) {
			const socket = open(gateway.url, request);
			await readUntil(socket, (text) => text.includes("data: one"));
			const seen = await upstream.next();
			socket.destroy();
			expect(await seen.closed).toBe("aborted");
		}
	});

	test("the upstream's end reaches the client, a proper one and a broken one", async () => {
		const proper = open(gateway.url, get);
		await readUntil(proper, (text) => text.includes("data: one"));
		(await upstream.next()).response?.end("data: last\n\n");
		expect(await readUntil(proper, (text) => text.endsWith("\r\n0\r\n\r\n"))).toContain("data: last\n\n");
		proper.destroy();

		const broken = open(gateway.url, get);
		await readUntil(broken, (text) => text.includes("data: one"));
		(await upstream.next()).response?.socket?.destroy();
		expect(await readUntil(broken)).not.toMatch(/0\r\n\r\n$/);
	});

	// Envoy's defaults cut a silent stream after 15 s (route timeout); nothing but time itself shows that they are off.
	test("streams that are silent for 17 s are not cut", async () => {
		const sockets = [get, post].map((request) => open(gateway.url, request));
		await Promise.all(sockets.map((socket) => readUntil(socket, (text) => text.includes("data: one"))));
		upstream.reply({ delayMs: 17_000, body: "late" });
		const late = send(gateway.url, "/s", { body });
		await sleep(17_000);
		const seen = [await upstream.next(), await upstream.next()];
		for (const { response } of seen) response?.write("data: still here\n\n");
		await Promise.all(sockets.map((socket) => readUntil(socket, (text) => text.includes("still here"))));
		expect(await late).toMatchObject({ status: 200, text: "late" });
		for (const socket of sockets) socket.destroy();
	});

	test("a body can be streamed up while the answer streams down", async () => {
		upstream.reply({ early: true, chunks: ["data: early\n\n"], hang: true });
		const socket = open(gateway.url, "POST /s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n");
		socket.write("x".repeat(100_000));
		await readUntil(socket, (text) => text.includes("data: early"));
		const seen = await upstream.next();
		expect(seen.ended).toBe(false);
		socket.write("x".repeat(100_000));
		await expect.poll(() => seen.body.length).toBe(200_000);
		socket.destroy();
	});
});

describe("timeouts that the entry asks for", () => {
	test.each(["limited", "idle"])("%s: no answer is a 504", async (id) => {
		upstream.reply({ hang: true });
		const headers = { "content-type": "application/json", "x-request-id": "r" };
		expectGatewayError(await send(gateway.url, `/${id}`, { headers, body }), "timeout", {
			id: 7,
			server: id,
			requestId: "r",
		});
		expect(upstream.requests).toHaveLength(1);
	});

	test("idle does not cut a stream that has events", async () => {
		upstream.reply({ chunks: Array.from({ length: 8 }, (_, n) => `data: ${n}\n\n`), chunkDelayMs: 100 });
		expect((await send(gateway.url, "/idle")).text).toContain("data: 7");
	});
});

describe("WebSocket", () => {
	test.each(["/s", "/s/", "/s/ws?x=1", "/s/a/b%2Fc"])("%s is upgraded and echoes", async (target) => {
		const key = "dGhlIHNhbXBsZSBub25jZQ==";
		const socket = open(
			gateway.url,
			`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mcp\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
		);
		const head = await readUntil(socket, (text) => text.includes("\r\n\r\n"));
		expect(head).toMatch(/^HTTP\/1.1 101 /);
		expect(head).toMatch(/sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i);
		expect(head).toMatch(/sec-websocket-protocol: mcp/i);
		const { target: seen, upgrade } = await upstream.next();
		expect([seen, upgrade]).toEqual([target.replace(/^\/s\/?$/, "/mcp").replace(/^\/s\//, "/mcp/"), true]);
		socket.write(Buffer.from([0x81, 0x85, 0, 0, 0, 0, ...Buffer.from("hello")])); // masked with zeros
		expect(await readUntil(socket, (text) => text.length >= 7)).toBe("\x81\x05hello");
		socket.destroy();
	});

	test("a browser's WebSocket from a foreign origin is refused", async () => {
		const headers = {
			connection: "Upgrade",
			upgrade: "websocket",
			"sec-websocket-version": "13",
			"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
			origin: "https://evil.example",
		};
		expectGatewayError(await send(gateway.url, "/s", { headers }), "origin_denied", { server: "s" });
		expect(upstream.requests).toEqual([]);
	});
});

test("HTTP/2 with prior knowledge is served, streams included", async () => {
	const session = connectHttp2(gateway.url);
	const ask = (path: string, payload?: string) => {
		const stream = session.request({ ":path": path, ":method": payload === undefined ? "GET" : "POST" });
		stream.end(payload);
		return stream;
	};
	upstream.reply((request) => ({ body: `${request.method} ${request.target} ${request.body}` }));
	let text = "";
	for await (const part of ask("/s/x?y=%2F", "hello")) text += part;
	expect(text).toBe("POST /mcp/x?y=%2F hello");
	text = "";
	for await (const part of ask("/nosuch")) text += part;
	expect(JSON.parse(text)).toMatchObject({ id: null, error: { data: { reason: "unknown_server" } } });
	upstream.reply({ chunks: ["data: one\n\n"], hang: true });
	upstream.clear();
	const stream = ask("/s");
	await new Promise((resolve) => stream.once("data", resolve));
	const seen = await upstream.next();
	stream.close();
	expect(await seen.closed).toBe("aborted");
	session.close();
});
