import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareServers, type Results, runConformance, summarize } from "../conformance/run.ts";
import { SUITES, type Suite } from "../conformance/suite.ts";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { NODE, ROOT } from "../support/process.ts";
import { type Replica, startConformanceServer } from "../support/upstreams.ts";

/** The same server gives the same answer, check by check, over HTTP direct, and over stdio behind bridge and Envoy. */

const MODES = ["session", "shared"] as const;
const TIMEOUT_MS = 300_000;

/**
 * One tool closes its stream, and answers who comes back. A process cannot, and the bridge closes none by itself; but the
 * suite listens for 10 seconds, then comes back. The older suite names a revision in its header whose streams nobody
 * closes, and over stdio the server sees no header.
 */
const SILENCE_MS: Partial<Record<Suite, string>> = { "2025-11-25": "11000" };

/**
 * Processes that wait, started, beside those of sessions. A request of 2026-07-28 that comes while others are in flight
 * takes one more, and the suite never closes the streams that it has read enough of. It waits 0.8 to 1.5 seconds for
 * what a second request causes on such a stream: a busy machine takes that long to start Node.
 */
const WARM: Partial<Record<Suite, number>> = { "2026-07-28": 4 };

let gateway: Gateway;
let upstream: Replica;
/** With a process for each request, changes reach those who listen at another one by this alone, as with replicas. */
let bus: string;
const runs = new Map<Suite, Promise<Results>>();

beforeAll(async () => {
	upstream = await startConformanceServer();
	bus = await mkdtemp(join(tmpdir(), "mcp-bus-"));
	const args = [join(ROOT, "test/fixtures/http/conformance-stdio.ts")];
	const registry: Record<string, object> = {};
	for (const mode of MODES) {
		for (const suite of SUITES) {
			const silence = SILENCE_MS[suite];
			const env = { ...(mode === "session" && { BUS: bus }), ...(silence !== undefined && { SILENCE_MS: silence }) };
			const pool = { mode, ...(mode === "session" && { min: WARM[suite] ?? 0 }) };
			registry[`${mode}-${suite}`] = { type: "stdio", command: NODE, args, env, pool };
		}
	}
	gateway = await startGateway({ registry });
});

afterAll(async () => {
	await gateway?.stop();
	await upstream?.close();
	await rm(bus, { recursive: true, force: true });
});

/** The server by itself, once. */
function runDirect(suite: Suite): Promise<Results> {
	const results = runs.get(suite) ?? runConformance({ suite, url: upstream.url });
	runs.set(suite, results);
	return results;
}

describe.each(MODES)("conformance of a stdio server, %s", (mode) => {
	it.each(SUITES)("%s", { timeout: TIMEOUT_MS }, async (suite) => {
		const through = `${gateway.url}/${mode}-${suite}`;
		const known = await runDirect(suite);
		const { direct, differences } = await compareServers({ suite, url: upstream.url, through, direct: known });
		expect(summarize(suite, direct).failed).toEqual([]);
		expect(direct.size).toBeGreaterThan(50);
		expect(differences, gateway.output().slice(-10_000)).toEqual([]);
	});
});
