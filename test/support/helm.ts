import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";
import { ownCharts } from "../../control-plane/kubernetes/objects/chart.ts";

const run = promisify(execFile);
const program = process.env["HELM_BIN"] ?? "helm";

/** Runs Helm, found as `HELM_BIN` or on the PATH, and returns what it prints. @throws with its words where it fails. */
export async function helm(...args: readonly string[]): Promise<string> {
	const { stdout } = await run(program, [...args], { maxBuffer: 16 * 1024 ** 2 });
	return stdout;
}

/** A Helm that is built without a version of its own takes one that charts refuse. */
const KUBE_VERSION = "1.35.0";

/** Characters that YAML, as which Helm reads JSON, takes as escapes only. */
const UNPRINTABLE = /[\u2028\u2029\ufeff]/g;
const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** The objects that a chart of the repository renders. */
export async function rendered(
	release: string,
	chart: string,
	namespace: string,
	values: object,
): Promise<readonly unknown[]> {
	const folder = await mkdtemp(join(tmpdir(), "helm-values-"));
	try {
		const file = join(folder, "values.json");
		await writeFile(file, JSON.stringify(values).replace(UNPRINTABLE, escaped));
		const where = ["--namespace", namespace, "--kube-version", KUBE_VERSION];
		const text = await helm("template", release, join(ownCharts, chart), ...where, "--values", file);
		return parseAllDocuments(text).map((document) => document.toJS());
	} finally {
		await rm(folder, { recursive: true });
	}
}
