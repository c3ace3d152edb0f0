import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from "@modelcontextprotocol/client";
import {
	CreateMessageRequestSchema,
	ElicitRequestSchema,
	ListRootsRequestSchema,
	ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { describe, expect, it, onTestFinished } from "vitest";
import { onprogress, progressOf } from "../../support/progress.ts";
import { accept, bridgeWith, stdio, until } from "./setup.ts";

describe("messages through the bridge", () => {
	it("brings progress as it is sent, on the call's own stream", async () => {
		const { client } = await bridgeWith([stdio("s", "server")]);
		const { client: sdk } = await client("s");
		const seen = progressOf(sdk.transport);
		await sdk.callTool({ name: "progress", arguments: { steps: 5 } }, undefined, { onprogress });
		expect(seen).toEqual([1, 2, 3, 4, 5]);
	});

	it("brings a cancel to the process", async () => {
		const { client, bridge } = await bridgeWith([stdio("s", "server")]);
		const { client: sdk, call } = await client("s");
		const abort = new AbortController();
		const sleeping = sdk.callTool({ name: "sleep", arguments: { ms: 20_000 } }, undefined, { signal: abort.signal });
		await until(() => bridge.status().servers["s"]?.processes[0]?.calls === 1, "the call at the process");
		abort.abort();
		await expect(sleeping).rejects.toThrow();
		await until(async () => (await call("cancelled")) === "sleep", "the process has heard of it");
	});

	it("asks the right client for sampling, elicitation and roots, and brings its answers back", async () => {
		const { client } = await bridgeWith([stdio("s", "server")]);
		const connect = (name: string) =>
			client("s", { capabilities: { sampling: {}, elicitation: {}, roots: {} } }, (sdk) => {
				sdk.setRequestHandler(CreateMessageRequestSchema, ({ params }) => ({
					model: "m",
					role: "assistant",
					content: { type: "text", text: `${name}:${JSON.stringify(params.messages[0]?.content)}` },
				}));
				sdk.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { name } }));
				sdk.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: `file:///${name}` }] }));
			});
		const clients = await Promise.all(["ann", "bob"].map(async (name) => ({ name, ...(await connect(name)) })));
		for (const { name, call } of clients) {
			expect(await call("sample", { prompt: "hi" })).toContain(`${name}:`);
			expect(JSON.parse(await call("elicit"))).toEqual({ action: "accept", content: { name } });
			expect(await call("roots")).toContain(`file:///${name}`);
		}
	});

	it("sends changes of the server on the GET stream", async () => {
		const { client } = await bridgeWith([stdio("s", "server")]);
		let changed = 0;
		const { call } = await client("s", undefined, (sdk) => {
			sdk.setNotificationHandler(ToolListChangedNotificationSchema, () => void changed++);
		});
		await call("change-later");
		await until(() => changed === 1, "the notification");
	});

	it("keeps what the process says before a stream is open", async () => {
		const { post, open } = await bridgeWith([stdio("s", "raw")]);
		const { messages } = await post("/s", { jsonrpc: "2.0", id: 1, method: "echo" }, await open("s"));
		expect(messages.map(({ method, id }) => method ?? id)).toEqual(["notifications/message", 1]);
	});

	it("leaves unknown members of params and results as they are", async () => {
		const { post, open } = await bridgeWith([stdio("s", "raw")]);
		const session = await open("s");
		const params = { b: { z: 1, a: [null, { "": "é\u0000" }] }, a: 1.5, _meta: { "x/y": { deep: true } } };
		const echoed = await post("/s", { jsonrpc: "2.0", id: "e", method: "echo", params }, session);
		expect(JSON.stringify(echoed.body.result?.["echo"])).toContain(
			JSON.stringify(params).slice(1, -1).split(',"_meta')[0],
		);
		expect(echoed.body.result?.["echo"]).toMatchObject({ params });
		const odd = await post("/s", { jsonrpc: "2.0", id: 9, method: "odd-answer" }, session);
		expect(odd.body).toEqual({ jsonrpc: "2.0", id: 9, result: { a: { b: [1, null] }, x: "é" }, extra: 1 });
	});

	it("refuses a request whose id is waiting for an answer already", async () => {
		const { post, open, url } = await bridgeWith([stdio("s", "raw")]);
		const session = await open("s");
		const stop = new AbortController();
		const headers = { accept, "content-type": "application/json", "mcp-session-id": session };
		const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "no-answer" });
		await fetch(url("/s"), { method: "POST", body, headers, signal: stop.signal });
		expect(await post("/s", body, session)).toMatchObject({ status: 400, body: { id: 1 } });
		stop.abort();
	});

	it("passes 60 MiB both ways, and refuses what is over the limit, declared or not", async () => {
		const { post, open, url } = await bridgeWith([stdio("s", "raw")]);
		const session = await open("s");
		const size = 60 * 1024 * 1024;
		const huge = await post(
			"/s",
			{ jsonrpc: "2.0", id: 1, method: "huge", params: { size, pad: "p".repeat(size) } },
			session,
		);
		expect(String(huge.body.result?.["text"]).length).toBe(size);

		const small = await bridgeWith([stdio("s", "raw")], { maxBodyBytes: 2000 });
		const over = { jsonrpc: "2.0", id: 1, method: "echo", params: "x".repeat(3000) };
		expect(await small.post("/s", over)).toMatchObject({
			status: 413,
			body: { error: { data: { reason: "body_too_large" } } },
		});
		const chunked = new ReadableStream({
			start(controller) {
				controller.enqueue(new TextEncoder().encode(JSON.stringify(over)));
				controller.close();
			},
		});
		const init: RequestInit & { duplex: "half" } = {
			method: "POST",
			body: chunked,
			duplex: "half",
			headers: { accept, "content-type": "application/json" },
		};
		expect((await fetch(small.url("/s"), init)).status).toBe(413);
		const answer = await small.post(
			"/s",
			{ jsonrpc: "2.0", id: 2, method: "huge", params: { size: 3000 } },
			await small.open("s"),
		);
		expect(answer.body.error?.data).toMatchObject({
			reason: "internal",
			detail: expect.stringContaining("2000 bytes"),
		});
		expect((await fetch(url("/~bridge/healthz"))).status).toBe(200);
	});

	it("makes a slow client's server wait instead of keeping its output", async () => {
		const { open, url, post } = await bridgeWith([stdio("s", "raw")]);
		const session = await open("s");
		const headers = { accept, "content-type": "application/json", "mcp-session-id": session };
		const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "huge", params: { size: 20_000_000 } });
		const slow = await fetch(url("/s"), { method: "POST", body, headers });
		// Not read yet: the next answer of the same process has to wait behind it.
		const next = post("/s", { jsonrpc: "2.0", id: 2, method: "echo" }, session);
		expect((await slow.text()).length).toBeGreaterThan(20_000_000);
		expect((await next).body.id).toBe(2);
	});

	it("answers a client of 2026-07-28 so that it falls back to initialize", async () => {
		const { url } = await bridgeWith([stdio("s", "server")]);
		const modern = new ModernClient({ name: "modern", version: "1" }, { versionNegotiation: { mode: "auto" } });
		await modern.connect(new ModernTransport(new URL(url("/s"))));
		onTestFinished(() => modern.close());
		expect(modern.getProtocolEra()).toBe("legacy");
		const { content } = await modern.callTool({ name: "echo", arguments: { text: "both" } });
		expect(content).toEqual([{ type: "text", text: "both" }]);
	});
});
