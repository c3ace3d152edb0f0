import type { LoadBalancer } from "../registry/model.ts";

/**
 * The intermediate representation: what Envoy needs to know, free of protobuf and of the registry's spelling.
 * Placeholders are expanded here, so an IR may hold secrets: it is never logged and never shown.
 */

/** Where a connection goes: an IP or DNS name with a port, or a Unix socket. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

export interface UpstreamEndpoint {
	readonly address: Address;
	readonly weight: number;
	/** Host as the URL wrote it, with its port if that is not the scheme's; the Host header where it is rewritten. */
	readonly hostname: string;
	/** Serves the sessions that it has, and gets new ones only while none of the others can be reached. */
	readonly standby?: true;
	/** Serves the sessions that it has, and never gets new ones: it is about to end. */
	readonly draining?: true;
	/** Serves the sessions that it has, and gets no new ones for now. */
	readonly unready?: true;
	/** Where it runs, as Envoy's statistics name it; it has no influence on the balancing. */
	readonly zone?: string;
}

export interface UpstreamTlsIR {
	/** The one SNI for all endpoints; left out, each endpoint's own hostname (none where that is an address). */
	readonly sni?: string;
	/** Names of which the certificate must carry one: DNS names (wildcards in it count) or IP addresses. */
	readonly names: readonly string[];
	/** PEM of the authorities to trust; left out, the system's. */
	readonly caPem?: string;
	readonly verify: boolean;
}

export interface HealthCheckIR {
	/** What is asked of a replica: a connection, a GET of `path`, or a POST of an MCP request to it. */
	readonly probe:
		| { readonly type: "tcp" }
		| { readonly type: "http"; readonly path: string }
		| { readonly type: "mcp"; readonly path: string; readonly method: "ping" | "discover" };
	readonly intervalMs: number;
	readonly timeoutMs: number;
	readonly unhealthyThreshold: number;
	readonly healthyThreshold: number;
}

/** An Envoy cluster and the endpoints in it. */
export interface UpstreamIR {
	/** `eds`: addresses are known here; `dns`: Envoy resolves names, again and again. */
	readonly discovery: "eds" | "dns";
	readonly endpoints: readonly UpstreamEndpoint[];
	/**
	 * Endpoints come and go by themselves: nothing but the list of them may depend on how many there are now. A cluster
	 * that changes is warmed anew, and a route that changes is another one for the requests under way.
	 */
	readonly elastic?: true;
	readonly loadBalancer: LoadBalancer;
	readonly connectTimeoutMs: number;
	readonly healthCheck?: HealthCheckIR;
	readonly tls?: UpstreamTlsIR;
	/** Headers set on every request, replacing the client's. Values are secrets. */
	readonly headers: readonly { readonly name: string; readonly value: string }[];
}

/** Whether a request may find more than one endpoint, now or later. */
export function mayHaveReplicas({ endpoints, discovery, elastic }: UpstreamIR): boolean {
	return endpoints.length > 1 || discovery === "dns" || elastic === true;
}

/** How requests to a server are sent on. */
export interface RouteIR {
	/** `sse` is HTTP+SSE of 2024-11-05: `path` is where the stream is, messages go wherever its `endpoint` event says. */
	readonly transport: "streamable-http" | "sse";
	/** Path of the endpoint that `/<id>` stands for, beginning with `/`. */
	readonly path: string;
	/** Milliseconds; 0 is off. */
	readonly requestTimeoutMs: number;
	/** Milliseconds; 0 is off. */
	readonly idleTimeoutMs: number;
	readonly rewriteHost: boolean;
	/** The client's `Authorization` is not for the upstream. */
	readonly removeAuthorization?: true;
	readonly sessionAffinity: boolean;
}

export interface ServingServer {
	readonly id: string;
	readonly state: "serving";
	readonly upstream: UpstreamIR;
	readonly route: RouteIR;
}

/** In the registry, but not to be served now: its requests get `server_unavailable`, the others notice nothing. */
export interface UnavailableServer {
	readonly id: string;
	readonly state: "unavailable";
	/** Why, and what to do; never a secret. */
	readonly problem: string;
	/** Nobody has told yet whether it can be served: an Envoy that has it keeps it as it is. */
	readonly unknown?: true;
}

export type ServerIR = ServingServer | UnavailableServer;

/** A named API key of the data plane, of which only its hash is known here. */
export interface ApiKey {
	readonly name: string;
	/** SHA-256 of the key, 64 lower-case hexadecimal digits. */
	readonly sha256: string;
	/** Ids of the servers that it opens; left out: all, those that come later too. */
	readonly servers?: readonly string[];
}

/** What the listener shows to clients, and asks of them. Holds a private key. */
export interface ListenerTlsIR {
	/** The certificate with its chain, leaf first. */
	readonly certPem: string;
	readonly keyPem: string;
	/** Authorities that must have signed a client's certificate; left out, none is asked for. */
	readonly clientCaPem?: string;
}

/** Where Envoy sends spans to, by OTLP over HTTP. */
export interface TraceExportIR {
	/** http or https, with the path that takes traces. */
	readonly url: string;
	/** Of the requests that bring no decision of their own, 0 to 100. */
	readonly samplePercent: number;
}

/**
 * What becomes of `traceparent`. `pass`: what a client sends reaches the upstream, and nothing else does; `generate`:
 * a request without gets one; an exporter: Envoy takes part in the trace and sends its spans there.
 */
export type TraceIR = "pass" | "generate" | TraceExportIR;

/** The one listener that clients connect to. */
export interface ListenerIR {
	readonly host: string;
	readonly port: number;
	/** Origins that browsers may call from, exactly as they send them; loopback origins always may. */
	readonly allowOrigins: readonly string[];
	/** Host names that are answered for; empty: any. */
	readonly allowHosts: readonly string[];
	readonly maxBodyBytes: number;
	/** Read method, id and tool name in the bodies of MCP requests, for the access log and the ids of errors. */
	readonly mcpFilter: boolean;
	/** `-` (stdout), `off`, or a file's path. */
	readonly accessLog: string;
	/** Probe silent clients with TCP keep-alive; the socket options are Linux' own, so other systems go without. */
	readonly tcpKeepAlive: boolean;
	readonly trace: TraceIR;
	/** Left out: plain HTTP. */
	readonly tls?: ListenerTlsIR;
	/** Empty: no key is asked for. */
	readonly apiKeys: readonly ApiKey[];
}
