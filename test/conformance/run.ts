import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NODE, start } from "../support/process.ts";
import { type Suite, suiteArguments, unscoredScenarios } from "./suite.ts";

/** `scenario/check-id`, then `#n` from the second time that the scenario reports the same id. */
export type CheckKey = string;
export type Status = "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";
export type Results = Map<CheckKey, Status>;

/** A check that came out otherwise through the gateway; undefined where it was not reported at all. */
export interface Difference {
	check: CheckKey;
	direct: Status | undefined;
	gateway: Status | undefined;
}

/** Counts of one run; `failed` holds the failures that count for the suite, `unscored` the others. */
export interface Summary {
	checks: number;
	passed: number;
	failed: CheckKey[];
	unscored: CheckKey[];
}

/**
 * Runs a suite of the official conformance tests against a URL.
 * Rejects, with the output, when the suite does not come to its end in time or reports nothing; failed checks are
 * results.
 */
export async function runConformance(options: { suite: Suite; url: string; timeoutMs?: number }): Promise<Results> {
	const { suite, url, timeoutMs = 240_000 } = options;
	const folder = await mkdtemp(join(tmpdir(), "mcp-conformance-"));
	try {
		const child = await start(NODE, suiteArguments(suite, url, folder));
		let late = false;
		const timer = setTimeout(() => {
			late = true;
			child.kill();
		}, timeoutMs);
		await child.exited;
		clearTimeout(timer);
		const results = await readResults(folder);
		// The exit code tells of failed checks, which are results; only the summary tells that the suite was run.
		if (late || results.size === 0 || !child.stdout().includes("=== SUMMARY ===")) {
			const why = late ? `did not end in ${timeoutMs} ms` : "was not run";
			throw new Error(`The conformance suite ${suite} ${why} at ${url}\n${child.output()}`);
		}
		return results;
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

/**
 * Runs a suite against a server, and against the same one through something else. `direct` may be a run that has been
 * made already.
 * The suites wait 0.5 to 1.5 seconds for what many checks look for, on either side, and a machine that is busy with
 * other things may stop everything for longer. So where the two differ both are run once more, and that counts: a fault
 * of what is between shows again.
 */
export async function compareServers(options: {
	suite: Suite;
	url: string;
	through: string;
	direct?: Results;
}): Promise<{ direct: Results; differences: Difference[] }> {
	const { suite, url, through } = options;
	const run = async (given?: Results) => {
		const direct = given ?? (await runConformance({ suite, url }));
		return { direct, differences: compare(direct, await runConformance({ suite, url: through })) };
	};
	const first = await run(options.direct);
	return first.differences.length === 0 ? first : run();
}

/** What differs between two runs of a suite, in the order of the checks. */
export function compare(direct: Results, gateway: Results): Difference[] {
	return [...new Set([...direct.keys(), ...gateway.keys()])]
		.map((check) => ({ check, direct: direct.get(check), gateway: gateway.get(check) }))
		.filter((both) => both.direct !== both.gateway);
}

/** Counts a run. */
export function summarize(suite: Suite, results: Results): Summary {
	const unscored = unscoredScenarios(suite);
	const counts: Summary = { checks: results.size, passed: 0, failed: [], unscored: [] };
	for (const [check, status] of results) {
		if (status === "SUCCESS") counts.passed++;
		if (status === "FAILURE") counts[unscored.has(scenarioOf(check)) ? "unscored" : "failed"].push(check);
	}
	return counts;
}

function scenarioOf(check: CheckKey): string {
	return check.slice(0, check.indexOf("/"));
}

/** Reads `server-<scenario>-<time>/checks.json` of every scenario. */
async function readResults(folder: string): Promise<Results> {
	const results: Results = new Map();
	for (const name of (await readdir(folder)).sort()) {
		const scenario = /^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(name)?.[1];
		if (!scenario) throw new Error(`The conformance suite wrote ${name}, which is not a scenario's folder`);
		for (const { id, status } of await readChecks(join(folder, name, "checks.json"))) {
			let key = `${scenario}/${id}`;
			for (let n = 2; results.has(key); n++) key = `${scenario}/${id}#${n}`;
			results.set(key, status);
		}
	}
	return results;
}

/** The checks of one scenario; a scenario that broke off (no connection, its time is up) leaves no file. */
async function readChecks(file: string): Promise<Check[]> {
	const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
		if (error.code !== "ENOENT") throw error;
	});
	return text === undefined ? [{ id: "broke-off", status: "FAILURE" }] : (JSON.parse(text) as Check[]);
}

interface Check {
	id: string;
	status: Status;
}
