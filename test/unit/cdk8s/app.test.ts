import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createApp } from "../../../cdk8s/app.ts";
import { InvalidProps } from "../../../cdk8s/index.ts";
import { run } from "../../../envoy/run.ts";
import { installed, manifests, synthesized } from "../../support/gateway-chart.ts";
import { NODE, ROOT } from "../../support/process.ts";
import { synth } from "../../support/synth.ts";

const folder = mkdtempSync(join(tmpdir(), "cdk8s-app-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
	writeFileSync(join(folder, name), text);
	return join(folder, name);
}

describe("`cdk8s synth`", () => {
	test("installs a registry file under the name and in the namespace that it is told", async () => {
		const registryFile = file("r.yaml", "tickets: {type: k8s, image: tickets:1}\n");
		const { stdout } = await synth({ REGISTRY: registryFile, RELEASE: "gw", NAMESPACE: "gateway" });
		expect(installed(manifests(stdout))).toEqual(installed(synthesized({ registryFile })));
	});

	test("writes one file, and by itself an example with a server of each kind", async () => {
		const output = join(folder, "out");
		const { code } = await synth({ SERVERS: "1" }, "--output", output);
		expect(code).toBe(0);
		const names = Object.keys(installed(manifests(readFileSync(join(output, "mcp-gateway.k8s.yaml"), "utf8"))));
		expect(names).toContain("ConfigMap mcp-gateway/mcp-gateway-registry");
		expect(names).toContain("Deployment mcp-gateway/everything");
		expect(names).toContain("Deployment mcp-gateway/time");
	});

	test("takes the values that Helm takes, with the registry in them, and passes over those of hooks", async () => {
		const registry = { docs: { endpoint: "https://mcp.example.com/mcp" } };
		const given = { registry, image: { tag: "2.0" } };
		const VALUES = file(
			"values.yaml",
			JSON.stringify({ ...given, cleanup: { enabled: false }, test: { servers: ["docs"] } }),
		);
		const { stdout } = await synth({ VALUES, RELEASE: "gw", NAMESPACE: "gateway" });
		expect(installed(manifests(stdout))).toEqual(installed(synthesized(given)));
	});

	test("says what is wrong, and nothing of its own code", async () => {
		const { code, stdout, stderr } = await synth({ REGISTRY: file("faulty.yaml", "docs: 1\n") });
		expect(code).not.toBe(0);
		expect(stdout).toBe("");
		expect(stderr).toMatch(/^\/\S+\/faulty\.yaml:1:7: /);
		expect(stderr).not.toContain("createApp");
	});
});

test.each<[string, string, string]>([
	["values of another kind", "[]\n", "must be a map of values"],
	["values that it does not know", "registri: {}\n", "Did you mean `registry`?"],
	["no YAML", "a: [\n", "values.yaml: "],
])("refuses %s", (_, text, words) => {
	const VALUES = file("values.yaml", text);
	expect(() => createApp({ VALUES })).toThrow(InvalidProps);
	expect(() => createApp({ VALUES })).toThrow(words);
});

test("refuses values that are not there", () => {
	expect(() => createApp({ VALUES: join(folder, "none.yaml") })).toThrow(/^The values cannot be read: ENOENT/);
});

test("the constructs are of use to other apps, with a cdk8s of their own", async () => {
	const app = join(folder, "app");
	mkdirSync(join(app, "node_modules"), { recursive: true });
	symlinkSync(ROOT, join(app, "node_modules/mcp-gateway"));
	for (const name of ["cdk8s", "constructs"]) {
		cpSync(join(ROOT, "node_modules", name), join(app, "node_modules", name), { recursive: true, dereference: true });
	}
	const text = `
		import { App, Chart } from "cdk8s";
		import { McpGateway, McpServer } from "mcp-gateway/cdk8s";
		const app = new App();
		const chart = new Chart(app, "tools", { namespace: "tools", labels: { team: "agents" } });
		const tickets = new McpServer(chart, "tickets", { image: "tickets:1", replicas: 2 });
		new McpGateway(chart, "gw", { registry: { tickets: tickets.entry } });
		process.stdout.write(app.synthYaml());
	`;
	writeFileSync(join(app, "main.mts"), text);
	const { code, stdout, stderr } = await run(NODE, [join(app, "main.mts")], { timeoutMs: 60_000 });
	expect(stderr).toBe("");
	expect(code).toBe(0);
	const objects = installed(manifests(stdout));
	expect(objects["ConfigMap tools/gw-registry"]).toMatchObject({
		metadata: { labels: { team: "agents" } },
		data: { "mcp-gateway.yaml": { tickets: { type: "k8s", manage: false, namespace: "tools", service: "tickets" } } },
	});
	expect(objects["Deployment tools/tickets"]).toMatchObject({ spec: { replicas: 2 } });
});
