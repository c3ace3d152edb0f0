import { isDeepStrictEqual } from "node:util";
import type { V1EndpointSlice, V1Service } from "@kubernetes/client-node";
import type { KubernetesServer } from "../registry/model.ts";
import type { ClusterCache, Discover, Discovery, WatchState } from "./contract.ts";
import { podEndpoints, servicePort } from "./endpoints.ts";

/** Where in its pods a server listens. */
export interface Listening {
	readonly port: number;
	/** Path of the MCP endpoint, beginning with `/`. */
	readonly path: string;
}

/** The Service that a server is reached by. */
export interface ServiceName {
	readonly namespace: string;
	readonly name: string;
}

export interface DiscoveryDeps {
	readonly cache: ClusterCache;
	readonly serviceOf: (server: KubernetesServer) => ServiceName;
	/** The same object for as long as nothing has changed; a problem where the server's chart is faulty. */
	readonly listening: (server: KubernetesServer) => Listening | { readonly problem: string };
}

interface Remembered {
	readonly inputs: readonly unknown[];
	readonly discovery: Discovery;
}

/**
 * What the cluster says of each server. Looked up anew each time, but made anew only where what it is made of is
 * another object: of 500 servers the one whose slices have changed.
 */
export function createDiscovery({ cache, serviceOf, listening }: DiscoveryDeps): Discover {
	const remembered = new WeakMap<KubernetesServer, Remembered>();
	return (server) => {
		const { namespace, name } = serviceOf(server);
		const at = listening(server);
		const pods = server.via === "endpoints";
		const service = cache.service(namespace, name);
		const slices = pods ? cache.slices(namespace, name) : none;
		const services = cache.state("Service", namespace, name);
		const main = pods ? cache.state("EndpointSlice", namespace, name) : services;
		// A problem matters to those alone that nothing is known of.
		const problem = main.listed ? undefined : main.problem;
		const inputs = [at, service, slices, main.listed, main.refused, problem, services.listed, services.refused];
		const known = remembered.get(server);
		if (known?.inputs.every((input, index) => input === inputs[index])) return known.discovery;
		const made = discovered(server, { namespace, name }, { at, main, service, slices, services });
		const discovery = known !== undefined && isDeepStrictEqual(known.discovery, made) ? known.discovery : made;
		remembered.set(server, { inputs, discovery });
		return discovery;
	};
}

const none: readonly V1EndpointSlice[] = [];

interface Seen {
	readonly at: Listening | { readonly problem: string };
	/** Of what the server is found by: its slices, or its Service. */
	readonly main: WatchState;
	readonly service: V1Service | undefined;
	readonly slices: readonly V1EndpointSlice[];
	readonly services: WatchState;
}

function discovered(server: KubernetesServer, place: ServiceName, seen: Seen): Discovery {
	const { at, main, service, slices, services } = seen;
	if ("problem" in at) return { state: "missing", problem: at.problem };
	if (!main.listed) return unlisted(main);
	if (service === undefined && slices.length === 0) {
		if (services.listed) return { state: "missing", problem: noService(server, place) };
		// Slices alone do: whoever may not see Services goes by them.
		if (!services.refused) return unlisted(services);
	}
	if (server.via === "service") {
		const port = service && servicePort(service, at.port);
		if (port === undefined) return { state: "missing", problem: noPort(place) };
		return { state: "found", via: "service", path: at.path, host: `${place.name}.${place.namespace}.svc`, port };
	}
	const pods = podEndpoints(slices, at.port);
	if (!pods.ok) return { state: "missing", problem: pods.problem };
	return { state: "found", via: "endpoints", path: at.path, endpoints: pods.endpoints };
}

function unlisted({ problem = "its pods are being looked for", refused }: WatchState): Discovery {
	return { state: "missing", problem, ...(!refused && { pending: true as const }) };
}

function noService({ manage }: KubernetesServer, { namespace, name }: ServiceName): string {
	const what = `there is no Service ${name} in namespace ${namespace}`;
	if (manage) return `${what} yet; the gateway creates it`;
	return `${what}: create it, or name the right one with \`service\` and \`namespace\``;
}

function noPort({ namespace, name }: ServiceName): string {
	return `no port of Service ${name} in namespace ${namespace} is called \`mcp\` or has the entry's \`port\`, and it is not the only one`;
}
