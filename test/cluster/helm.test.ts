import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { objectName } from "../../control-plane/kubernetes/names.ts";
import { BASE_CHART, ownCharts } from "../../control-plane/kubernetes/objects/chart.ts";
import { isMap } from "../../control-plane/registry/dialect.ts";
import { valueFields } from "../../control-plane/registry/k8s-values.ts";
import { parseRegistry } from "../../control-plane/registry/parse.ts";
import { anyones } from "../support/anyones.ts";
import { helm, rendered } from "../support/helm.ts";
import {
	type GoldenServer,
	goldenFolder,
	goldenInputs,
	goldenServer,
	goldenServers,
} from "../support/kubernetes-golden.ts";
import { managedEntry } from "../unit/fuzz/kubernetes.ts";

/** By kind, of which a server has one each. */
function byKind(objects: readonly unknown[]): Record<string, unknown> {
	const kinds = objects.map((object) => (isMap(object) ? String(object["kind"]) : ""));
	expect(new Set(kinds).size, "one object of each kind").toBe(kinds.length);
	return Object.fromEntries(objects.map((object, index) => [kinds[index], anyones(object)]));
}

/** What is written in an entry, as values of its chart; `id` is Helm's way to say what the gateway knows. */
function helmValues(entry: Readonly<Record<string, unknown>>, id: string): object {
	const said = Object.entries(entry).filter(([key]) => Object.hasOwn(valueFields, key));
	const values = { ...Object.fromEntries(said), id };
	const { chart } = entry;
	return chart === undefined || chart === BASE_CHART ? values : { [BASE_CHART]: values };
}

async function expectSame(golden: GoldenServer, entry: Readonly<Record<string, unknown>>): Promise<void> {
	const { server, namespace, objects } = golden;
	const values = helmValues(entry, server.id);
	const others = await rendered(objectName(server.id), server.chart ?? BASE_CHART, namespace, values);
	expect(byKind(others)).toEqual(byKind(objects));
}

describe("charts", () => {
	test.each([BASE_CHART, "github-server"])("%s has nothing that Helm would warn of", async (chart) => {
		expect(await helm("lint", "--strict", join(ownCharts, chart))).toContain("0 chart(s) failed");
	});

	test("Helm refuses values that the gateway refuses, and asks for what must be given", async () => {
		const image = "localhost/server:1";
		const attempt = (values: object) => rendered("a", BASE_CHART, "default", values);
		await expect(attempt({})).rejects.toThrow("`image` is missing");
		await expect(attempt({ image, prot: 1 })).rejects.toThrow("prot");
		await expect(attempt({ image, port: 70_000 })).rejects.toThrow("port");
		await expect(attempt({ image, transport: "stdio" })).rejects.toThrow("`command` is missing");
		await expect(attempt({ image, secrets: { TOKEN: "pasted secret" } })).rejects.toThrow("TOKEN");
	});
});

describe("Helm renders what the gateway creates", () => {
	const servers = goldenInputs.flatMap((input) => {
		const raw: Record<string, Record<string, unknown>> = parse(readFileSync(join(goldenFolder, "in", input), "utf8"));
		return goldenServers(input).map((golden) => [golden.server.id, golden, raw[golden.server.id] ?? {}] as const);
	});
	test.each(servers)("%s", async (_, golden, entry) => {
		await expectSame(golden, entry);
	});

	test("generated entries", { timeout: 120_000 }, async () => {
		const seed = Number(process.env["FUZZ_SEED"] ?? 20_260_728);
		const numRuns = Math.ceil(40 * Number(process.env["FUZZ_RUNS"] ?? 1));
		let compared = 0;
		for (const entry of fc.sample(managedEntry, { seed, numRuns })) {
			const parsed = parseRegistry(JSON.stringify({ generated: entry }), "r.json");
			const server = parsed.ok ? parsed.registry.servers.get("generated") : undefined;
			if (server?.type !== "k8s") continue;
			await expectSame(goldenServer(server), entry);
			compared++;
		}
		expect(compared).toBeGreaterThan(numRuns / 2);
	});
});
