import { isDeepStrictEqual } from "node:util";
import type { V1EndpointSlice, V1Service } from "@kubernetes/client-node";
import type { KubernetesServer } from "../../registry/model.ts";
import type { ClusterCache, Discover, Discovery, WatchState } from "../contract.ts";
import { podEndpoints, servicePort } from "./endpoints.ts";

/** Where in its pods a server listens. */
export interface Listening {
	readonly port: number;
	/** Path of the MCP endpoint, beginning with `/`. */
	readonly path: string;
	/** So long a pod is left alone before it is told to end; left out where that is not known. */
	readonly drainMs?: number;
}

/** The Service that a server is reached by. */
export interface ServiceName {
	readonly namespace: string;
	readonly name: string;
}

export interface DiscoveryDeps {
	readonly cache: Pick<ClusterCache, "slices" | "service" | "state">;
	readonly serviceOf: (server: KubernetesServer) => ServiceName;
	/** The same object for as long as nothing has changed; a problem where the server's chart is faulty. */
	readonly listening: (server: KubernetesServer) => Listening | { readonly problem: string };
	/** A server is to be discovered anew, though nothing in the cluster has changed. */
	readonly due: (service: ServiceName) => void;
}

/**
 * So long before a pod is told to end its sessions get the 404. A program that ends breaks its connections, with what is
 * on its way over them, and whether that has been carried out nobody could tell.
 */
const quietMs = 1500;

/** After its drain, and longer than any pod takes to end. */
const forgetMs = 3_600_000;

interface Remembered {
	readonly inputs: readonly unknown[];
	/** Of the monotonic clock: then a pod's drain is over. */
	readonly until: number;
	readonly discovery: Discovery;
}

/**
 * What the cluster says of each server. Looked up anew each time, but made anew only where what it is made of is
 * another object: of 500 servers the one whose slices have changed.
 */
export function createDiscovery({ cache, serviceOf, listening, due }: DiscoveryDeps): Discover {
	const remembered = new WeakMap<KubernetesServer, Remembered>();
	/** Pods that are terminating, by uid, and when their sessions are to leave them. */
	const leaving = new Map<string, number>();

	function leavesAt(uid: string, drainMs: number, place: ServiceName): number {
		const known = leaving.get(uid);
		if (known !== undefined) return known;
		const ms = Math.max(0, drainMs - quietMs);
		const at = performance.now() + ms;
		leaving.set(uid, at);
		// A timer may be a millisecond early.
		setTimeout(() => due(place), ms + 2).unref();
		setTimeout(() => leaving.delete(uid), ms + forgetMs).unref();
		return at;
	}

	return (server) => {
		const place = serviceOf(server);
		const { namespace, name } = place;
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
		const now = performance.now();
		const same = known?.inputs.every((input, index) => input === inputs[index]) ?? false;
		if (same && known !== undefined && now < known.until) return known.discovery;
		let until = Number.POSITIVE_INFINITY;
		const hasLeft = (uid: string) => {
			// A pod that is told to end at once decides for itself how long its sessions go on.
			if ("problem" in at || !at.drainMs) return false;
			const end = leavesAt(uid, at.drainMs, place);
			if (end > now) until = Math.min(until, end);
			return end <= now;
		};
		const made = discovered(server, place, { at, main, service, slices, services, hasLeft });
		const discovery = known !== undefined && isDeepStrictEqual(known.discovery, made) ? known.discovery : made;
		remembered.set(server, { inputs, until, discovery });
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
	readonly hasLeft: (uid: string) => boolean;
}

function discovered(server: KubernetesServer, place: ServiceName, seen: Seen): Discovery {
	const { at, main, service, slices, services, hasLeft } = seen;
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
	const pods = podEndpoints(slices, at.port, hasLeft);
	if (!pods.ok) return { state: "missing", problem: pods.problem };
	return { state: "found", via: "endpoints", path: at.path, endpoints: pods.endpoints };
}

function unlisted({ problem = "its pods are being looked for", refused, unwatched }: WatchState): Discovery {
	if (unwatched) return { state: "missing", problem };
	return { state: "missing", problem, unknown: refused ? "refused" : "pending" };
}

function noService({ manage }: KubernetesServer, { namespace, name }: ServiceName): string {
	const what = `there is no Service ${name} in namespace ${namespace}`;
	if (manage) return `${what} yet; the gateway creates it`;
	return `${what}: create it, or name the right one with \`service\` and \`namespace\``;
}

function noPort({ namespace, name }: ServiceName): string {
	return `no port of Service ${name} in namespace ${namespace} is called \`mcp\` or has the entry's \`port\`, and it is not the only one`;
}
