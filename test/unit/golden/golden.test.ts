import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { buildServer } from "../../../control-plane/ir/build.ts";
import { hashOfKey } from "../../../control-plane/registry/api-keys.ts";
import type { Discovery } from "../../../control-plane/kubernetes/contract.ts";
import type { KubernetesServer } from "../../../control-plane/registry/model.ts";
import type { ListenerIR } from "../../../control-plane/ir/model.ts";
import { expand } from "../../../control-plane/registry/expand.ts";
import { parseRegistry } from "../../../control-plane/registry/parse.ts";
import { encodeResource } from "../../../control-plane/snapshot/snapshot.ts";
import { type Resource, translateGateway, translateServer } from "../../../control-plane/xds/translate.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { staticBootstrap, validate } from "../../support/envoy.ts";
import { noCluster } from "../../support/kubernetes-server.ts";
import { testListener, testRoots } from "./listener.ts";

/**
 * Registry in, IR and xDS resources out, file by file. `npm run golden` writes the files anew and deletes the stale
 * ones; what it writes is checked by `envoy --mode validate` all the same.
 */

const folder = import.meta.dirname;
const update = process.env["UPDATE_GOLDEN"] === "1";
const inputs = readdirSync(join(folder, "in")).sort();
const written = new Set<string>();

const found = { state: "found", path: "/mcp" } as const;
const clusterOf: Readonly<Record<string, Discovery>> = {
	pods: {
		...found,
		via: "endpoints",
		endpoints: [
			{ host: "10.0.0.1", port: 8000, zone: "b" },
			{ host: "10.0.0.2", port: 8000, zone: "a" },
			{ host: "10.0.0.3", port: 8000, zone: "a", draining: true },
			{ host: "10.0.0.4", port: 8000, zone: "a", unready: true },
			{ host: "10.0.0.4", port: 8000 },
			{ host: "fd00::5", port: 8000, zone: "b" },
		],
	},
	"one-pod": { ...found, via: "endpoints", endpoints: [{ host: "10.0.0.1", port: 8000, zone: "a" }] },
	"no-pod": { ...found, via: "endpoints", endpoints: [] },
	service: { ...found, via: "service", host: "service.mcp.svc", port: 80 },
};

const context = {
	expand: (template: string) => expand(template, { env: { TOKEN: "golden-secret" }, readFile: () => "from-a-file\n" }),
	readFile: () => testRoots,
	bridges: [
		{ path: "/run/gateway/bridge-0.sock" },
		{ host: "127.0.0.1", port: 7000 },
		{ path: "/run/gateway/bridge-2.sock" },
	],
detection: () => ({ state: "detecting" as const }),
	discover: ({ id }: KubernetesServer) => clusterOf[id] ?? noCluster,
};

function golden(name: string, value: unknown): void {
	const file = join(folder, "out", name);
	const text = stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
	written.add(name);
	if (update) {
		mkdirSync(join(folder, "out"), { recursive: true });
		writeFileSync(file, text);
	}
	expect(readFileSync(file, "utf8"), `${name} differs; look, then run: npm run golden`).toBe(text);
}

function messages(resources: readonly Resource[], type: Resource["type"]) {
	return resources.filter((resource) => resource.type === type).map(({ message }) => message);
}

/** Envoy reads endpoints over EDS only when it runs: to be checked they stand in clusters of their own. */
function asClusters(resources: readonly Resource[]): Resource[] {
	return messages(resources, "endpoints").map((message) => {
		const name = `endpoints of ${message["cluster_name"]}`;
		const load_assignment = { ...message, cluster_name: name };
		return { type: "cluster", name, message: { name, type: "STATIC", connect_timeout: "1s", load_assignment } };
	});
}

describe("registry to resources", () => {
	it.each(inputs)("%s", async (input) => {
		const parsed = parseRegistry(readFileSync(join(folder, "in", input), "utf8"), input);
		if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
		const irs = [...parsed.registry.servers.values()].map((server) => buildServer(server, context));
		const resources = irs.flatMap(translateServer);
		const name = input.replace(/\.\w+$/, "");
		golden(`${name}.ir.yaml`, irs);
		golden(`${name}.clusters.yaml`, messages(resources, "cluster"));
		golden(`${name}.endpoints.yaml`, messages(resources, "endpoints"));
		golden(`${name}.secrets.yaml`, messages(resources, "secret"));
		golden(`${name}.scopes.yaml`, messages(resources, "scope"));

		const all = [...translateGateway(testListener, testRoots), ...resources, ...asClusters(resources)];
		for (const resource of all) encodeResource(resource);
		expect(await validate(staticBootstrap(all))).toBeUndefined();
	});
});

async function withTls(): Promise<ListenerIR> {
	const { cert, key } = await makeCertificate(["gateway.example"], []);
	return { ...testListener, tls: { certPem: cert, keyPem: key, clientCaPem: cert } };
}

describe("the listener", () => {
	const variants: Record<string, ListenerIR> = {
		listener: testListener,
		"listener-otel": { ...testListener, trace: { url: "https://otel.example/v1/traces", samplePercent: 10 } },
		"listener-strict": {
			...testListener,
			allowHosts: ["gateway.example"],
			allowOrigins: ["https://app.example"],
			apiKeys: [
				{ name: "alice", sha256: hashOfKey("0123456789abcdef") },
				{ name: "bob", sha256: hashOfKey("fedcba9876543210"), servers: ["docs", "a.b_c"] },
			],
			mcpFilter: false,
			accessLog: "off",
			tcpKeepAlive: false,
		},
	};
	it.each([...Object.keys(variants), "listener-tls"])("%s", async (name) => {
		const listener = variants[name] ?? (await withTls());
		const resources = translateGateway(listener, testRoots);
		golden(`${name}.yaml`, messages(resources, "listener"));
		for (const resource of resources) encodeResource(resource);
		expect(await validate(staticBootstrap(resources))).toBeUndefined();
	});
});

afterAll(() => {
	const stale = readdirSync(join(folder, "out")).filter((file) => !written.has(file));
	if (update) for (const file of stale) rmSync(join(folder, "out", file));
	else expect(stale, "golden files that no input makes; run: npm run golden").toEqual([]);
});
