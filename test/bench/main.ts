import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../../control-plane/cli/paths.ts";
import { envoyVersion } from "../../envoy/find.ts";
import { envoyBinary } from "../support/envoy.ts";
import { changes } from "./changes.ts";
import { chaos } from "./chaos.ts";
import { filters } from "./filters.ts";
import { installation } from "./installation.ts";
import { kubernetes } from "./kubernetes.ts";
import { latency } from "./latency.ts";
import { reload, reloadTwo } from "./reload.ts";
import { type BenchOptions, type Section, sectionText } from "./report.ts";
import { scale } from "./scale.ts";
import { start } from "./start.ts";
import { stdio } from "./stdio.ts";
import { stdioMemory } from "./stdio-memory.ts";
import { saturation, throughput } from "./throughput.ts";

/** `npm run bench -- [--quick] [SECTION...]`: measures, prints tables, writes JSON. Slowness is never an exit code. */

const usual = {
	throughput,
	saturation,
	changes,
	reload,
	start,
	scale,
	latency,
	"reload-two": reloadTwo,
	chaos,
	stdio,
	"stdio-memory": stdioMemory,
	kubernetes,
	installation,
};
const sections: Readonly<Record<string, (options: BenchOptions) => Promise<Section>>> = { ...usual, filters };

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { quick: { type: "boolean" }, help: { type: "boolean" } },
});
const unknown = positionals.filter((name) => !Object.hasOwn(sections, name));
if (values.help === true) {
	process.stdout.write(`npm run bench -- [--quick] [SECTION...]\n\nSections: ${Object.keys(sections).join(", ")}\n`);
	process.exit(0);
}
if (unknown.length > 0) {
	process.stderr.write(`No such section: ${unknown.join(", ")}. There are: ${Object.keys(sections).join(", ")}.\n`);
	process.exit(2);
}

// So that what ends children and removes folders at this process' end runs.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

const names = positionals.length > 0 ? positionals : Object.keys(usual);
const machine = {
	cores: availableParallelism(),
	cpu: cpus()[0]?.model ?? "unknown",
	node: process.version,
	envoy: await envoyVersion(await envoyBinary()),
};
const measured: Record<string, Section> = {};
const startedAt = new Date().toISOString();
process.stdout.write(`${machine.cores} cores (${machine.cpu}), Node ${machine.node}, Envoy ${machine.envoy}\n\n`);
for (const name of names) {
	const section = await sections[name]!({
		quick: values.quick === true,
		progress: (line) => void (process.stderr.isTTY && process.stderr.write(`\r\x1b[K${line}`)),
	});
	if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
	measured[name] = section;
	process.stdout.write(`${sectionText(section)}\n`);
}

const folder = join(root, ".cache", "bench");
await mkdir(folder, { recursive: true });
const file = join(folder, `${startedAt.replaceAll(":", "-")}.json`);
await writeFile(
	file,
	JSON.stringify({ startedAt, quick: values.quick === true, machine, sections: measured }, null, 2),
);
process.stdout.write(`Written to ${file}\n`);
