import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Finding } from "../../control-plane/detection/finding.ts";
import { call } from "../support/cli.ts";
import { eventually, freePort, type Gateway, startGateway } from "../support/gateway.ts";
import { NODE } from "../support/process.ts";
import {
	type Recorder,
	type Replica,
	type Reply,
	startConformanceServer,
	startMcpServer,
	startRecorder,
	startSseServer,
} from "../support/upstreams.ts";

/** Entries that do not say their type, through a whole gateway. */

const open: { close(): Promise<unknown> }[] = [];
let gateway: Gateway;
let replica: Replica;

async function keep<T extends { close(): Promise<unknown> }>(starting: Promise<T>): Promise<T> {
	const started = await starting;
	open.push(started);
	return started;
}

beforeEach(async () => {
	replica = await keep(startMcpServer({ name: "http" }));
});

afterEach(async () => {
	await gateway?.stop();
	await Promise.all(open.splice(0).map((one) => one.close()));
});

const program = (name: string) => fileURLToPath(new URL(`../fixtures/stdio/${name}.ts`, import.meta.url));
const cmd = [NODE, program("server")];

/** Answers `initialize` and nothing else. */
function legacyReply(body: Buffer): Reply {
	const { id, method } = JSON.parse(body.toString() || "{}");
	if (method !== "initialize") return { status: 400, body: "no" };
	const result = { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "x", version: "1" } };
	const headers = { "content-type": "application/json" };
	return { headers, body: JSON.stringify({ jsonrpc: "2.0", id, result }) };
}

interface Shown {
	readonly id: string;
	readonly type: string;
	readonly state: string;
	readonly problem?: string;
	readonly detected?: Finding;
	readonly sessions?: number;
}

async function server(id: string): Promise<Shown> {
	const response = await fetch(`${gateway.adminUrl}/v1/servers/${id}`);
	return (await response.json()) as Shown;
}

const serves = (id: string, transport: Finding["transport"]) =>
	eventually(
		`${id} is served over ${transport}`,
		async () => {
			const { state, detected } = await server(id);
			return state === "serving" && detected?.transport === transport;
		},
		60_000,
	);

/** The text that a tool returns. */
async function answer(id: string, tool: string, transport?: Transport): Promise<string> {
	const client = new Client({ name: "test", version: "1" });
	try {
		const http = new StreamableHTTPClientTransport(new URL(`${gateway.url}/${id}`));
		await client.connect(transport ?? (http as Transport));
		const { content } = await client.callTool({ name: tool, arguments: { text: "hello" } });
		return String((content as { text: string }[])[0]?.text);
	} finally {
		await client.close();
	}
}

async function refusal(id: string): Promise<{ status: number; text: string }> {
	const message = { jsonrpc: "2.0", id: 1, method: "ping" };
	const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
	const response = await fetch(`${gateway.url}/${id}`, { method: "POST", body: JSON.stringify(message), headers });
	return { status: response.status, text: await response.text() };
}

describe("what an entry without a type becomes", () => {
	test("each transport, at the path where it is, and what has none says what was tried", async () => {
		const both = await keep(startConformanceServer());
		const sse = await keep(startSseServer());
		const page = await keep(startRecorder({ reply: { body: "<h1>", headers: { "content-type": "text/html" } } }));
		const nobody = await freePort();
		gateway = await startGateway({
			registry: {
				mcpServers: {
					whole: { url: replica.url },
					bare: { url: both.origin },
					old: { url: sse.url },
					fallback: { url: `http://127.0.0.1:${nobody}/mcp`, command: cmd[0], args: cmd.slice(1) },
					program: { command: cmd[0], args: cmd.slice(1) },
					page: { url: page.url, headers: { "X-Key": "hunter2-hunter2" } },
					typed: { type: "http", url: page.url },
				},
			},
		});
		await serves("fallback", "stdio");
		expect(await server("whole")).toMatchObject({
			type: "auto",
			state: "serving",
			detected: { transport: "streamable-http", path: "/mcp", revisions: ["2025-11-25"], serverInfo: { name: "http" } },
		});
		expect(await server("bare")).toMatchObject({
			detected: { transport: "streamable-http", path: "/mcp", revisions: ["2026-07-28", "2025-11-25"] },
		});
		expect(await server("old")).toMatchObject({ detected: { transport: "sse", path: "/api/sse" } });
		expect(await server("fallback")).toMatchObject({
			type: "auto",
			pool: { sessions: 0 },
			detected: { transport: "stdio" },
		});
		expect(await server("program")).not.toHaveProperty("detected");
		expect(await server("typed")).toMatchObject({ type: "http", state: "serving" });

		expect(JSON.parse(await answer("whole", "whoami"))).toMatchObject({ name: "http" });
		expect(await answer("bare", "test_simple_text")).toContain("simple text");
		expect(await answer("fallback", "echo")).toBe("hello");
		expect(await answer("program", "echo")).toBe("hello");
		const stream = new SSEClientTransport(new URL(`${gateway.url}/old`));
		expect(await answer("old", "echo", stream as Transport)).toBe("hello");

		const { problem } = await server("page");
		expect(problem).toContain(`POST ${page.url}/mcp initialize: HTTP 200, text/html`);
		const refused = await refusal("page");
		expect(refused.status).toBe(503);
		expect(JSON.parse(refused.text)).toMatchObject({
			error: { data: { reason: "server_unavailable", detail: problem } },
		});

		const status = await call("status", "--admin", new URL(gateway.adminUrl).host);
		expect(status.stdout).toContain("auto: streamable-http at /mcp, 2026-07-28, 2025-11-25");
		const at = ["--registry", gateway.registryFile, "--admin", new URL(gateway.adminUrl).host];
		const list = await call("servers", "list", ...at);
		expect(list.stdout).toMatch(/^bare +auto +\S+ +serving: streamable-http at \/mcp, 2026-07-28, 2025-11-25$/m);
		expect(list.stdout).toContain("nothing that speaks MCP was found");
		expect(JSON.parse((await call("servers", "get", "old", ...at)).stdout)).toMatchObject({
			type: "auto",
			http: { endpoints: [{ url: sse.url }] },
			state: "serving",
			detected: { transport: "sse", revisions: ["2024-11-05"] },
		});
		for (const text of [gateway.output(), status.stdout, refused.text, list.stdout])
			expect(text).not.toContain("hunter2");
	});

	test("no request causes a probe", async () => {
		const upstream = await keep(startRecorder());
		const counts: Record<string, number> = {};
		upstream.reply(({ body, method }) => {
			const message = JSON.parse(body.toString() || "{}");
			const name = message.method ?? method;
			counts[name] = (counts[name] ?? 0) + 1;
			return legacyReply(body);
		});
		gateway = await startGateway({ registry: { s: { endpoint: `${upstream.url}/mcp` } } });
		await serves("s", "streamable-http");
		const probed = { "server/discover": 1, initialize: 1 };
		expect(counts).toEqual(probed);
		for (let i = 0; i < 50; i++) expect((await refusal("s")).status).toBe(400);
		expect(counts).toEqual({ ...probed, ping: 50 });
	});
});

describe("what changes", () => {
	test("a new endpoint is detected again, and a server that appears takes over from its command", async () => {
		const port = await freePort();
		const dead = `http://127.0.0.1:${port}`;
		gateway = await startGateway({ registry: { s: { endpoint: dead, cmd }, other: { endpoint: replica.url } } });
		await serves("s", "stdio");
		// Status tells what the control plane has made of it; Envoy may take it up a moment later.
		await expect.poll(() => answer("s", "echo").catch(String), { timeout: 10_000 }).toBe("hello");
		await keep(startConformanceServer({ port }));
		await serves("s", "streamable-http");
		expect((await server("s")).detected).toMatchObject({ path: "/mcp" });

		const sse = await keep(startSseServer());
		await gateway.writeRegistry({ s: { endpoint: sse.url, cmd }, other: { endpoint: replica.url } });
		await serves("s", "sse");
		await gateway.writeRegistry({ s: { endpoint: replica.url }, other: { endpoint: replica.url } });
		await serves("s", "streamable-http");
		await expect.poll(() => answer("s", "whoami").catch(String), { timeout: 10_000 }).toMatch(/"name":\s*"http"/);
	});

	test("a server that comes late is served without anyone's doing, and stays when it is gone for a while", async () => {
		const port = await freePort();
		const registry = { late: { endpoint: `http://127.0.0.1:${port}/mcp` } };
		gateway = await startGateway({ registry });
		await eventually(
			"it was tried",
			async () => (await server("late")).problem?.includes("connection refused") === true,
		);
		const late = await keep(startRecorder({ port, reply: ({ body }) => legacyReply(body) }));
		await serves("late", "streamable-http");
		late.reply({ status: 500 });
		late.clear();
		process.kill(gateway.pid, "SIGHUP");
		// The second attempt comes when the first has been taken for what it is.
		const attempts = () => late.requests.filter(({ method }) => method === "GET").length;
		await eventually("it was looked at twice", () => attempts() >= 2, 60_000);
		expect(await server("late")).toMatchObject({ state: "serving", detected: { path: "/mcp" } });
		expect((await refusal("late")).status).toBe(500);
	});

	test("a control plane that starts again takes nothing from Envoy while it detects", async () => {
		const silent: Recorder = await keep(startRecorder({ reply: { hang: true } }));
		// As many as are looked at at once, and before the other: it is not found again in the time that is waited.
		const registry: Record<string, object> = {};
		for (let index = 0; index < 17; index++) registry[`silent-${index}`] = { endpoint: `${silent.url}/${index}` };
		registry["s"] = { endpoint: replica.url };
		gateway = await startGateway({ registry });
		await serves("s", "streamable-http");
		const unserved = async () => (await refusal("s")).text.includes("server_unavailable");
		await eventually("Envoy serves it", async () => !(await unserved()), 60_000);
		// What is written first, when the first silent one is given up, may hold nothing yet.
		await eventually("it is written down", () => {
			const names = readdirSync(gateway.tempDir, { recursive: true, encoding: "utf8" });
			const file = names.find((name) => name.endsWith("findings.json"));
			return file !== undefined && readFileSync(join(gateway.tempDir, file), "utf8").includes("streamable-http");
		});
		const { "control-plane": before = 0 } = await gateway.children();
		process.kill(before, "SIGKILL");
		await eventually(
			"the control plane is back and has told Envoy",
			async () => {
				expect(await unserved()).toBe(false);
				const pid = ((await gateway.children().catch(() => ({}))) as Record<string, number>)["control-plane"];
				const now = await server("s").catch(() => undefined);
				return pid !== before && now?.state === "serving";
			},
			60_000,
		);
		expect(await server("silent-0")).toMatchObject({ state: "unavailable" });
	});
});
