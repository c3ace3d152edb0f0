import type { DiscoveryV1EndpointPort, V1Endpoint, V1EndpointSlice, V1Service } from "@kubernetes/client-node";
import type { PodEndpoint } from "../contract.ts";
import { PORT_NAME } from "../names.ts";

/** The endpoints of a Service, or (where no port of it can be the server's) why there are none. */
export type PodEndpoints =
	| { readonly ok: true; readonly endpoints: readonly PodEndpoint[] }
	| { readonly ok: false; readonly problem: string };

type Slice = Pick<V1EndpointSlice, "addressType" | "endpoints" | "ports">;

/**
 * The pods that get traffic, or have sessions, sorted: the same pods are the same list. Of a pod that is in several slices, or has an
 * address of each family, one endpoint is left: IPv4 before IPv6, ready before others.
 * @param port The server's port, where none of the slice's ports is called `mcp`.
 * @param hasLeft Whether a terminating pod, by its uid, is not to have its sessions any more either.
 */
export function podEndpoints(
	slices: readonly Slice[],
	port: number,
	hasLeft: (uid: string) => boolean = () => false,
): PodEndpoints {
	const found: { pod: string; endpoint: PodEndpoint }[] = [];
	let unfit: readonly DiscoveryV1EndpointPort[] | undefined;
	for (const { addressType, endpoints, ports } of slices) {
		if (addressType === "FQDN") continue;
		const own = chosenPort(ports ?? [], port);
		if (own?.port === undefined) {
			if ((endpoints ?? []).length > 0) unfit = ports ?? [];
			continue;
		}
		for (const one of endpoints ?? []) {
			const state = stateOf(one);
			const [host] = one.addresses;
			if (state === "out" || host === undefined) continue;
			const uid = one.targetRef?.uid;
			if (state === "draining" && uid !== undefined && hasLeft(uid)) continue;
			const endpoint: PodEndpoint = {
				host,
				port: own.port,
				...(one.zone ? { zone: one.zone } : {}),
				...(state !== "ready" && { [state]: true as const }),
			};
			found.push({ pod: uid ?? host, endpoint });
		}
	}
	if (found.length === 0 && unfit !== undefined) return { ok: false, problem: portProblem(unfit, port) };
	const byAddress = unique(found.sort(preferred), ({ endpoint }) => `${endpoint.host} ${endpoint.port}`);
	const endpoints = unique(byAddress, ({ pod }) => pod).map(({ endpoint }) => endpoint);
	return { ok: true, endpoints: endpoints.sort(byHost) };
}

/** The port of a Service that is the server's; undefined where none can be. */
export function servicePort(service: Pick<V1Service, "spec">, port: number): number | undefined {
	const chosen = chosenPort(service.spec?.ports ?? [], port);
	// A Service without an address of its own leads straight to the pods' ports.
	const target = service.spec?.clusterIP === "None" ? chosen?.targetPort : undefined;
	return typeof target === "number" ? target : chosen?.port;
}

/** The port called `mcp`, else the one with the server's number, else the only one. */
function chosenPort<P extends { name?: string; port?: number }>(ports: readonly P[], port: number): P | undefined {
	const named = ports.find(({ name }) => name === PORT_NAME) ?? ports.find((one) => one.port === port);
	return named ?? (ports.length === 1 ? ports[0] : undefined);
}

function portProblem(ports: readonly DiscoveryV1EndpointPort[], port: number): string {
	const list = ports.map(({ name, port: number }) => (name ? `${name} (${number})` : String(number))).join(", ");
	return `which of its Service's ports is the server's? There are ${list || "none"}: call one \`${PORT_NAME}\`, or say \`port\` in the entry (it is ${port} now)`;
}

/** https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#conditions; left out is what is usual. */
function stateOf({ conditions }: V1Endpoint): "ready" | "unready" | "draining" | "out" {
	const { ready = true, serving = ready, terminating = false } = conditions ?? {};
	if (terminating) return serving ? "draining" : "out";
	return ready ? "ready" : "unready";
}

function preferred(a: { endpoint: PodEndpoint }, b: { endpoint: PodEndpoint }): number {
	const rank = ({ host, draining, unready }: PodEndpoint) =>
		(host.includes(":") ? 2 : 0) + (draining || unready ? 1 : 0);
	return rank(a.endpoint) - rank(b.endpoint);
}

function byHost(a: PodEndpoint, b: PodEndpoint): number {
	return a.host < b.host ? -1 : a.host > b.host ? 1 : a.port - b.port;
}

/** The first of each key. */
function unique<T>(list: readonly T[], keyOf: (one: T) => string): T[] {
	const seen = new Set<string>();
	return list.filter((one) => {
		const key = keyOf(one);
		if (seen.has(key)) return false;
		seen.add(key);
		return true;
	});
}
