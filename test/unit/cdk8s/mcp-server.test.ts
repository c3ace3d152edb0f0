import { readFileSync } from "node:fs";
import { join } from "node:path";
import { App, Chart } from "cdk8s";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { InvalidProps, McpServer, type McpServerProps } from "../../../cdk8s/index.ts";
import type { KubernetesServer } from "../../../control-plane/registry/model.ts";
import { parseRegistry } from "../../../control-plane/registry/parse.ts";
import { goldenFolder, goldenInputs, goldenServers } from "../../support/kubernetes-golden.ts";

const newChart = () => new Chart(new App(), "test", { namespace: "tools" });

/** What an entry says of a server's pods; the rest of it is the gateway's affair. */
function propsOf(entry: Readonly<Record<string, unknown>>): McpServerProps {
	const { type: _, manage: __, via: ___, loadBalancer: ____, ...props } = entry;
	return props;
}

describe("makes what the gateway makes of", () => {
	const servers = goldenInputs.flatMap((input) => {
		const entries: Record<string, Record<string, unknown>> = parse(
			readFileSync(join(goldenFolder, "in", input), "utf8"),
		);
		return goldenServers(input).map((golden) => [golden.server.id, golden, entries[golden.server.id] ?? {}] as const);
	});
	test.each(servers)("%s", (serverId, { namespace, objects }, entry) => {
		const chart = newChart();
		new McpServer(chart, "server", { ...propsOf(entry), serverId, namespace, gatewayName: "golden" });
		expect(chart.toJson()).toEqual(JSON.parse(JSON.stringify(objects)));
	});
});

describe("without a gateway of its own", () => {
	const stdio: McpServerProps = { image: "tools:1", transport: "stdio", command: ["tools"], port: 9000 };

	test("no gateway takes it for one of its own", () => {
		const chart = newChart();
		new McpServer(chart, "tools", { image: "tools:1" });
		const owners = chart.toJson().map(({ metadata }) => metadata.labels["mcp-gateway/owner"]);
		expect(new Set(owners)).toEqual(new Set(["cdk8s.io"]));
	});

	test.each<[string, McpServerProps, Partial<KubernetesServer["values"]>]>([
		["an HTTP server", { image: "tools:1", path: "/sse" }, { port: 8080, path: "/sse" }],
		["a stdio server", stdio, { port: 9000, path: "/My Tools" }],
	])("its entry lets one find it: %s", (_, props, values) => {
		const { entry } = new McpServer(newChart(), "tools", { ...props, serverId: "tools.2" });
		const result = parseRegistry(JSON.stringify({ any: entry }), "registry.json");
		const server = result.ok ? result.registry.servers.get("any") : result.errors;
		const path = props.transport === "stdio" ? "/tools.2" : values.path;
		expect(server).toMatchObject({
			...{ type: "k8s", manage: false, namespace: "tools" },
			...{ service: expect.stringMatching(/^tools-2-[0-9a-f]{8}$/), values: { ...values, path } },
		});
	});
});

describe("refuses", () => {
	const make = (props: object) => () => new McpServer(newChart(), "docs", props as McpServerProps);

	test.each<[string, object, string]>([
		["to have no image", {}, "docs: `chart` is missing"],
		["a key that is nearly one", { image: "docs:1", prot: 1 }, "Did you mean `port`?"],
		["a pasted secret", { image: "docs:1", secrets: { TOKEN: "a secret" } }, "must name a Secret"],
		["a chart that is not there", { chart: "github-servr" }, "Did you mean `github-server`?"],
		["what only the chart makes wrong", { chart: "github-server", command: [] }, "docs: The entry and chart"],
		["to be only found", { image: "docs:1", manage: false }, "is for servers that the gateway creates"],
	])("%s", (_, props, words) => {
		expect(make(props)).toThrow(InvalidProps);
		expect(make(props)).toThrow(words);
	});
});
