import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubernetesObject } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mergeLayers } from "../../../control-plane/kubernetes/objects/values.ts";
import {
	chartNamespace,
	chartRelease,
	installed,
	manifests,
	synthesized,
	valueSets,
	valuesOf,
} from "../../support/gateway-chart.ts";
import { rendered } from "../../support/helm.ts";
import { synth } from "../../support/synth.ts";

/** `helm template` and `cdk8s synth` give the same installation, object by object. */

let folder: string;
beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "cdk8s-values-"));
});
afterAll(() => rm(folder, { recursive: true }));

const byHelm = async (values: object) =>
	(await rendered(chartRelease, "mcp-gateway", chartNamespace, values)) as readonly KubernetesObject[];

describe("of the same values", () => {
	test.each(valueSets)("%s", async (set) => {
		const values = { registry: {}, ...valuesOf(set) };
		const file = join(folder, set);
		await writeFile(file, JSON.stringify(values));
		const { code, stdout, stderr } = await synth({ VALUES: file, RELEASE: chartRelease, NAMESPACE: chartNamespace });
		expect(stderr).toBe("");
		expect(code).toBe(0);
		expect(installed(manifests(stdout))).toEqual(installed(await byHelm(values)));
	});
});

const pairs = valueSets.flatMap((one, index) => valueSets.slice(index + 1).map((other) => [one, other] as const));

describe("of two sets together", () => {
	test.each(pairs)("%s and %s", async (one, other) => {
		const values = mergeLayers(valuesOf(one), valuesOf(other));
		expect(installed(synthesized(values))).toEqual(installed(await byHelm(values)));
	});
});

describe("at the edges", () => {
	const endpoint = "https://mcp.example.com/mcp";
	const none = { requests: null, limits: null };
	test.each<[string, object]>([
		["no time to drain", { envoy: { drainSeconds: 0 } }],
		["no resources", { envoy: { resources: none }, controlPlane: { resources: none } }],
		["no limit of memory", { envoy: { resources: { limits: { memory: null, cpu: "1" } } } }],
		[
			"own annotations of Prometheus",
			{ metrics: { annotations: true }, envoy: { podAnnotations: { "prometheus.io/port": "1" } } },
		],
		[
			"everyone named",
			{
				networkPolicy: { clients: [{ podSelector: {} }], metrics: [{ podSelector: {} }], admin: [{ podSelector: {} }] },
			},
		],
		[
			"a port of the nodes",
			{ service: { type: "NodePort", nodePort: 30080, port: 8080 }, auth: { anonymous: "everywhere" } },
		],
		[
			"a route without names",
			{ auth: { anonymous: "everywhere" }, httpRoute: { enabled: true, parentRefs: [{ name: "a" }] } },
		],
		[
			"an Ingress with a name alone",
			{ auth: { anonymous: "everywhere" }, ingress: { enabled: true, hosts: ["a.example"] } },
		],
		["two registries", { existingRegistry: "other", registry: { docs: { endpoint } } }],
		["the release's own namespace among others", { kubernetes: { namespaces: ["tools", chartNamespace] } }],
		[
			"texts that look otherwise",
			{ registry: { docs: { endpoint, headers: { A: "yes", B: "1e3", C: "0x1f", D: "a: b # c" } } } },
		],
	])("%s", async (_, values) => {
		expect(installed(synthesized(values))).toEqual(installed(await byHelm(values)));
	});
});
