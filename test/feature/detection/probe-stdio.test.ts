import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { probeStdio } from "../../../stdio-bridge/probe.ts";
import { startGuard } from "../../../stdio-bridge/processes/guard.ts";
import { NODE, ROOT } from "../../support/process.ts";
import { alive, bridgeWith, folder, memoryLog, pidsIn, stdio } from "../bridge/setup.ts";

const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/${name}.ts`, import.meta.url));

async function probe(
	args: readonly string[],
	options: { program?: string; timeoutMs?: number; signal?: AbortSignal } = {},
) {
	const guard = startGuard(memoryLog().log);
	onTestFinished(() => guard.close());
	return probeStdio({
		command: { program: options.program ?? NODE, args, env: { PATH: process.env["PATH"] ?? "" }, cwd: undefined },
		label: "it",
		guard,
		stop: { stdinMs: 500, termMs: 500 },
		timeoutMs: options.timeoutMs ?? 30_000,
		signal: options.signal ?? new AbortController().signal,
	});
}

/** A raw server's result, with the processes that it took; none of them is left. */
async function probeRaw(mode: string, count: number, timeoutMs?: number) {
	const pidFile = join(await folder(), "pids");
	const result = await probe([fixture("stdio/raw"), mode, pidFile], timeoutMs === undefined ? {} : { timeoutMs });
	const pids = await pidsIn(pidFile, count);
	expect(pids).toHaveLength(count);
	for (const pid of pids) expect(await alive(pid)).toBe(false);
	return { ...result, outcomes: result.tried.map(({ what, outcome }) => `${what}: ${outcome}`) };
}

const legacy = { transport: "stdio", revisions: ["2025-11-25"] };

describe("probeStdio", () => {
	test("server-everything, which refuses the newer question and answers the older", async () => {
		const program = join(ROOT, "node_modules/@modelcontextprotocol/server-everything/dist/index.js");
		const { finding, tried } = await probe([program, "stdio"]);
		expect(finding).toMatchObject({ ...legacy, serverInfo: { name: "mcp-servers/everything" } });
		expect(tried.map(({ what, outcome }) => `${what}: ${outcome}`)).toEqual([
			"it server/discover: JSON-RPC error -32601",
			"it initialize: 2025-11-25",
		]);
	});

	test("SDK v2, which speaks both eras, one process for each", async () => {
		const { finding } = await probe([fixture("http/conformance-stdio")]);
		expect(finding).toEqual({
			transport: "stdio",
			revisions: ["2026-07-28", "2025-11-25"],
			serverInfo: { name: "conformance", version: "1.0.0" },
		});
	});

	test("a server that exits on the newer question gets the older one in a fresh process", async () => {
		const { finding, outcomes } = await probeRaw("exit-on-discover", 2);
		expect(finding).toMatchObject(legacy);
		expect(outcomes[0]).toMatch(/^it server\/discover: The process exited with code 4\./);
	});

	test("a server that never answers the newer question gets the older one in the same process", async () => {
		const { finding, outcomes } = await probeRaw("ignore-unknown", 1, 15_000);
		expect(finding).toMatchObject(legacy);
		expect(outcomes).toEqual(["it server/discover: no answer in time", "it initialize: 2025-11-25"]);
	});

	test("lines that are no answer do not matter", async () => {
		expect((await probeRaw("garbage", 1)).finding).toMatchObject(legacy);
	});

	test("a server that stays silent", async () => {
		const { finding, outcomes } = await probeRaw("mute", 1, 1500);
		expect(finding).toBeUndefined();
		expect(outcomes).toEqual(["it server/discover: no answer in time", "it initialize: no answer in time"]);
	});

	test("a server that ends at once, with its last words", async () => {
		const { finding, outcomes } = await probeRaw("exit-on-start", 2);
		expect(finding).toBeUndefined();
		expect(outcomes[1]).toMatch(/exited with code 3.*cannot find the database/);
	});

	test("processes that the server started, and signals that it ignores", async () => {
		const { finding } = await probeRaw("grandchild", 2);
		expect(finding).toMatchObject(legacy);
	});

	test("a program that is not there", async () => {
		const { finding, tried } = await probe([], { program: "/nowhere/program" });
		expect(finding).toBeUndefined();
		expect(tried).toEqual([{ what: "it server/discover", outcome: "cannot be run: ENOENT" }]);
	});

	test("giving up ends the process", async () => {
		const pidFile = join(await folder(), "pids");
		const abort = new AbortController();
		const probing = probe([fixture("stdio/raw"), "mute", pidFile], { signal: abort.signal });
		const [pid = 0] = await pidsIn(pidFile, 1);
		abort.abort();
		expect((await probing).finding).toBeUndefined();
		expect(await alive(pid)).toBe(false);
	});
});

describe("the bridge's probe", () => {
	const post = { method: "POST", headers: { "content-type": "application/json" } };

	test("looks at a server's command beside its sessions", async () => {
		const { url, open, bridge } = await bridgeWith([stdio("a", "server", [], { pool: { max: 1 } })]);
		await open("a");
		const response = await fetch(url("/~bridge/probe/a"), post);
		expect(await response.json()).toMatchObject({ finding: { ...legacy, serverInfo: { name: "fixture" } } });
		expect(bridge.status().servers["a"]).toMatchObject({ sessions: 1, starts: 1 });
	});

	test("says why there is no command, and which servers it does not have", async () => {
		const { url } = await bridgeWith([{ ...stdio("a", "server"), cwd: "/nowhere" }]);
		const response = await fetch(url("/~bridge/probe/a"), post);
		expect(await response.json()).toMatchObject({ tried: [{ outcome: expect.stringContaining("/nowhere") }] });
		expect((await fetch(url("/~bridge/probe/b"), post)).status).toBe(404);
	});

	test("starts nothing for what a web page can send", async () => {
		const { url } = await bridgeWith([stdio("a", "server")]);
		for (const init of [{}, { method: "POST" }, { method: "POST", headers: { "content-type": "text/plain" } }]) {
			expect((await fetch(url("/~bridge/probe/a"), init)).status).toBe(404);
		}
	});

	test("ends with the bridge", async () => {
		const pidFile = join(await folder(), "pids");
		const { url, bridge } = await bridgeWith([stdio("a", "raw", ["mute", pidFile])]);
		const probing = fetch(url("/~bridge/probe/a"), post).catch(() => undefined);
		const [pid = 0] = await pidsIn(pidFile, 1);
		await bridge.close({ graceMs: 0 });
		await probing;
		expect(await alive(pid)).toBe(false);
	});
});
