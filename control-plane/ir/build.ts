import { isIP } from "node:net";
import { type Detection, detectionProblem, type Finding } from "../detection/finding.ts";
import type { Discover, PodEndpoint } from "../kubernetes/contract.ts";
import type {
	AutoServer,
	HealthCheck,
	HttpServer,
	KubernetesServer,
	Server,
	StdioServer,
	Template,
} from "../registry/model.ts";
import { headerValueProblem } from "../registry/names.ts";
import { urlProblem } from "../registry/url.ts";
import type {
	Address,
	HealthCheckIR,
	ServerIR,
	ServingServer,
	UpstreamEndpoint,
	UpstreamIR,
	UpstreamTlsIR,
} from "./model.ts";
import { certificateBlocks } from "./pem.ts";
import { placement } from "./placement.ts";

/** What the translation of one server needs beside its entry. */
export interface BuildContext {
	/** Expands `${...}`; a problem names the variable or file, never a value. */
	readonly expand: (template: Template) => { ok: true; value: string } | { ok: false; problem: string };
	/** Reads a PEM file; throws with a message that names the file. */
	readonly readFile: (path: string) => string;
	/** Addresses of the stdio bridge's workers, in their order; empty where none runs. */
	readonly bridges: readonly Address[];
	/** What is known of a server whose entry does not say its type. */
	readonly detection: (server: AutoServer) => Detection;
	/** What the cluster says of a server that runs on Kubernetes. */
	readonly discover: Discover;
}

/** Envoy wants a connect timeout; where the registry says none, an hour stands for it. */
const endlessMs = 3_600_000;

/** A fault of one server that leaves the others alone. */
class Unavailable extends Error {}

/** Registry entry to IR. Never throws for a fault of the entry: that server is `unavailable` then. */
export function buildServer(server: Server, context: BuildContext): ServerIR {
	try {
		switch (server.type) {
			case "http":
				return buildHttp(server, context);
			case "stdio":
				return buildStdio(server, context);
			case "auto":
				return buildDetected(server, context);
			case "k8s":
				return buildKubernetes(server, context);
		}
	} catch (error) {
		if (error instanceof Unavailable) return { id: server.id, state: "unavailable", problem: error.message };
		throw error;
	}
}

function expanded(template: Template, where: string, context: BuildContext): string {
	const result = context.expand(template);
	if (!result.ok) throw new Unavailable(`${where}: ${result.problem}`);
	return result.value;
}

interface Target {
	readonly url: URL;
	readonly weight: number;
}

/** `found`: what detection adds to the entry. A path that the entry says stands. */
function buildHttp(server: HttpServer, context: BuildContext, found?: Finding): ServingServer {
	const targets = server.endpoints.map((endpoint, index): Target => {
		const where = `endpoints[${index}]`;
		return { url: parseUrl(expanded(endpoint.url, where, context), where), weight: endpoint.weight };
	});
	const [first] = targets;
	if (first === undefined) throw new Unavailable("endpoints: there is none");
	for (const { url } of targets) {
		if (url.protocol !== first.url.protocol || url.pathname !== first.url.pathname) {
			throw new Unavailable("endpoints: all must share the scheme and the path");
		}
	}
	const https = first.url.protocol === "https:";
	const named = targets.some(({ url }) => needsDns(url));
	const someonesBalancer = https && named && targets.length === 1;
	const path = first.url.pathname === "/" ? (found?.path ?? "/") : first.url.pathname;
	const { healthCheck } = server;
	const upstream: UpstreamIR = {
		discovery: named ? "dns" : "eds",
		endpoints: targets.map(toEndpoint),
		loadBalancer: server.loadBalancer,
		connectTimeoutMs: server.timeouts.connectMs === 0 ? endlessMs : server.timeouts.connectMs,
		...(healthCheck === undefined ? {} : { healthCheck: buildHealthCheck(healthCheck, path) }),
		...(https ? { tls: buildTls(server, targets, context) } : {}),
		headers: Object.entries(server.headers).map(([name, value]) => ({
			name,
			value: headerValue(expanded(value, `headers.${name}`, context), name),
		})),
	};
	return {
		id: server.id,
		state: "serving",
		upstream,
		route: {
			transport: found?.transport === "sse" ? "sse" : (server.transport ?? "streamable-http"),
			path,
			requestTimeoutMs: server.timeouts.requestMs,
			idleTimeoutMs: server.timeouts.idleMs,
			rewriteHost: (server.hostHeader ?? (https && named ? "rewrite" : "preserve")) === "rewrite",
			...(server.authorization === "remove" && { removeAuthorization: true }),
			sessionAffinity: server.sessionAffinity ?? !someonesBalancer,
		},
	};
}

/** Served as what it was found to be. */
function buildDetected(server: AutoServer, context: BuildContext): ServerIR {
	const detection = context.detection(server);
	const found = detection.state === "found" ? detection.finding : undefined;
	// What is wrong with the entry itself goes before what was found, which may be nothing for that reason.
	const http = buildHttp(server.http, context, found);
	if (detection.state !== "found") throw new Unavailable(detectionProblem(detection));
	return found?.transport === "stdio" && server.stdio !== undefined ? buildStdio(server.stdio, context) : http;
}

function buildStdio(server: StdioServer, context: BuildContext): ServingServer {
	if (context.bridges.length === 0) {
		throw new Unavailable("stdio servers need the bridge: start `mcp-gateway bridge` and name it with --bridge");
	}
	const placed = new Set(placement(server, context.bridges.length));
	return {
		id: server.id,
		state: "serving",
		upstream: {
			discovery: context.bridges.some((address) => "host" in address && needsResolving(address.host)) ? "dns" : "eds",
			endpoints: context.bridges.map((address, index) => ({
				address,
				weight: 1,
				hostname: "bridge",
				...(!placed.has(index) && { standby: true }),
			})),
			loadBalancer: "round-robin",
			connectTimeoutMs: 5000,
			headers: [],
		},
		// The bridge serves every stdio server under its id, as the gateway itself does.
		route: {
			transport: "streamable-http",
			path: `/${server.id}`,
			requestTimeoutMs: 0,
			idleTimeoutMs: 0,
			rewriteHost: false,
			sessionAffinity: true,
		},
	};
}

/**
 * A connection to a pod opens within a millisecond or not at all: time for one SYN that got lost, which is sent again
 * after a second. A node that is gone says nothing, and Kubernetes notices it only after 40 seconds.
 */
const podConnectMs = 2000;

/**
 * Over its pods, or over the Service. Beside the endpoints themselves nothing depends on how many pods there are, so
 * scaling changes neither cluster nor route. Who is healthy is told by Kubernetes, and by connections that fail.
 */
function buildKubernetes(server: KubernetesServer, context: BuildContext): ServerIR {
	const found = context.discover(server);
	if (found.state === "missing") {
		const { problem, unknown } = found;
		return { id: server.id, state: "unavailable", problem, ...(unknown !== undefined && { unknown: true }) };
	}
	const pods = found.via === "endpoints";
	return {
		id: server.id,
		state: "serving",
		upstream: {
			discovery: pods ? "eds" : "dns",
			endpoints: (pods ? found.endpoints : [found]).map(podEndpoint),
			elastic: true,
			loadBalancer: server.loadBalancer,
			connectTimeoutMs: podConnectMs,
			headers: [],
		},
		route: {
			transport: "streamable-http",
			path: found.path,
			requestTimeoutMs: 0,
			idleTimeoutMs: 0,
			rewriteHost: false,
			// A Service sends each connection to a pod of its own choice: the address in a session would pin nothing.
			sessionAffinity: pods,
		},
	};
}

function podEndpoint({ host, port, zone, draining, unready }: PodEndpoint): UpstreamEndpoint {
	return {
		address: { host, port },
		weight: 1,
		hostname: isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`,
		...(draining && { draining }),
		...(unready && { unready }),
		...(zone !== undefined && { zone }),
	};
}

function buildHealthCheck(
	{ type, path = "/", method = "ping", ...rest }: HealthCheck,
	endpointPath: string,
): HealthCheckIR {
	switch (type) {
		case "tcp":
			return { probe: { type }, ...rest };
		case "http":
			return { probe: { type, path }, ...rest };
		case "mcp":
			return { probe: { type, path: endpointPath, method }, ...rest };
	}
}

function parseUrl(text: string, where: string): URL {
	const problem = urlProblem(text);
	// What the parser could not check before the placeholders were filled in.
	if (problem !== undefined) throw new Unavailable(`${where}: ${problem}`);
	return new URL(text);
}

function bareHost(url: URL): string {
	return url.hostname.replace(/^\[|\]$/g, "");
}

function needsDns(url: URL): boolean {
	return needsResolving(bareHost(url));
}

function needsResolving(host: string): boolean {
	return isIP(host) === 0 && host !== "localhost";
}

function toEndpoint({ url, weight }: Target): UpstreamEndpoint {
	const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
	return { address: { host: bareHost(url), port }, weight, hostname: url.host };
}

function buildTls(server: HttpServer, targets: readonly Target[], context: BuildContext): UpstreamTlsIR {
	const { caFile, serverName, insecureSkipVerify } = server.tls;
	let caPem: string | undefined;
	if (caFile !== undefined) {
		try {
			caPem = certificateBlocks(context.readFile(caFile), caFile).pem;
		} catch (error) {
			throw new Unavailable(`tls.caFile: ${error instanceof Error ? error.message : String(error)}`);
		}
	}
	const names = serverName === undefined ? [...new Set(targets.map(({ url }) => bareHost(url)))] : [serverName];
	const [only] = names;
	return {
		verify: !insecureSkipVerify,
		names,
		// SNI is for DNS names alone: https://www.rfc-editor.org/rfc/rfc6066#section-3
		...(names.length === 1 && only !== undefined && isIP(only) === 0 ? { sni: only } : {}),
		...(caPem === undefined ? {} : { caPem }),
	};
}

function headerValue(value: string, name: string): string {
	const problem = headerValueProblem(value);
	if (problem !== undefined) throw new Unavailable(`headers.${name}: ${problem}`);
	return value;
}
