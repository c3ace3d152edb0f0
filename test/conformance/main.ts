import { parseArgs } from "node:util";
import { compare, runConformance, summarize } from "./run.ts";
import { SUITES } from "./suite.ts";

/**
 * Runs all suites against a server, and against the same server through the gateway, and prints a table.
 * Exit code 1: a scored check failed direct, or came out otherwise through the gateway.
 */
const { values } = parseArgs({ options: { url: { type: "string" }, against: { type: "string" } } });
if (!values.url) {
	console.error("usage: node test/conformance/main.ts --url DIRECT_URL [--against GATEWAY_URL]");
	process.exit(2);
}

const rows = [["suite", "checks", "passed direct", "failed direct", "passed through", "differences"]];
const notes: string[] = [];
for (const suite of SUITES) {
	const direct = await runConformance({ suite, url: values.url });
	const { checks, passed, failed, unscored } = summarize(suite, direct);
	notes.push(...failed.map((check) => `${suite}: ${check} failed`));
	const row = [suite, String(checks), String(passed), `${failed.length} (+${unscored.length} unscored)`, "-", "-"];
	if (values.against) {
		const through = await runConformance({ suite, url: values.against });
		const differences = compare(direct, through);
		row.splice(4, 2, String(summarize(suite, through).passed), String(differences.length));
		for (const { check, direct, gateway } of differences) {
			notes.push(`${suite}: ${check} is ${direct ?? "missing"} direct, ${gateway ?? "missing"} through`);
		}
	}
	rows.push(row);
}

const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
for (const row of rows) console.log(row.map((cell, column) => cell.padEnd(widths[column]!)).join("  "));
for (const note of notes) console.log(note);
process.exitCode = notes.length > 0 ? 1 : 0;
