import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createListening, type ListeningPlaces } from "../../../control-plane/kubernetes/discovery/listening.ts";
import { createCharts } from "../../../control-plane/kubernetes/objects/chart.ts";
import { kubernetesServer } from "../../support/kubernetes-server.ts";

let folder: string;
let places: ListeningPlaces;
let warnings: unknown[];

const chart = (text: string) => writeFileSync(join(folder, "docs", "values.yaml"), text);
const docs = () => kubernetesServer("docs", { chart: "docs" });

beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "mcpgw-charts-"));
	mkdirSync(join(folder, "docs"));
	chart("mcp-server: {image: a, port: 9000, path: /docs}");
	warnings = [];
	const log = pino({}, { write: (line: string) => void warnings.push(JSON.parse(line)) });
	places = createListening(createCharts(folder), log);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("is the same object until the chart says something else", () => {
	const server = docs();
	const before = places.of(server);
	expect(before).toEqual({ port: 9000, path: "/docs", drainMs: 5000 });
	chart("mcp-server: {image: a, port: 9001, path: /docs, drainSeconds: 1}");
	expect(places.of(server)).toBe(before);
	places.forget();
	expect(places.of(server)).toEqual({ port: 9001, path: "/docs", drainMs: 1000 });
	expect(warnings).toEqual([]);
});

test("of a server that is only found needs no image, and its pods end when their owner wants", () => {
	chart("mcp-server: {port: 9000}");
	expect(places.of(kubernetesServer("docs", { chart: "docs", manage: false }))).toEqual({ port: 9000, path: "/mcp" });
});

test.each([
	["faulty", () => chart("mcp-server: {prot: 9001}")],
	["gone", () => rmSync(join(folder, "docs"), { recursive: true })],
])("pods that run are served as before where the chart is %s: once looked at anew, and by another entry", (_, spoil) => {
	const server = docs();
	const before = places.of(server);
	spoil();
	expect(places.of(docs())).toBe(before);
	places.forget();
	expect(places.of(server)).toBe(before);
	expect(places.of(docs())).toBe(before);
	expect(warnings).toEqual([expect.objectContaining({ event: "chart_faulty", server: "docs" })]);
	expect(places.of(kubernetesServer("other", { chart: "docs" }))).toEqual({ problem: expect.stringContaining("docs") });
	mkdirSync(join(folder, "docs"), { recursive: true });
	chart("mcp-server: {image: a, port: 9002}");
	places.forget();
	expect(places.of(server)).toMatchObject({ port: 9002 });
});
