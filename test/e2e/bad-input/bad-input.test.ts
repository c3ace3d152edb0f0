import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { formatErrors } from "../../../control-plane/registry/format.ts";
import type { RegistryError } from "../../../control-plane/registry/model.ts";
import { parseRegistry } from "../../../control-plane/registry/parse.ts";
import { call } from "../../support/cli.ts";
import { runFolder } from "../../support/envoy-admin.ts";
import { eventually, type Gateway, startGateway } from "../../support/gateway.ts";
import { NODE } from "../../support/process.ts";
import { type Recorder, startRecorder } from "../../support/upstreams.ts";
import { type Answer, expectGatewayError, open, readUntil, send, sendRaw, toolCall } from "../data-plane/client.ts";
import { calls } from "./admin.ts";
import { headers } from "./headers.ts";
import { files, registries } from "./registries.ts";
import { MAX_BODY, type RequestRow, requests } from "./requests.ts";
import { streams } from "./xds.ts";
import { exchange } from "./xds-stream.ts";

/** All that is malformed goes to one gateway, row by row, each to its exact answer; then it serves as before. */

let upstreams: Recorder[];
let gateway: Gateway;
let good: string;
let before: Awaited<ReturnType<typeof condition>>;
let client: Client;

const tool = async (name: string) => (await client.callTool({ name, arguments: {} })).content;

beforeAll(async () => {
	const reply = { body: "{}", headers: { "content-type": "application/json", "content-length": "2" } };
	upstreams = [await startRecorder({ reply }), await startRecorder({ reply })];
	const [first, second] = upstreams.map(({ url }) => `${url}/mcp`);
	const stdio = fileURLToPath(new URL("../../fixtures/stdio/server.ts", import.meta.url));
	good = [
		`s: {type: http, endpoint: ${first}}`,
		`pair: {type: http, endpoints: [${first}, ${second}]}`,
		`stdio: {cmd: [${NODE}, ${stdio}]}`,
		"",
	].join("\n");
	gateway = await startGateway({ registry: good, args: ["--max-body", String(MAX_BODY)] });
	client = new Client({ name: "test", version: "1" });
	await client.connect(new StreamableHTTPClientTransport(new URL(`${gateway.url}/stdio`)));
	before = await condition();
});
afterAll(async () => {
	await client?.close();
	await gateway?.stop();
	for (const upstream of upstreams ?? []) await upstream.close();
});
beforeEach(() => {
	for (const upstream of upstreams) upstream.clear();
});

interface StatusBody {
	readonly registry: { readonly errors: readonly RegistryError[] };
	readonly envoys: readonly {
		readonly inSync: boolean;
		readonly nacks: number;
		readonly refused: readonly unknown[];
	}[];
	readonly servers: readonly { readonly id: string; readonly state: string }[];
}
const status = async () => (await (await fetch(`${gateway.adminUrl}/v1/status`)).json()) as StatusBody;

/** What must be the same afterwards, and what may not grow. */
async function condition() {
	const { registry, envoys, servers } = await status();
	const pids = await gateway.children();
	const used = await Promise.all(
		Object.entries(pids).map(async ([name, pid]) => {
			const rss = /^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1];
			return [name, { descriptors: readdirSync(`/proc/${pid}/fd`).length, megabytes: Number(rss) / 1024 }] as const;
		}),
	);
	return {
		same: {
			pids,
			errors: registry.errors,
			envoys: envoys.map(({ inSync, nacks, refused }) => ({ inSync, nacks, refused })),
			servers: servers.map(({ id, state }) => ({ id, state })),
			process: await tool("pid"),
		},
		used: Object.fromEntries(used),
	};
}

/** An ordinary call goes through. */
async function expectServes(): Promise<void> {
	const answer = await send(gateway.url, "/s", toolCall("echo"));
	expect([answer.status, answer.text]).toEqual([200, "{}"]);
}

describe("registries", () => {
	let folder: string;
	beforeAll(async () => {
		folder = await mkdtemp(join(tmpdir(), "bad-input-"));
	});
	afterAll(async () => {
		await rm(folder, { recursive: true });
		await gateway.writeRegistry(good);
		await eventually("the good registry is in force", async () => (await status()).registry.errors.length === 0);
	});

	/** Puts something in the place of the gateway's registry, and waits for what it says. */
	async function expectKept(make: (path: string) => void, wanted: readonly string[]): Promise<void> {
		rmSync(gateway.registryFile, { recursive: true, force: true });
		make(gateway.registryFile);
		let told: string[] = [];
		await eventually(`the fault is told; last ${JSON.stringify(told)}`, async () => {
			told = (await status()).registry.errors.map((error) => formatErrors([error]));
			return JSON.stringify(told) === JSON.stringify(wanted);
		}).catch(() => {});
		expect(told).toEqual(wanted);
		await expectServes();
	}

	test.each(registries)("$name", async ({ content, json, faults }) => {
		const text = content.toString();
		const name = json ? "r.json" : "r.yaml";
		const result = parseRegistry(text, name);
		expect(result.ok ? [] : result.errors.map((error) => formatErrors([error]))).toEqual(
			faults.map((fault) => `${name}:${fault}`),
		);
		// The running gateway's file is called YAML: there, what JSON says may have other words.
		const there = parseRegistry(text, gateway.registryFile);
		const wanted = there.ok ? [] : there.errors.map((error) => formatErrors([error]));
		expect(wanted.length).toBeGreaterThan(0);
		await expectKept((path) => writeFileSync(path, content), wanted);
	});

	test.each(files)("the file is $name", async ({ name, make, message }) => {
		const path = join(folder, `${name.replaceAll(" ", "-")}.yaml`);
		make(path);
		const { code, stderr } = await call("validate", path);
		expect([code, stderr]).toEqual([2, expect.stringContaining(`Cannot read ${path}. ${message}`)]);
		await expectKept(make, [`${gateway.registryFile}:1:1: ${message}`]);
	});

	test("`validate` prints what is in the table, for all faults of a file", async () => {
		const { content, faults } = registries.find(({ name }) => name === "keys with slips")!;
		const path = join(folder, "slips.yaml");
		writeFileSync(path, content);
		const { code, stdout } = await call("validate", path);
		expect([code, stdout]).toEqual([1, `${faults.map((fault) => `${path}:${fault}`).join("\n")}\n`]);
	});
});

async function expectAnswer({ bytes, answer }: RequestRow): Promise<void> {
	const sent = Buffer.from(bytes, "latin1");
	if ("closed" in answer) {
		expect(await readUntil(open(gateway.url, sent))).not.toContain("HTTP/1.1");
		return;
	}
	const got: Answer = await sendRaw(gateway.url, sent);
	const seen = upstreams.flatMap((upstream) => upstream.requests);
	if ("passes" in answer) {
		expect([got.status, got.text]).toEqual([200, "{}"]);
		expect(seen.map(({ target, body }) => [target, body.toString("latin1")])).toEqual([
			[answer.passes, answer.body ?? expect.any(String)],
		]);
		for (const name of Object.keys(seen[0]!.headers)) expect(name).not.toMatch(/^x-(?:envoy|mcp-gateway)-/);
		return;
	}
	const { reason, ...more } = answer;
	expectGatewayError(got, reason, {
		requestId: expect.toSatisfy((id) => id === null || typeof id === "string"),
		...more,
	});
	expect(seen).toEqual([]);
}

describe("requests", () => {
	test.each(requests)("$name", expectAnswer);
});

describe("headers", () => {
	test.each(headers)("$name", expectAnswer);
});

describe("xDS", () => {
	const rows = streams.flatMap((row) => row.variants.map((variant) => ({ ...row, variant })));
	test.each(rows)("$variant: $name", async ({ variant, ...row }) => {
		const socket = join(await runFolder(gateway), "xds.sock");
		const { responses, end } = row;
		const wanted = responses.map(([type = "", ...names]) => [type, ...names.sort()]);
		expect(await exchange(socket, variant, row)).toEqual({ responses: wanted, ...(end === undefined ? {} : { end }) });
		await eventually("the intruder is gone", async () => (await status()).envoys.length === 1);
	});
});

describe("admin calls", () => {
	test.each(calls)("$name", async ({ bytes, status, body, headers }) => {
		const etag = String((await fetch(`${gateway.adminUrl}/v1/registry`)).headers.get("etag"));
		const answer = await sendRaw(gateway.adminUrl, Buffer.from(bytes.replaceAll("ETAG", etag), "latin1"));
		const words = JSON.stringify(body)
			.replaceAll('"ETAG"', JSON.stringify(etag))
			.replaceAll("REGISTRY", gateway.registryFile);
		expect([answer.status, JSON.parse(answer.text)]).toEqual([status, JSON.parse(words)]);
		expect(answer.headers).toMatchObject({ ...headers, "content-type": "application/json; charset=utf-8" });
		expect(await readFile(gateway.registryFile, "utf8")).toBe(good);
	});
});

test("there are more than enough", () => {
	const kinds = [registries, files, requests, headers, streams, calls];
	for (const rows of kinds) expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
	expect(kinds.flat().length).toBeGreaterThan(150);
});

test("after all of them the gateway serves as before", async () => {
	await expectServes();
	const after = await condition();
	expect(after.same).toEqual(before.same);
	for (const [name, { descriptors, megabytes }] of Object.entries(after.used)) {
		const was = before.used[name]!;
		expect([name, descriptors]).toEqual([name, expect.toSatisfy((now: number) => now <= was.descriptors + 20)]);
		// Files of 20 MB went through; what they took must not add up.
		expect([name, megabytes]).toEqual([name, expect.toSatisfy((now: number) => now <= was.megabytes + 250)]);
	}
	const bad = gateway
		.output()
		.split("\n")
		.filter((line) => /"level":"(?:fatal|critical)"|"event":"exit"|"event":"admin_error"/.test(line));
	expect(bad).toEqual([]);
	expect(gateway.output()).not.toContain("hunter2");
});
