import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createCharts, parseChart } from "../../../control-plane/kubernetes/objects/chart.ts";
import { kubernetesServer } from "../../support/kubernetes-server.ts";

let folder = "";
beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "charts-"));
});
afterEach(() => {
	rmSync(folder, { recursive: true });
});

function write(chart: string, text: string): void {
	mkdirSync(join(folder, chart), { recursive: true });
	writeFileSync(join(folder, chart, "values.yaml"), text);
}

const server = (chart: string) => kubernetesServer("a", { chart });

describe("a folder of charts", () => {
	test("values stand under the base chart's key; a changed file is read again", () => {
		const charts = createCharts(folder);
		write("mine", "mcp-server: {image: 'a:1', replicas: null}\nother: {x: 1}\n");
		expect(charts.values(server("mine"))).toMatchObject({ ok: true, values: { image: "a:1", port: 8080 } });
		write("mine", "mcp-server: {image: 'a:22'}\n");
		expect(charts.values(server("mine"))).toMatchObject({ ok: true, values: { image: "a:22" } });
		rmSync(join(folder, "mine"), { recursive: true });
		expect(charts.values(server("mine"))).toMatchObject({ ok: false });
	});

	test("a folder may have a base chart of its own", () => {
		write("mcp-server", "image: 'base:1'\nport: 1234\n");
		const result = createCharts(folder).values(server("mcp-server"));
		// What is nowhere then is missing.
		expect(result).toMatchObject({ ok: false });
		expect(result.ok ? "" : result.problem).toContain("`imagePullPolicy` is missing");
	});

	test("a chart that is not there, with the one that was meant", () => {
		write("github-server", "mcp-server: {}\n");
		const result = createCharts(folder).values(server("githb-server"));
		expect(result).toEqual({
			ok: false,
			problem: `There is no chart \`githb-server\`: ${join(folder, "githb-server", "values.yaml")} is missing. Did you mean \`github-server\`?`,
		});
	});

	test("no folder at all, and one that cannot be read", () => {
		expect(createCharts(join(folder, "none")).values(server("x"))).toMatchObject({ ok: false });
		mkdirSync(join(folder, "odd", "values.yaml"), { recursive: true });
		const result = createCharts(folder).values(server("odd"));
		expect(result.ok ? "" : result.problem).toContain("The chart `odd` cannot be read: EISDIR");
	});
});

describe("faults of a chart's values", () => {
	test.each([
		["", "values.yaml:1:1: The file is empty. Write the server's values under `mcp-server`."],
		[
			"image: x\n",
			"values.yaml:1:1: `mcp-server` is missing: it must be a map of values such as `{image: ghcr.io/acme/server:1.2}`.",
		],
		[
			"mcp-server:\n  prot: 1\n  replicas: 2000\n",
			"values.yaml:2:3: Unknown key `prot`. Did you mean `port`?\nvalues.yaml:3:13: `mcp-server.replicas` must be a whole number from 0 to 1000.",
		],
		[
			"mcp-server:\n  resources: {limit: {}}\n  secrets: {A: {nme: x, name: x, key: y}}\n",
			"values.yaml:2:15: Unknown key `limit`. Did you mean `limits`?\nvalues.yaml:3:17: Unknown key `nme`. Did you mean `name`?",
		],
		["mcp-server: {image: [}\n", "values.yaml:1:22: "],
	])("%j", (text, problem) => {
		const result = parseChart(text, "values.yaml", "mine");
		expect(result.ok ? "" : result.problem).toContain(problem);
	});

	test("the base chart has its values at the top", () => {
		expect(parseChart("image: x\n", "values.yaml", "mcp-server")).toEqual({ ok: true, values: { image: "x" } });
		const result = parseChart("mcp-server: {image: x}\n", "values.yaml", "mcp-server");
		expect(result.ok ? "" : result.problem).toContain("values.yaml:1:1: Unknown key `mcp-server`.");
	});
});
