import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { stringify } from "yaml";
import { ownCharts } from "../../../../control-plane/kubernetes/objects/chart.ts";
import { valuesSchema } from "../../../../control-plane/kubernetes/objects/values-schema.ts";
import { goldenFolder, goldenInputs, goldenOutput, goldenServers } from "../../../support/kubernetes-golden.ts";

/**
 * Registry in, Kubernetes' objects out, file by file. `npm run golden` writes the files anew and deletes the stale ones.
 * In a cluster the API server is asked whether it takes them, and Helm whether the chart renders the same.
 */

const update = process.env["UPDATE_GOLDEN"] === "1";
const out = join(goldenFolder, "out");
const written = new Set(goldenInputs.map(goldenOutput));

function golden(file: string, text: string): void {
	if (update) writeFileSync(file, text);
	expect(readFileSync(file, "utf8"), `${file} differs; look, then run: npm run golden`).toBe(text);
}

it.each(goldenInputs)("%s", (input) => {
	if (update) mkdirSync(out, { recursive: true });
	const objects = goldenServers(input).flatMap((one) => one.objects);
	const text = objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join("---\n");
	golden(join(out, goldenOutput(input)), text);
});

it("Helm checks values against the schema that the gateway checks them against", () => {
	golden(join(ownCharts, "mcp-server", "values.schema.json"), `${JSON.stringify(valuesSchema(), null, "\t")}\n`);
});

afterAll(() => {
	const stale = (existsSync(out) ? readdirSync(out) : []).filter((file) => !written.has(file));
	if (update) for (const file of stale) rmSync(join(out, file));
	else expect(stale, "golden files that no input makes; run: npm run golden").toEqual([]);
});
