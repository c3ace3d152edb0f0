import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { describe, expect, it, onTestFinished } from "vitest";
import { accept, bridgeWith, stdio, type TestBridge, toAnswer, until } from "./setup.ts";

const server = stdio("s", "streams");

interface Event {
	readonly id: string | undefined;
	readonly data: string;
}

/** A stream that is read event by event, and left whenever one likes. */
function stream(response: Response) {
	if (response.body === null) throw new Error("no body");
	const chunks = response.body.pipeThrough(new TextDecoderStream()).getReader();
	onTestFinished(() => chunks.cancel().catch(() => {}));
	let text = "";
	const next = async (): Promise<Event | undefined> => {
		for (;;) {
			const end = text.indexOf("\n\n");
			if (end !== -1) {
				const event = text.slice(0, end);
				text = text.slice(end + 2);
				return { id: /^id: (.+)$/m.exec(event)?.[1], data: /^data: (.*)$/m.exec(event)?.[1] ?? "" };
			}
			const { done, value } = await chunks.read();
			if (done) return undefined;
			text += value;
		}
	};
	return { next, leave: () => chunks.cancel() };
}

async function open(bridge: TestBridge, revision?: string) {
	const session = await bridge.open("s", revision);
	const headers = { accept, "content-type": "application/json", "mcp-session-id": session };
	const post = async (id: number, method: string, params: object = {}) => {
		const body = JSON.stringify({ jsonrpc: "2.0", id, method, params });
		return stream(await fetch(bridge.url("/s"), { method: "POST", headers, body }));
	};
	const get = (lastEventId?: string) =>
		fetch(bridge.url("/s"), {
			headers: {
				accept: "text/event-stream",
				"mcp-session-id": session,
				...(lastEventId !== undefined && { "last-event-id": lastEventId }),
			},
		});
	return { session, post, get };
}

describe("resumed streams", () => {
	it("bring what was missed of the same call, then go on with it", async () => {
		const bridge = await bridgeWith([server]);
		const { post, get } = await open(bridge);
		const other = await post(1, "late", { ms: 700 });
		const call = await post(2, "steps", { n: 3, ms: 900, _meta: { progressToken: "t" } });
		const [priming, first] = [await call.next(), await call.next()];
		expect([priming?.data, first?.data]).toEqual(["", expect.stringContaining('"progress":1')]);
		await call.leave();
		const again = stream(await get(first?.id));
		expect((await again.next())?.data).toContain('"progress":2');
		expect((await again.next())?.data).toContain('"progress":3');
		expect((await again.next())?.data).toContain('"id":2,"result":{"steps":3}');
		expect(await again.next()).toBeUndefined();
		await other.next();
		expect((await other.next())?.data).toContain('"id":1');
		// All of it once more, for one who has seen nothing, though the call is long answered.
		const whole = stream(await get(priming?.id));
		const datas: (string | undefined)[] = [];
		for (let event = await whole.next(); event; event = await whole.next()) datas.push(event.data);
		expect(datas).toHaveLength(4);
	});

	it("bring an answer that came while nobody was there", async () => {
		const bridge = await bridgeWith([server]);
		const { post, get } = await open(bridge);
		const call = await post(1, "late", { ms: 300 });
		const priming = await call.next();
		await call.leave();
		await until(() => bridge.bridge.status().servers["s"]?.processes[0]?.calls === 0, "the answer");
		expect((await stream(await get(priming?.id)).next())?.data).toContain('"late":300');
	});

	it("take a stream over whose connection has not ended yet", async () => {
		const bridge = await bridgeWith([server]);
		const { post, get } = await open(bridge);
		const call = await post(1, "late", { ms: 600 });
		const priming = await call.next();
		expect((await stream(await get(priming?.id)).next())?.data).toContain('"late":600');
	});

	it("work for the standalone stream, and for revisions without a first empty event", async () => {
		const bridge = await bridgeWith([server]);
		const { post, get } = await open(bridge, "2025-06-18");
		const standalone = stream(await get());
		const methods = ["notifications/tools/list_changed", "notifications/resources/updated"];
		await post(1, "say", { methods });
		const first = await standalone.next();
		expect(first?.data).toContain("tools/list_changed");
		await standalone.leave();
		const again = stream(await get(first?.id));
		expect((await again.next())?.data).toContain("resources/updated");
		await post(2, "say", { methods });
		expect((await again.next())?.data).toContain("tools/list_changed");
	});

	it("refuse an event that is not known, of another session, or kept no more", async () => {
		const bridge = await bridgeWith([server]);
		const { post, get } = await open(bridge);
		const call = await post(1, "steps", { n: 400, ms: 0, _meta: { progressToken: "t" } });
		const priming = await call.next();
		let last = priming;
		for (let event = await call.next(); event; event = await call.next()) last = event;
		for (const id of ["nonsense", "99-1", "0-9999", "-1-0", priming?.id ?? ""]) {
			expect(await toAnswer(await get(id)), id).toMatchObject({
				status: 400,
				body: { error: { data: { reason: "events_lost", server: "s" } } },
			});
		}
		expect((await get(last?.id)).status).toBe(200);
		const other = await open(bridge);
		expect((await other.get(last?.id)).status).toBe(400);
	});

	it("forget a call that its client took back while it was away", async () => {
		const bridge = await bridgeWith([server]);
		const { post, get, session } = await open(bridge);
		const call = await post(1, "late", { ms: 60_000 });
		const priming = await call.next();
		await call.leave();
		const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } };
		await bridge.post("/s", cancel, session);
		expect((await get(priming?.id)).status).toBe(400);
	});

	it("leave the newest of what was said without a stream to the next one", async () => {
		const bridge = await bridgeWith([server]);
		const { post } = await open(bridge);
		await post(1, "say-later", { ms: 100, n: 400 });
		const dropped = () => bridge.lines.filter(({ message }) => message.includes("dropped"));
		await until(() => bridge.lines.some(({ message }) => message === "all is said"), "all to be said");
		await until(() => dropped().length > 0, "the warning");
		const next = await post(2, "line");
		await next.next();
		expect((await next.next())?.data).toContain('"params":{"n":300}');
		for (let n = 301; n < 400; n++) await next.next();
		expect((await next.next())?.data).toContain('"id":2');
		// Of 300: ten lines a second, then their number, and a busy machine may need some seconds.
		expect(dropped().length).toBeLessThan(100);
	});

	it("serve the official client, whose connections break", async () => {
		const bridge = await bridgeWith([stdio("s", "server")]);
		let cuts = 0;
		const breaking: typeof fetch = async (input, init) => {
			const response = await fetch(input, init);
			if (init?.method !== "POST" || !response.headers.get("content-type")?.startsWith("text/event-stream"))
				return response;
			cuts++;
			const chunks = response.body?.getReader();
			const first = await chunks?.read();
			const body = new ReadableStream({
				async start(controller) {
					controller.enqueue(first?.value);
					await sleep(50);
					await chunks?.cancel();
					controller.error(new Error("cut"));
				},
			});
			return new Response(body, { status: response.status, headers: response.headers });
		};
		const client = new Client({ name: "unlucky", version: "1" });
		await client.connect(new StreamableHTTPClientTransport(new URL(bridge.url("/s")), { fetch: breaking }));
		onTestFinished(() => client.close());
		const { content } = await client.callTool({ name: "sleep", arguments: { ms: 1500 } });
		expect(content).toEqual([{ type: "text", text: "slept 1500" }]);
		expect(cuts).toBeGreaterThan(0);
	});
});
