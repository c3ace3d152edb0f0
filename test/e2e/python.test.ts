import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { NODE, ROOT, start } from "../support/process.ts";
import { pythonWithSdk } from "../support/python.ts";
import { type Replica, startConformanceReplicas, startMcpServer, startSseServer } from "../support/upstreams.ts";

/** What users of the official Python SDK get through the gateway. */

let python: string;
let gateway: Gateway;
let modern: Awaited<ReturnType<typeof startConformanceReplicas>>;
let replicas: Replica[] = [];

beforeAll(async () => {
	python = await pythonWithSdk();
	modern = await startConformanceReplicas(3);
	const names = ["a", "b", "c"];
	const http = await Promise.all(names.map((name) => startMcpServer({ name })));
	const sse = await Promise.all(names.map((name) => startSseServer({ name })));
	replicas = [...http, ...sse];
	gateway = await startGateway({
		registry: {
			modern: { type: "http", endpoints: modern.replicas.map(({ url }) => url) },
			http: { type: "http", endpoints: http.map(({ url }) => url) },
			sse: { type: "sse", endpoints: sse.map(({ url }) => url) },
			stdio: { cmd: [NODE, join(ROOT, "test/fixtures/stdio/server.ts")] },
		},
	});
}, 300_000);
afterAll(async () => {
	await gateway?.stop();
	await modern?.close();
	for (const replica of replicas) await replica.close();
});

async function calls(kind: "http" | "sse" | "legacy", id: string, tool: string, args: object = {}) {
	const client = await start(python, [
		join(ROOT, "test/fixtures/python/client.py"),
		kind,
		`${gateway.url}/${id}`,
		tool,
		JSON.stringify(args),
	]);
	const { code } = await client.exited;
	if (code !== 0) throw new Error(client.output());
	const lines = client.stdout().trim().split("\n");
	return lines.map((line) => JSON.parse(line) as { revision: string; text: string });
}

test("2026-07-28 over HTTP, found out by the client itself", async () => {
	const answers = await calls("http", "modern", "test_simple_text");
	expect(answers.map(({ revision }) => revision)).toEqual(Array(3).fill("2026-07-28"));
});

test.each([
	["http", "http"], // an older server, which the client finds out by the upstream's own answers
	["legacy", "http"],
	["sse", "sse"],
] as const)("client %s, server %s: sessions stay on their replica", async (kind, id) => {
	for (let n = 0; n < 4; n++) {
		const answers = await calls(kind, id, "add_note", { text: "x" });
		expect(answers.map(({ text }) => text)).toEqual(["1", "2", "3"]);
		expect(answers[0]?.revision).toBe("2025-11-25");
	}
});

test("a stdio server: one process for the session", async () => {
	const answers = await calls("http", "stdio", "pid");
	expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
	expect(await calls("http", "stdio", "echo", { text: "grüß dich" })).toMatchObject(
		Array(3).fill({ text: "grüß dich" }),
	);
});
