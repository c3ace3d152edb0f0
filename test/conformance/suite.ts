import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { ROOT } from "../support/process.ts";

/** The suites that the gateway must pass, check by check, as its servers do. */
export const SUITES = ["0.1.16-all", "2025-11-25", "2026-07-28"] as const;
export type Suite = (typeof SUITES)[number];

const OLD = join(ROOT, "node_modules/conformance-0-1-16");
const NEW = join(ROOT, "node_modules/@modelcontextprotocol/conformance");

/** The command line of a suite, to be run under Node. */
export function suiteArguments(suite: Suite, url: string, outputFolder: string): string[] {
	const [bin, what] = suite === "0.1.16-all" ? [OLD, ["--suite", "all"]] : [NEW, ["--requirements", suite]];
	return [join(bin, "dist/index.js"), "server", "--url", url, ...what, "-o", outputFolder];
}

/** Scenarios of a suite that it runs but does not count: extensions, and what came after the release. */
export function unscoredScenarios(suite: Suite): Set<string> {
	if (suite === "0.1.16-all") return new Set();
	const text = readFileSync(join(NEW, "requirements", `${suite}.yaml`), "utf8");
	const { not_scored } = parse(text) as { not_scored: { scenario: string; leg: string }[] };
	return new Set(not_scored.filter(({ leg }) => leg === "server").map(({ scenario }) => scenario));
}
