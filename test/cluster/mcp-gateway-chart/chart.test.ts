import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KubernetesObject, V1ConfigMap } from "@kubernetes/client-node";
import { Ajv } from "ajv";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { ownCharts } from "../../../control-plane/kubernetes/objects/chart.ts";
import { parseRegistry } from "../../../control-plane/registry/parse.ts";
import { chartNamespace, chartRelease, refusedValues, valueSets, valuesOf } from "../../support/gateway-chart.ts";
import { helm, rendered } from "../../support/helm.ts";
import { dryRun } from "../support/dry-run.ts";
import { kubectl } from "../support/kubectl.ts";
import { customKinds } from "./custom-kinds.ts";

/**
 * Values in, manifests out, file by file: `UPDATE_GOLDEN=1` writes the files anew and deletes the stale ones. The API server
 * takes each of them, in a namespace that refuses what `restricted` does not allow.
 */

const chart = "mcp-gateway";
const out = join(import.meta.dirname, "out");
const update = process.env["UPDATE_GOLDEN"] === "1";
const namespace = `chart-golden-${process.pid}`;

const objectsOf = async (values: object) =>
	(await rendered(chartRelease, chart, chartNamespace, values)) as readonly KubernetesObject[];

beforeAll(async () => {
	await kubectl(["create", "namespace", namespace]);
	const levels = ["enforce", "warn"].map((mode) => `pod-security.kubernetes.io/${mode}=restricted`);
	await kubectl(["label", "namespace", namespace, ...levels]);
});

afterAll(async () => {
	await kubectl(["delete", "namespace", namespace, "--wait=false"]);
});

test("has nothing that Helm would warn of", async () => {
	expect(await helm("lint", "--strict", "--kube-version", "1.35.0", join(ownCharts, chart))).toContain(
		"0 chart(s) failed",
	);
});

describe.each(valueSets)("%s", (input) => {
	test("renders the golden manifests", async () => {
		const objects = await objectsOf(valuesOf(input));
		const text = objects.map((one) => stringify(one, { lineWidth: 0, aliasDuplicateObjects: false })).join("---\n");
		if (update) {
			mkdirSync(out, { recursive: true });
			writeFileSync(join(out, input), text);
		}
		expect(readFileSync(join(out, input), "utf8"), "look, then run it with UPDATE_GOLDEN=1").toBe(text);
	});

	test("has a registry without fault", async () => {
		const maps = (await objectsOf(valuesOf(input))).filter(({ kind }) => kind === "ConfigMap");
		for (const map of maps as readonly V1ConfigMap[]) {
			expect(parseRegistry(map.data?.["mcp-gateway.yaml"] ?? "", input)).toMatchObject({ ok: true });
		}
	});

	test("makes what the API server takes as it is, without a warning", async () => {
		const objects = await objectsOf(valuesOf(input));
		const ajv = new Ajv({ strict: true, strictTypes: false, allErrors: true });
		for (const object of objects) {
			const schema = customKinds[object.kind ?? ""];
			if (schema === undefined) continue;
			const valid = ajv.validate(schema, object);
			expect(ajv.errors ?? [], object.kind).toEqual([]);
			expect(valid).toBe(true);
		}
		const known = objects.filter(({ kind = "" }) => customKinds[kind] === undefined);
		const lines = await dryRun(known, namespace);
		expect(lines.filter((line) => !line.endsWith("created (server dry run)"))).toEqual([]);
		expect(lines).toHaveLength(known.length);
	});
});

test("no golden file is stale", () => {
	const stale = (existsSync(out) ? readdirSync(out) : []).filter((file) => !valueSets.includes(file));
	if (update) for (const file of stale) rmSync(join(out, file));
	else expect(stale, "golden files that no input makes; run it with UPDATE_GOLDEN=1").toEqual([]);
});

describe("refuses", () => {
	test.each(refusedValues)("%s", async (_, values, words) => {
		await expect(objectsOf(values)).rejects.toThrow(words);
	});

	test("a release whose name does not do", async () => {
		await expect(rendered("gw.1", chart, chartNamespace, {})).rejects.toThrow("does not do");
	});
});
