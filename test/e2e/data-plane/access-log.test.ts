import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually, type Gateway, startGateway } from "../../support/gateway.ts";
import { type Recorder, startRecorder } from "../../support/upstreams.ts";
import { type Call, expectGatewayError, send, toolCall } from "./client.ts";

let upstream: Recorder;
beforeAll(async () => {
	upstream = await startRecorder();
});
afterAll(() => upstream?.close());

type Line = Record<string, unknown>;

/** Makes a call under a request id. */
function callAs(gateway: Gateway, requestId: string, target: string, call: Call) {
	const headers = { ...(call.headers as Record<string, string>), "x-request-id": requestId };
	return send(gateway.url, target, { ...call, headers });
}

/** The lines of a request, once there is one. */
async function logged(gateway: Gateway, requestId: string): Promise<Line[]> {
	const of = () => gateway.events().filter((line) => line["requestId"] === requestId);
	await eventually(`${requestId} is logged`, () => of().length > 0, 15_000);
	return of();
}

describe("with bodies read", () => {
	let gateway: Gateway;
	beforeAll(async () => {
		gateway = await startGateway({ registry: { s: { type: "http", endpoint: `${upstream.url}/mcp` } } });
	});
	afterAll(() => gateway?.stop());

	test("one line tells server, method, tool, status, duration, replica and request", async () => {
		await callAs(gateway, "log-1", "/s/x", toolCall("add_note", 1, { text: "private words" }));
		const lines = await logged(gateway, "log-1");
		expect(lines).toHaveLength(1);
		expect(lines[0]).toMatchObject({
			event: "access",
			time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
			server: "s",
			method: "POST",
			mcpMethod: "tools/call",
			mcpTool: "add_note",
			status: 200,
			durationMs: expect.any(Number),
			replica: new URL(upstream.url).host,
			requestId: "log-1",
		});
	});

	test("of 2026-07-28 method and name are told by the headers", async () => {
		const call = toolCall("add_note", 1, {});
		const headers = { ...(call.headers as Record<string, string>), "mcp-method": "tools/call", "mcp-name": "add_note" };
		await callAs(gateway, "log-modern", "/s", { ...call, headers });
		const [line] = await logged(gateway, "log-modern");
		expect(line).toMatchObject({ mcpMethod: "tools/call", mcpTool: "add_note" });
	});

	test("what is no call of a tool has neither", async () => {
		await callAs(gateway, "log-get", "/s", { method: "GET" });
		const [line] = await logged(gateway, "log-get");
		expect([line?.["mcpMethod"] ?? "", line?.["mcpTool"] ?? ""]).toEqual(["", ""]);
	});

	test("an error of the gateway is logged too", async () => {
		await callAs(gateway, "log-2", "/nosuch", toolCall("echo"));
		const [line] = await logged(gateway, "log-2");
		expect(line).toMatchObject({ status: 404, mcpMethod: "tools/call", path: "/nosuch" });
		expect(line).not.toHaveProperty("server");
		expect(line).not.toHaveProperty("replica");
	});

	test("no query, session, header or argument is in it", async () => {
		const call = toolCall("add_note", 1, { text: "s3cr3t-argument" });
		const headers = {
			...(call.headers as Record<string, string>),
			authorization: "Bearer s3cr3t-token",
			cookie: "s3cr3t-cookie",
			"mcp-session-id": "s3cr3t-session",
		};
		const targets = ["/s?key=s3cr3t-query", "/nosuch?key=s3cr3t-query", "/s/../x?s3cr3t-query"];
		for (const [n, target] of targets.entries()) await callAs(gateway, `log-3-${n}`, target, { ...call, headers });
		for (const n of targets.keys()) expect(await logged(gateway, `log-3-${n}`)).toHaveLength(1);
		expect(gateway.output()).not.toContain("s3cr3t");
	});
});

describe("with --no-mcp-filter", () => {
	let gateway: Gateway;
	beforeAll(async () => {
		gateway = await startGateway({
			registry: { s: { type: "http", endpoint: `${upstream.url}/mcp` } },
			args: ["--no-mcp-filter"],
		});
	});
	afterAll(() => gateway?.stop());

	test("calls pass, errors have no id, and the log has what 2026-07-28 repeats in headers", async () => {
		expect((await send(gateway.url, "/s", toolCall("echo"))).status).toBe(200);
		const answer = await send(gateway.url, "/nosuch", toolCall("echo", 7));
		expectGatewayError(answer, "unknown_server", { id: null, path: "/nosuch" });
		const call = toolCall("echo");
		const headers = { ...(call.headers as Record<string, string>), "mcp-method": "tools/call", "mcp-name": "echo" };
		await callAs(gateway, "log-4", "/s", { ...call, headers });
		await callAs(gateway, "log-5", "/s", call);
		const [line] = await logged(gateway, "log-4");
		expect(line).toMatchObject({ server: "s", mcpMethod: "tools/call", mcpTool: "echo", status: 200 });
		const [legacy] = await logged(gateway, "log-5");
		expect(legacy).not.toHaveProperty("mcpMethod");
	});
});
