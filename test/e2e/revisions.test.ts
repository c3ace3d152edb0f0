import { connect as connectHttp2 } from "node:http2";
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from "@modelcontextprotocol/client";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Gateway, startGateway } from "../support/gateway.ts";
import {
	type Recorder,
	type Replica,
	startConformanceReplicas,
	startMcpServer,
	startRecorder,
	startSseServer,
} from "../support/upstreams.ts";
import { open, readUntil, send } from "./data-plane/client.ts";

/** Every revision of MCP through the gateway, each with three replicas. */

let gateway: Gateway;
let both: Awaited<ReturnType<typeof startConformanceReplicas>>;
let legacy: Replica[] = [];
let recorder: Recorder;

beforeAll(async () => {
	const names = ["a", "b", "c"];
	both = await startConformanceReplicas(3);
	const http = await Promise.all(names.map((name) => startMcpServer({ name })));
	const sse = await Promise.all(names.map((name) => startSseServer({ name })));
	legacy = [...http, ...sse];
	recorder = await startRecorder();
	gateway = await startGateway({
		registry: {
			both: { type: "http", endpoints: both.replicas.map(({ url }) => url) },
			http: { type: "http", endpoints: http.map(({ url }) => url) },
			sse: { type: "sse", endpoints: sse.map(({ url }) => url) },
			recorded: { type: "http", endpoint: `${recorder.url}/mcp` },
		},
	});
});
afterAll(async () => {
	await gateway?.stop();
	await both?.close();
	for (const replica of legacy) await replica.close();
	await recorder?.close();
});
beforeEach(() => {
	recorder.clear();
	recorder.reply({ body: "{}" });
});

const json = { "content-type": "application/json", accept: "application/json, text/event-stream" };

function initialize(protocolVersion: string) {
	const params = { protocolVersion, capabilities: {}, clientInfo: { name: "test", version: "1" } };
	return { jsonrpc: "2.0" as const, id: 0, method: "initialize", params };
}
const initialized = { jsonrpc: "2.0" as const, method: "notifications/initialized" };
const toolCall = (id: number, name: string, args: object = {}) => ({
	jsonrpc: "2.0" as const,
	id,
	method: "tools/call",
	params: { name, arguments: args },
});

/** The JSON-RPC messages of an answer, of whichever type it is. */
function messages(answer: { text: string; headers: Record<string, string | undefined> }): JSONRPCMessage[] {
	if (answer.headers["content-type"]?.startsWith("text/event-stream") !== true) return [JSON.parse(answer.text)].flat();
	return [...answer.text.matchAll(/^data: (.+)$/gm)].map(([, data]) => JSON.parse(data ?? ""));
}

/** A session of a revision with `initialize`; returns what posts to it. */
async function openSession(id: string, version: string) {
	const first = await send(gateway.url, `/${id}`, { headers: json, body: JSON.stringify(initialize(version)) });
	expect(messages(first)[0]).toMatchObject({ id: 0, result: { protocolVersion: version } });
	const headers = { ...json, "mcp-session-id": first.headers["mcp-session-id"] ?? "", "mcp-protocol-version": version };
	const post = (message: unknown, more: Record<string, string> = {}) =>
		send(gateway.url, `/${id}`, { headers: { ...headers, ...more }, body: JSON.stringify(message) });
	const answer = await post(initialized);
	expect([answer.status, answer.text]).toEqual([202, ""]);
	return { headers, post };
}

test("2024-11-05: HTTP+SSE", async () => {
	for (let n = 0; n < 4; n++) {
		const transport = new SSEClientTransport(new URL(`${gateway.url}/sse`));
		const arrived: JSONRPCMessage[] = [];
		transport.onmessage = (message) => void arrived.push(message);
		await transport.start();
		await transport.send(initialize("2024-11-05"));
		await expect.poll(() => arrived[0]).toMatchObject({ id: 0, result: { protocolVersion: "2024-11-05" } });
		await transport.send(initialized);
		for (const id of [1, 2, 3]) await transport.send(toolCall(id, "echo", { text: `${n}/${id}` }));
		await expect.poll(() => arrived.length).toBe(4);
		const texts = arrived.slice(1).map((message) => JSON.stringify(message));
		for (const id of [1, 2, 3]) expect(texts.some((text) => text.includes(`${n}/${id}`))).toBe(true);
		await transport.close();
	}
});

describe("2025-03-26", () => {
	test("batches are answered by the session's replica, notifications get 202", async () => {
		for (let n = 0; n < 4; n++) {
			const { post } = await openSession("http", "2025-03-26");
			const answer = await post([
				toolCall(1, "whoami"),
				{ jsonrpc: "2.0", id: "two", method: "ping" },
				toolCall(3, "whoami"),
			]);
			expect(answer.status).toBe(200);
			const answers = messages(answer) as { id: number | string; result: { content?: { text: string }[] } }[];
			expect(new Set(answers.map(({ id }) => id))).toEqual(new Set([1, "two", 3]));
			const seen = answers.flatMap(({ result }) => result.content?.map(({ text }) => text) ?? []);
			expect(seen).toHaveLength(2);
			expect(new Set(seen).size).toBe(1);
			expect((await post([initialized, initialized])).status).toBe(202);
		}
	});

	test("a batch reaches the upstream byte for byte", async () => {
		const body = ' [ {"jsonrpc":"2.0","method":"a","id":1.0},\r\n{"jsonrpc": "2.0","method":"b\\u00fc"} ]\n';
		await send(gateway.url, "/recorded", { headers: json, body });
		expect((await recorder.next()).body.toString()).toBe(body);
	});

	test("a GET without stream is the upstream's own 405, and DELETE ends the session", async () => {
		const { headers, post } = await openSession("http", "2025-03-26");
		expect((await send(gateway.url, "/http", { method: "DELETE", headers })).status).toBe(200);
		expect((await post(toolCall(1, "whoami"))).status).toBe(404);
		recorder.reply({ status: 405, headers: { allow: "POST" } });
		expect(await send(gateway.url, "/recorded", { headers: { accept: "text/event-stream" } })).toMatchObject({
			status: 405,
			headers: { allow: "POST" },
		});
	});
});

test("2025-06-18: MCP-Protocol-Version reaches the upstream, which refuses what it does not know", async () => {
	const { post } = await openSession("http", "2025-06-18");
	expect((await post(toolCall(1, "whoami"))).status).toBe(200);
	const refused = await post(toolCall(2, "whoami"), { "mcp-protocol-version": "1999-01-01" });
	expect([refused.status, refused.text]).toEqual([400, expect.stringContaining("1999-01-01")]);
	await send(gateway.url, "/recorded", { headers: { ...json, "MCP-Protocol-Version": "2025-06-18" }, body: "{}" });
	expect((await recorder.next()).headers["mcp-protocol-version"]).toBe("2025-06-18");
});

test("2025-11-25: a stream that the server closes is resumed with Last-Event-ID on the same replica", async () => {
	for (let n = 0; n < 6; n++) {
		const { headers, post } = await openSession("both", "2025-11-25");
		const closed = await post(toolCall(7, "test_reconnection"));
		expect(closed.text).toMatch(/^retry: \d+$/m);
		const last = [...closed.text.matchAll(/^id: (.+)$/gm)].at(-1)?.[1] ?? "";
		expect(last).not.toBe("");
		expect(closed.text).not.toContain('"result"');
		const lines = Object.entries({ ...headers, "last-event-id": last, accept: "text/event-stream" });
		const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
		const socket = open(gateway.url, `GET /both HTTP/1.1\r\nHost: localhost\r\n${head}\r\n`);
		const text = await readUntil(socket, (so) => so.includes("Answered after"));
		socket.destroy();
		expect(text).toMatch(/^HTTP\/1.1 200 /);
		expect(text).toContain('"id":7');
	}
});

describe("2026-07-28", () => {
	async function connect(more: object = {}): Promise<ModernClient> {
		const client = new ModernClient(
			{ name: "test", version: "1" },
			{ versionNegotiation: { mode: { pin: "2026-07-28" } }, ...more },
		);
		await client.connect(new ModernTransport(new URL(`${gateway.url}/both`)));
		return client;
	}

	test("discovery and calls over all replicas, with no session", async () => {
		const client = await connect();
		for (let n = 0; n < 9; n++) {
			const { content } = await client.callTool({ name: "test_simple_text", arguments: {} });
			expect(content).toHaveLength(1);
		}
		await client.close();
		const meta = {
			"io.modelcontextprotocol/protocolVersion": "2026-07-28",
			"io.modelcontextprotocol/clientCapabilities": {},
			"io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
		};
		const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "server/discover", params: { _meta: meta } });
		const headers = { ...json, "mcp-protocol-version": "2026-07-28", "mcp-method": "server/discover" };
		const answer = await send(gateway.url, "/both", { headers, body });
		expect(answer.status).toBe(200);
		expect(JSON.stringify(messages(answer))).toContain("2026-07-28");
		expect(answer.headers["mcp-session-id"]).toBeUndefined();
	});

	test("the headers that mirror the body reach the upstream, unknown ones too; its errors pass", async () => {
		const mirrored = {
			"mcp-protocol-version": "2026-07-28",
			"mcp-method": "tools/call",
			"mcp-name": "=?base64?w7w=?=",
			"mcp-param-region": "eu, west",
			"mcp-param-never-heard-of": "x",
		};
		for (const [status, code] of [
			[400, -32020],
			[400, -32021],
			[400, -32022],
			[404, -32601],
		]) {
			const body = JSON.stringify({ jsonrpc: "2.0", id: 1, error: { code, message: "own" } });
			recorder.reply({ status: status as number, body, headers: { "content-type": "application/json" } });
			const answer = await send(gateway.url, "/recorded", { headers: { ...json, ...mirrored }, body: "{}" });
			expect([answer.status, answer.text]).toEqual([status, body]);
			expect((await recorder.next()).headers).toMatchObject(mirrored);
		}
	});

	test("subscriptions/listen stays open and brings what happens on any replica", async () => {
		const listener = await connect();
		let told = 0;
		listener.setNotificationHandler("notifications/tools/list_changed", () => void told++);
		const subscription = await listener.listen({ toolsListChanged: true });
		const other = await connect();
		for (let n = 1; n <= 6; n++) {
			await other.callTool({ name: "test_trigger_tool_change", arguments: {} });
			await expect.poll(() => told).toBe(n);
		}
		await subscription.close();
		expect(await subscription.closed).toBe("local");
		await listener.close();
		await other.close();
	});

	// Closing the stream is how a client cancels: https://modelcontextprotocol.io/specification/2026-07-28
	test("a client's disconnect reaches the upstream at once, before and after the answer began", async () => {
		const took: number[] = [];
		const headers = `Content-Type: application/json\r\nMcp-Method: tools/call\r\nMCP-Protocol-Version: 2026-07-28\r\n`;
		const post = `POST /recorded HTTP/1.1\r\nHost: localhost\r\n${headers}Content-Length: 2\r\n\r\n{}`;
		for (const reply of [{ hang: true }, { chunks: ["data: 1\n\n"], hang: true }]) {
			recorder.reply(reply);
			for (let n = 0; n < 5; n++) {
				const socket = open(gateway.url, post);
				const seen = await recorder.next();
				if (reply.chunks !== undefined) await readUntil(socket, (text) => text.includes("data: 1"));
				const start = performance.now();
				socket.destroy();
				expect(await seen.closed).toBe("aborted");
				took.push(performance.now() - start);
			}
			const session = connectHttp2(gateway.url);
			const stream = session.request({ ":path": "/recorded", ":method": "POST", "mcp-method": "tools/call" });
			stream.on("error", () => {}).end("{}");
			const seen = await recorder.next();
			const start = performance.now();
			stream.close(8); // CANCEL, while the connection stays
			expect(await seen.closed).toBe("aborted");
			took.push(performance.now() - start);
			session.close();
		}
		console.log(`disconnect to upstream, ms: ${took.map((ms) => ms.toFixed(1)).join(" ")}`);
		// At once is some milliseconds; a busy machine needs longer, and what is not told at all is never seen.
		expect(Math.max(...took)).toBeLessThan(5000);
	});

	test("so does an aborted fetch", async () => {
		recorder.reply({ hang: true });
		const abort = new AbortController();
		const call = fetch(`${gateway.url}/recorded`, { method: "POST", headers: json, body: "{}", signal: abort.signal });
		const seen = await recorder.next();
		abort.abort();
		await expect(call).rejects.toThrow();
		expect(await seen.closed).toBe("aborted");
	});
});
