import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { CreateMessageRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Listen } from "../../../stdio-bridge/listen.ts";
import { start } from "../../support/process.ts";
import { onprogress, progressOf } from "../../support/progress.ts";
import { pythonWithSdk } from "../../support/python.ts";
import { alive, bridgeWith, folder, initialize, overSocket, stdio, type TestBridge, until } from "./setup.ts";

async function connect(bridge: TestBridge, path: string): Promise<Client> {
	const client = new Client({ name: "old", version: "1" }, { capabilities: { sampling: {} } });
	client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => ({
		model: "m",
		role: "assistant",
		content: { type: "text", text: `sampled ${JSON.stringify(params.messages[0]?.content)}` },
	}));
	await client.connect(new SSEClientTransport(new URL(bridge.url(path))));
	onTestFinished(() => client.close());
	return client;
}

async function call(client: Client, name: string, args: Record<string, unknown> = {}): Promise<string> {
	const { content } = await client.callTool({ name, arguments: args });
	return JSON.stringify(content);
}

/** Reads an SSE stream event by event. */
function reader(stream: ReadableStream<Uint8Array> | null) {
	if (stream === null) throw new Error("no body");
	const chunks = stream.pipeThrough(new TextDecoderStream()).getReader();
	let text = "";
	return async (): Promise<string | undefined> => {
		for (;;) {
			const end = text.indexOf("\n\n");
			if (end !== -1) {
				const event = text.slice(0, end);
				text = text.slice(end + 2);
				return event;
			}
			const { done, value } = await chunks.read();
			if (done) return undefined;
			text += value;
		}
	};
}

describe("HTTP+SSE (2024-11-05)", () => {
	it("serves the official client, at the server's path and at /sse below it", async () => {
		const bridge = await bridgeWith([stdio("s", "server")]);
		for (const path of ["/s", "/s/sse"]) {
			const client = await connect(bridge, path);
			expect(await call(client, "echo", { text: path })).toContain(path);
			expect(await call(client, "sample", { prompt: "hi" })).toContain("sampled");
			const seen = progressOf(client.transport);
			await client.callTool({ name: "progress", arguments: { steps: 3 } }, undefined, { onprogress });
			expect(seen).toEqual([1, 2, 3]);
		}
	});

	it("gives each stream a process, which ends with the stream", async () => {
		const bridge = await bridgeWith([stdio("s", "server")]);
		const [one, two] = await Promise.all([connect(bridge, "/s"), connect(bridge, "/s")]);
		const pid = Number(/\d+/.exec(await call(one, "pid"))?.[0]);
		expect(await call(two, "pid")).not.toContain(String(pid));
		await one.close();
		await until(async () => !(await alive(pid)), "the process is gone");
		expect(await call(two, "echo", { text: "still" })).toContain("still");
	});

	it("names an address that is right behind any prefix, and passes bytes as they are", async () => {
		const { url } = await bridgeWith([stdio("s", "raw")]);
		const stream = await fetch(url("/s/sse?a=1"), { headers: { accept: "text/event-stream" } });
		onTestFinished(() => stream.body?.cancel().catch(() => {}));
		const next = reader(stream.body);
		const [, query = ""] = /^event: endpoint\ndata: (\?sessionId=\S+)$/.exec((await next()) ?? "") ?? [];
		const target = new URL(query, url("/s/sse?a=1"));
		expect(target.pathname).toBe("/s/sse");
		const post = async (body: string) => {
			const answer = await fetch(target, { method: "POST", body, headers: { "content-type": "application/json" } });
			return [answer.status, await answer.text()];
		};
		expect(await post('{"jsonrpc":"2.0","id":7,"method":"echo"}')).toEqual([202, ""]);
		expect(await next()).toContain('"id":7,"error":{"code":-32600');
		expect(await post(JSON.stringify(initialize))).toEqual([202, ""]);
		expect(await next()).toContain("early");
		expect(await next()).toContain('"protocolVersion"');
		await post('{"jsonrpc":"2.0", "method":"odd-answer","id": 9.0 }');
		expect(await next()).toBe(
			'event: message\ndata: {"jsonrpc":"2.0","id":9.0,"result":{"a":{"b":[1,null]},"x":"\\u00e9"},"extra":1}',
		);
		expect((await post("{"))[0]).toBe(400);
		expect((await fetch(target, { method: "POST", body: "{}" })).status).toBe(415);
		const other = new URL(url(`/s?sessionId=0.${crypto.randomUUID()}`));
		expect(
			(await fetch(other, { method: "POST", body: "{}", headers: { "content-type": "application/json" } })).status,
		).toBe(404);
	});

	it("tells of a dead process on the stream, which ends", async () => {
		const { url } = await bridgeWith([stdio("s", "raw"), stdio("dying", "raw", ["exit-on-start"])]);
		const open = async (id: string) => {
			const stream = await fetch(url(`/${id}`), { headers: { accept: "text/event-stream" } });
			onTestFinished(() => stream.body?.cancel().catch(() => {}));
			const next = reader(stream.body);
			const query = /data: (.+)/.exec((await next()) ?? "")?.[1] ?? "";
			const headers = { "content-type": "application/json" };
			const post = (message: object) =>
				fetch(new URL(query, url(`/${id}`)), { method: "POST", body: JSON.stringify(message), headers });
			return { next, post };
		};
		const dying = await open("dying");
		await dying.post(initialize);
		expect(await dying.next()).toMatch(/"id":0.*process_failed_to_start.*cannot find the database/);
		const { next, post } = await open("s");
		await post(initialize);
		await next();
		await next();
		await post({ jsonrpc: "2.0", id: 1, method: "exit" });
		expect(await next()).toMatch(/"id":1.*process_died.*exited with code 7/);
		expect(await next()).toBeUndefined();
		expect((await post({ jsonrpc: "2.0", id: 2, method: "echo" })).status).toBe(404);
	});

	it("ends a session that nobody uses, and its stream", async () => {
		const { url, bridge } = await bridgeWith([stdio("s", "raw", [], { pool: { idleTimeoutMs: 300 } })]);
		const stream = await fetch(url("/s"), { headers: { accept: "text/event-stream" } });
		expect(await stream.text()).toMatch(/^event: endpoint/);
		expect(bridge.status().servers["s"]?.starts).toBe(0);
	});

	it("takes a POST at a worker that does not have the stream", async () => {
		const server = stdio("s", "server");
		const addresses: Listen[] = [];
		const peer = (worker: number) => addresses[worker];
		const socket = `${await folder()}/0.sock`;
		const first = await bridgeWith([server], { worker: { index: 0, count: 2 }, peer, listen: { path: socket } });
		const second = await bridgeWith([server], { worker: { index: 1, count: 2 }, peer });
		addresses.push(first.bridge.address, second.bridge.address);
		const stream = await fetch(second.url("/s"), { headers: { accept: "text/event-stream" } });
		onTestFinished(() => stream.body?.cancel().catch(() => {}));
		const next = reader(stream.body);
		const query = /data: (.+)/.exec((await next()) ?? "")?.[1] ?? "";
		expect(query).toMatch(/^\?sessionId=1\./);
		expect((await overSocket(socket, `/s${query}`, "POST", initialize)).status).toBe(202);
		expect(await next()).toContain('"protocolVersion"');
		expect((await overSocket(socket, `/s${query.replace("=1.", "=7.")}`, "POST", initialize)).status).toBe(404);
		await second.bridge.close({ graceMs: 0 });
		expect((await overSocket(socket, `/s${query}`, "POST", initialize)).status).toBe(404);
	});

	it("serves the official Python client", async () => {
		const { url } = await bridgeWith([stdio("s", "server")]);
		const script = `
import asyncio, sys
from mcp import ClientSession
from mcp.client.sse import sse_client
async def main():
    async with sse_client(sys.argv[1]) as (read, write):
        async with ClientSession(read, write) as session:
            await session.initialize()
            result = await session.call_tool("echo", {"text": "from python"})
            print(result.content[0].text)
asyncio.run(main())
`;
		for (const path of ["/s", "/s/sse"]) {
			const child = await start(await pythonWithSdk(), ["-c", script, url(path)]);
			await child.exited;
			expect(child.output()).toContain("from python");
		}
	}, 120_000);

	it("takes no further messages of a client that does not read its stream", async () => {
		const bridge = await bridgeWith([stdio("s", "raw")]);
		const gone = new AbortController();
		onTestFinished(() => gone.abort());
		const stream = await fetch(bridge.url("/s"), { headers: { accept: "text/event-stream" }, signal: gone.signal });
		const next = reader(stream.body);
		const endpoint = new URL(String(await next()).replace(/^[^?]+/, ""), bridge.url("/s"));
		const count = 300;
		let taken = 0;
		const sendAll = async () => {
			for (; taken < count; taken++) {
				const body = JSON.stringify({ jsonrpc: "2.0", id: `${taken}`.padEnd(200_000), method: "ping" });
				const headers = { accept: "application/json, text/event-stream", "content-type": "application/json" };
				await fetch(endpoint, { method: "POST", body, headers, signal: gone.signal });
			}
		};
		const sent = sendAll();
		let before = -1;
		await until(() => {
			const same = taken === before;
			before = taken;
			return sleep(500, same);
		}, "nothing more is taken");
		expect(taken).toBeLessThan(count);
		for (let n = 0; n < count; n++) expect(await next()).toMatch(/"code":-32600/);
		await sent;
	});
});
