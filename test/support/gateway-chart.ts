/** The value sets of `charts/mcp-gateway`, what Helm makes of them, and what the constructs do. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { KubernetesObject, V1ConfigMap } from "@kubernetes/client-node";
import { App, Chart } from "cdk8s";
import { parse, parseAllDocuments } from "yaml";
import { McpGateway, type McpGatewayProps } from "../../cdk8s/mcp-gateway.ts";
import { anyones } from "./anyones.ts";

/** Value sets (`in`), and the manifests that Helm renders of them as release `gw` in namespace `gateway` (`out`). */
export const chartGolden = join(import.meta.dirname, "../cluster/mcp-gateway-chart");
export const chartRelease = "gw";
export const chartNamespace = "gateway";

export const valueSets: readonly string[] = readdirSync(join(chartGolden, "in")).sort();

export const valuesOf = (set: string): Readonly<Record<string, unknown>> =>
	parse(readFileSync(join(chartGolden, "in", set), "utf8"));

export const manifests = (text: string) => parseAllDocuments(text).map((one) => one.toJS() as KubernetesObject);

export const goldenManifests = (set: string) => manifests(readFileSync(join(chartGolden, "out", set), "utf8"));

/** Values that cannot be: what is meant, the values, and words of the refusal. */
export const refusedValues: readonly (readonly [string, object, string])[] = [
	["to be open to the outside by its Service", { service: { type: "LoadBalancer" } }, "open to everyone outside"],
	["the same by an Ingress", { ingress: { enabled: true, hosts: ["a.example"] } }, "open to everyone outside"],
	["the same by a route", { httpRoute: { enabled: true, parentRefs: [{ name: "a" }] } }, "open to everyone outside"],
	["to let nobody in", { auth: { anonymous: "never" } }, "auth.apiKeys.secretName"],
	[
		"an Ingress without a host",
		{ auth: { apiKeys: { secretName: "keys" } }, ingress: { enabled: true } },
		"ingress.hosts is empty",
	],
	[
		"a route to nowhere",
		{ auth: { apiKeys: { secretName: "keys" } }, httpRoute: { enabled: true } },
		"httpRoute.parentRefs is empty",
	],
	["certificates of clients without HTTPS", { tls: { clientCa: { secretName: "ca" } } }, "needs tls.secretName"],
	["* beside a namespace", { kubernetes: { namespaces: ["*", "a"] } }, "stands alone"],
	["a value that it does not know", { envoy: { replica: 3 } }, "replica"],
	["a value of another type", { controlPlane: { replicas: "two" } }, "replicas"],
];

/** What the construct makes of props, as `cdk8s synth` would write it. */
export function synthesized(props: object, release = chartRelease): readonly KubernetesObject[] {
	const chart = new Chart(new App(), "test", { namespace: chartNamespace });
	new McpGateway(chart, release, props as McpGatewayProps);
	return chart.toJson();
}

/**
 * An installation by kind, namespace and name, for comparison: without what Helm's hooks make for a moment and without
 * labels that say who installs it; registries are what they mean.
 */
export function installed(objects: readonly KubernetesObject[]): Record<string, unknown> {
	const lasting = objects.filter(({ metadata }) => metadata?.annotations?.["helm.sh/hook"] === undefined);
	const named = lasting.map((one) => {
		const { kind, metadata } = one;
		return [`${kind} ${metadata?.namespace ?? ""}/${metadata?.name}`, anyones(readable(one))] as const;
	});
	return Object.fromEntries(named.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

function readable(object: KubernetesObject): object {
	const { data } = object as V1ConfigMap;
	if (object.kind !== "ConfigMap" || data === undefined) return object;
	return { ...object, data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, parse(text)])) };
}
