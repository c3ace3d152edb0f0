import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubernetesObject, V1ConfigMap } from "@kubernetes/client-node";
import { App, Chart } from "cdk8s";
import { afterAll, describe, expect, test } from "vitest";
import { InvalidProps, McpGateway } from "../../../cdk8s/index.ts";
import {
	goldenManifests,
	installed,
	refusedValues,
	synthesized,
	valueSets,
	valuesOf,
} from "../../support/gateway-chart.ts";
import { goldenFolder, goldenServers } from "../../support/kubernetes-golden.ts";

const folder = mkdtempSync(join(tmpdir(), "registry-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
	writeFileSync(join(folder, name), text);
	return join(folder, name);
}

const registryOf = (objects: readonly KubernetesObject[]) =>
	(objects.find(({ kind }) => kind === "ConfigMap") as V1ConfigMap | undefined)?.data;

describe("makes what Helm renders of", () => {
	test.each(valueSets)("%s", (set) => {
		const wanted = installed(goldenManifests(set));
		expect(Object.keys(wanted).length).toBeGreaterThan(10);
		expect(installed(synthesized(valuesOf(set)))).toEqual(wanted);
	});
});

describe("refuses", () => {
	test.each(refusedValues)("%s", (_, values, words) => {
		expect(() => synthesized(values)).toThrow(InvalidProps);
		expect(() => synthesized(values)).toThrow(words);
	});

	test("a release whose name does not do", () => {
		expect(() => synthesized({}, "gw.1")).toThrow("does not do");
	});

	test("a key that is nearly one, with the right one", () => {
		expect(() => synthesized({ envoy: { replica: 3 } })).toThrow(
			"envoy.replica is not known. Did you mean `replicas`?",
		);
	});

	test("to have a value taken away", () => {
		expect(() => synthesized({ auth: { apiKeys: { key: null } } })).toThrow("auth.apiKeys.key must not be null");
	});

	test("to be without a namespace", () => {
		expect(() => new McpGateway(new Chart(new App(), "test"), "gw")).toThrow("test/gw needs a namespace");
	});

	test("a faulty registry, with file, line and column", () => {
		const registryFile = file("faulty.yaml", "docs:\n  endpoint: nowhere\n");
		expect(() => synthesized({ registryFile })).toThrow(`${registryFile}:2:13: `);
		expect(() => synthesized({ registry: { docs: { endpoint: "nowhere" } } })).toThrow("registry.yaml:2:13: ");
	});

	test("a registry that is not there, and two of them", () => {
		expect(() => synthesized({ registryFile: join(folder, "none.yaml") })).toThrow(/cannot be read: ENOENT/);
		const registry = { docs: { endpoint: "http://docs/mcp" } };
		expect(() => synthesized({ registry, registryFile: file("a.yaml", "{}") })).toThrow("exclude each other");
	});
});

describe("a registry file", () => {
	test("is installed as it is written, with its comments", () => {
		const text = "# Ours.\ndocs: {endpoint: https://mcp.example.com/mcp}\n";
		expect(registryOf(synthesized({ registryFile: file("r.yml", text) }))).toEqual({ "mcp-gateway.yaml": text });
	});

	test("of another tool stays JSON", () => {
		const text = '{"mcpServers": {"docs": {"url": "https://mcp.example.com/mcp"}}} // theirs\n';
		expect(registryOf(synthesized({ registryFile: file("mcp.json", text) }))).toEqual({ "mcp-gateway.json": text });
	});
});

test("tells where it is reached", () => {
	const chart = new Chart(new App(), "test", { namespace: "tools" });
	expect(new McpGateway(chart, "gw").url).toBe("http://gw.tools.svc:80");
	const tls = new McpGateway(chart, "other", { tls: { secretName: "tls" }, namespace: "elsewhere" });
	expect(tls.url).toBe("https://other.elsewhere.svc:443");
});

test("makes the objects of its servers as the gateway would, where they are asked for", () => {
	const input = "http.yaml";
	// Servers without a namespace are in the gateway's.
	const props = { registryFile: join(goldenFolder, "in", input), namespace: "default" };
	const without = synthesized(props);
	const objects = synthesized({ ...props, includeServers: true, kubernetes: { gatewayName: "golden" } });
	const wanted = goldenServers(input).flatMap((golden) => golden.objects);
	expect(objects.slice(without.length)).toEqual(JSON.parse(JSON.stringify(wanted)));
});

test("leaves servers alone that it only finds", () => {
	const registry = { found: { type: "k8s", manage: false, namespace: "tools" } };
	expect(synthesized({ registry, includeServers: true })).toHaveLength(synthesized({ registry }).length);
});
