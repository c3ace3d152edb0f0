import { request } from "node:http";
import { describe, expect, it } from "vitest";
import { accept, bridgeWith, initialize, stdio, type TestBridge, until } from "./setup.ts";

/** Sends bytes and gives the answer's. */
function raw(bridge: TestBridge, body: string, headers: Record<string, string>) {
	return new Promise<{ status: number; type: string | undefined; text: string; length: string | undefined }>(
		(resolve, reject) => {
			const all = { accept, "content-type": "application/json", ...headers };
			const outgoing = request(bridge.url("/s"), { method: "POST", headers: all, agent: false }, (response) => {
				let text = "";
				response.setEncoding("utf8");
				response.on("data", (chunk: string) => {
					text += chunk;
				});
				response.on("end", () => {
					const { "content-type": type, "content-length": length } = response.headers;
					resolve({ status: response.statusCode ?? 0, type, text, length });
				});
			});
			outgoing.on("error", reject);
			outgoing.end(body);
		},
	);
}

const server = stdio("s", "streams");

describe("Streamable HTTP", () => {
	it("passes bytes as they are, both ways", async () => {
		const bridge = await bridgeWith([server]);
		const session = await bridge.open("s");
		const body = `{ "params" : {"z":1.0,"a":1E2, "n":12345678901234567890, "_meta":{"x":null}, "s":"\\u00e9\\/é😀"},\r\n\t"extra":[ ], "method":"line","id":1.0,"jsonrpc":"2.0"}`;
		const { text } = await raw(bridge, body, { "mcp-session-id": session });
		expect(text.startsWith('{"jsonrpc":"2.0","id":1.0,"result":')).toBe(true);
		const [, own = ""] = /"id":(\d+),"jsonrpc":"2.0"\}$/.exec(JSON.parse(text).result.line) ?? [];
		// Newlines between tokens are blanks on a pipe, and the id there is the bridge's own.
		expect(JSON.parse(text).result.line).toBe(body.replace("\r\n", "  ").replace('"id":1.0', `"id":${own}`));
		const answers = [
			`{"result":{"b":1e400,"a":-0.0,"big":123456789012345678901234567890},"id":\u0000,"jsonrpc":"2.0","x":{}}`,
			`{"jsonrpc":"2.0","id":\u0000,"error":{"message":"\\ud83d\\ude00","code":-1,"data":[1.10]},"y":"\\u2028"}`,
		];
		for (const answer of answers) {
			const asked = JSON.stringify({ jsonrpc: "2.0", id: "ö", method: "answer", params: { text: answer } });
			expect((await raw(bridge, asked, { "mcp-session-id": session })).text).toBe(answer.replace("\u0000", '"ö"'));
		}
	});

	it("answers JSON where the answer is first and soon, else a stream", async () => {
		const bridge = await bridgeWith([server]);
		const headers = { "mcp-session-id": await bridge.open("s") };
		const post = (method: string, params: object, more = {}) =>
			raw(bridge, JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }), { ...headers, ...more });
		const soon = await post("answer", { text: '{"jsonrpc":"2.0","id":\u0000,"result":{}}' });
		expect(soon).toMatchObject({ status: 200, length: String(soon.text.length) });
		const streams = [
			await post("late", { ms: 300 }),
			await post("steps", { n: 1, ms: 0, _meta: { progressToken: "t" } }),
			await post("line", {}, { accept: "text/event-stream, application/json" }),
		];
		for (const { type, text } of streams) {
			expect(type).toBe("text/event-stream");
			expect(text).toMatch(/^id: \d+-0\nretry: \d+\ndata: \n\nevent: message\nid: \d+-1\ndata: \{.*\}\n\n/);
		}
		expect(streams[1]?.text).toMatch(/"progressToken":"t".*\n\n.*\n.*\ndata: .*"steps":1/);
	});

	it("begins no stream with an empty event for clients that may not know such", async () => {
		const bridge = await bridgeWith([server]);
		const late = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "late", params: { ms: 200 } });
		for (const revision of ["2025-03-26", "2025-06-18"]) {
			const { text } = await raw(bridge, late, { "mcp-session-id": await bridge.open("s", revision) });
			expect(text).toMatch(/^event: message\nid: \d+-1\ndata: \{.*\}\n\n$/);
		}
		const named = { "mcp-session-id": await bridge.open("s"), "mcp-protocol-version": "2025-06-18" };
		expect((await raw(bridge, late, named)).text).toMatch(/^event: message/);
	});

	it("refuses revisions that it does not know, a second initialize, and batches of newer revisions", async () => {
		const bridge = await bridgeWith([server]);
		const session = await bridge.open("s");
		const line = { jsonrpc: "2.0", id: "x", method: "line" };
		const post = (message: unknown, headers = {}) => bridge.post("/s", message, session, headers);
		expect(await post(line, { "mcp-protocol-version": "1999-01-01" })).toMatchObject({
			status: 400,
			body: { id: "x", error: { data: { detail: expect.stringContaining("1999-01-01") } } },
		});
		for (const known of ["2025-03-26", "2025-06-18", "2025-11-25"]) {
			expect((await post(line, { "mcp-protocol-version": known })).status).toBe(200);
		}
		const revision = { "mcp-session-id": session, "mcp-protocol-version": "1999-01-01" };
		for (const method of ["GET", "DELETE"]) {
			const answer = await fetch(bridge.url("/s"), { method, headers: { accept, ...revision } });
			expect(answer.status).toBe(400);
		}
		expect(await post(initialize)).toMatchObject({ status: 400, body: { id: 0, error: { code: -32600 } } });
		expect(await post([line])).toMatchObject({ status: 400, body: { id: null, error: { code: -32600 } } });
		expect((await post(line)).status).toBe(200);
	});

	it("takes notifications and answers with 202, and gives the answers to the process", async () => {
		const bridge = await bridgeWith([server]);
		const session = await bridge.open("s");
		const notification = '{"jsonrpc":"2.0","method":"notifications/x","params":{"n":1.50}}';
		const accepted = await raw(bridge, notification, { "mcp-session-id": session });
		expect(accepted).toMatchObject({ status: 202, text: "", type: undefined });
		const heard = await bridge.post("/s", { jsonrpc: "2.0", id: 1, method: "heard" }, session);
		expect(heard.body.result?.["heard"]).toContain(notification);
		const asking = bridge.post("/s", { jsonrpc: "2.0", id: 2, method: "ask" }, session);
		const answer = '{"id":"ask-2","result":{"model":"m","n":2.00},"jsonrpc":"2.0"}';
		const own = /"id":"(ask-\d+)"/;
		const bytes = await until202(bridge, session, answer, own);
		expect((await asking).body.result?.["line"]).toBe(bytes);
	});

	it("says which calls a dead process leaves unanswered, with a status or on their streams", async () => {
		const bridge = await bridgeWith([stdio("s", "raw")]);
		const session = await bridge.open("s");
		// Brings the message that came before.
		await bridge.post("/s", { jsonrpc: "2.0", id: 0, method: "echo" }, session);
		const waiting = bridge.post("/s", { jsonrpc: "2.0", id: 12345678901, method: "no-answer" }, session);
		await until(() => bridge.bridge.status().servers["s"]?.processes[0]?.calls === 1, "the call at the process");
		const dying = await raw(bridge, '{"jsonrpc":"2.0","id":7e0,"method":"exit"}', { "mcp-session-id": session });
		expect(dying).toMatchObject({ status: 502, text: expect.stringMatching(/^\{"jsonrpc":"2.0","id":7e0,"error":/) });
		const { status, body } = await waiting;
		expect([200, 502]).toContain(status);
		expect(body).toMatchObject({ id: 12345678901, error: { data: { reason: "process_died" } } });
	});

	it("answers a call that was taken back with nothing", async () => {
		const bridge = await bridgeWith([stdio("s", "raw")]);
		const session = await bridge.open("s");
		const never = bridge.post("/s", { jsonrpc: "2.0", id: 1, method: "no-answer" }, session);
		await until(() => bridge.bridge.status().servers["s"]?.processes[0]?.calls === 1, "the call at the process");
		const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } };
		expect((await bridge.post("/s", cancel, session)).status).toBe(202);
		const { messages } = await never;
		expect(messages.filter(({ id }) => id !== undefined)).toEqual([]);
		expect((await bridge.post("/s", { jsonrpc: "2.0", id: 1, method: "echo" }, session)).body.id).toBe(1);
	});

	it("ends a call of a session that its client ends", async () => {
		const bridge = await bridgeWith([server]);
		const session = await bridge.open("s");
		const late = bridge.post("/s", { jsonrpc: "2.0", id: 1, method: "late", params: { ms: 60_000 } }, session);
		await until(() => bridge.bridge.status().servers["s"]?.processes[0]?.calls === 1, "the call at the process");
		await fetch(bridge.url("/s"), { method: "DELETE", headers: { "mcp-session-id": session } });
		expect((await late).body).toMatchObject({ id: 1, error: { data: { reason: "session_lost" } } });
	});
});

/** POSTs a client's answer once it is known which request it answers. */
async function until202(bridge: TestBridge, session: string, answer: string, own: RegExp): Promise<string> {
	await until(() => bridge.bridge.status().servers["s"]?.processes[0]?.calls === 1, "the call at the process");
	const waiting = await bridge.post("/s", { jsonrpc: "2.0", id: 3, method: "line" }, session);
	const id = /"id":(\d+)/.exec(String(waiting.body.result?.["line"]))?.[1];
	const bytes = answer.replace(own, `"id":"ask-${Number(id) - 1}"`);
	expect((await raw(bridge, bytes, { "mcp-session-id": session })).status).toBe(202);
	return bytes;
}
