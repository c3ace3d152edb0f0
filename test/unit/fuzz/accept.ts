import type { Detection, Finding } from "../../../control-plane/detection/finding.ts";
import { buildServer } from "../../../control-plane/ir/build.ts";
import type { ServingServer } from "../../../control-plane/ir/model.ts";
import type { Discovery, PodEndpoint } from "../../../control-plane/kubernetes/contract.ts";
import { expand } from "../../../control-plane/registry/expand.ts";
import type { AutoServer, KubernetesServer, Server } from "../../../control-plane/registry/model.ts";
import { encodeResource } from "../../../control-plane/snapshot/snapshot.ts";
import { loadAssignment } from "../../../control-plane/xds/cluster.ts";
import { type Resource, translateGateway, translateServer } from "../../../control-plane/xds/translate.ts";
import { staticBootstrap, validate } from "../../support/envoy.ts";
import { testListener, testRoots } from "../golden/listener.ts";
import { environment } from "./arbitraries.ts";

const files: Readonly<Record<string, string>> = {
	"/secret": "from a file\n",
	"/good.pem": testRoots,
	"/two.pem": `# comment\n${testRoots}\n${testRoots}`,
	"/broken.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
};

function readFile(path: string): string {
	const text = files[path];
	if (text === undefined) throw new Error(`${path} does not exist`);
	return text;
}

const context = {
	expand: (template: string) => expand(template, { env: environment, readFile }),
	readFile,
	bridges: [{ path: "/run/gateway/bridge-0.sock" }],
	detection: ({ id, stdio }: AutoServer): Detection => {
		const findings: Finding[] = [
			{ transport: "streamable-http", path: "/mcp", revisions: ["2025-11-25"] },
			{ transport: "sse", path: "/sse", revisions: [] },
			...(stdio === undefined ? [] : [{ transport: "stdio" as const, revisions: [] }]),
		];
		const finding = findings[id.length % findings.length];
		return finding === undefined ? { state: "detecting" } : { state: "found", finding };
	},
	discover: ({ id }: KubernetesServer): Discovery => {
		const all: PodEndpoint[] = [
			{ host: "10.0.0.1", port: 8000 },
			{ host: "10.0.0.2", port: 8000, zone: "eu-1", draining: true },
			{ host: "10.0.0.3", port: 8000, zone: "eu-1", unready: true },
			{ host: "fd00::1", port: 8000, zone: "eu-2" },
		];
		const found = { state: "found", path: "/mcp" } as const;
		if (id.length % 5 === 4) return { ...found, via: "service", host: "some.where.svc", port: 80 };
		return { ...found, via: "endpoints", endpoints: all.slice(0, id.length % 5) };
	},
};

/** All resources of a server, as they are sent. */
export function resourcesOf(server: Server): Resource[] {
	return translateServer(buildServer(server, context));
}

/**
 * A server's resources in a form in which all of them can be validated. Envoy reads endpoints over EDS only when it
 * runs, and of a static cluster whose name it can resolve at once (from /etc/hosts, or as one that is none) it crashes
 * where that cluster waits for a secret; clusters over ADS do not. So the endpoints stand in a cluster of their own.
 */
function validated(server: Server): Resource[] {
	const ir = buildServer(server, context);
	const resources = translateServer(ir);
	if (ir.state !== "serving") return resources;
	const name = `endpoints-of/${ir.id}`;
	const type = ir.upstream.discovery === "eds" ? "STATIC" : "STRICT_DNS";
	const load_assignment = { ...loadAssignment(ir), cluster_name: name };
	const endpoints = { name, type, connect_timeout: "1s", load_assignment };
	return [
		{ type: "cluster", name, message: endpoints },
		...resources.map((resource): Resource => {
			if (resource.type !== "cluster" || ir.upstream.discovery === "eds") return resource;
			return { ...resource, message: { ...resource.message, load_assignment: unresolved(ir) } };
		}),
	];
}

/** The endpoints with names that are in no file of hosts. */
function unresolved(ir: ServingServer) {
	const endpoints = ir.upstream.endpoints.map((endpoint) => ({ ...endpoint, address: { host: "h.example", port: 1 } }));
	return loadAssignment({ ...ir, upstream: { ...ir.upstream, endpoints } });
}

/** Bytes of each resource, as they would be sent. @throws where a message does not fit its type, or holds no real text. */
export function encodeAll(resources: readonly Resource[]): void {
	for (const resource of resources) {
		encodeResource(resource);
		// Half a surrogate pair is in no UTF-8: Envoy would drop the whole response that it comes in.
		if (/(?<!\\)(?:\\\\)*\\ud[89a-f]/i.test(JSON.stringify(resource.message))) {
			throw new Error(`${resource.type} ${resource.name} holds half a surrogate pair`);
		}
	}
}

/** A server that Envoy does not take, and Envoy's words. */
export interface Refused {
	readonly server: Server;
	readonly words: string;
}

/** Asks `envoy --mode validate` about all servers at once; where it refuses, finds the first guilty one by halves. */
export async function refusedByEnvoy(servers: readonly Server[]): Promise<Refused | undefined> {
	const gateway = translateGateway(testListener, testRoots);
	const words = await validate(staticBootstrap([...gateway, ...servers.flatMap(validated)]));
	if (words === undefined) return undefined;
	const [first] = servers;
	if (first === undefined) throw new Error(`Envoy refuses the listener itself: ${words}`);
	if (servers.length === 1) return { server: first, words };
	const middle = servers.length >> 1;
	const found = (await refusedByEnvoy(servers.slice(0, middle))) ?? (await refusedByEnvoy(servers.slice(middle)));
	if (found === undefined) throw new Error(`Envoy refuses ${servers.length} servers together, but no half: ${words}`);
	return found;
}
