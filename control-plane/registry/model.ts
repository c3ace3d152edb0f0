/**
 * The registry's model: what a registry file says once it is parsed and checked, before any secret is put in.
 *
 * Strings of the type {@link Template} may hold `${NAME}`, `${NAME:-default}`, `${env:NAME}` or `${file:/path}`.
 * They are kept unexpanded here, so a registry can be logged, compared and shown without a secret in it;
 * `expand.ts` expands them where the value is needed and nowhere else.
 */

/** Text with `${...}` placeholders that are expanded late; see `expand.ts`. */
export type Template = string;

export type LoadBalancer = "round-robin" | "least-request" | "random";

/** One replica of an HTTP server. */
export interface Endpoint {
	/** Absolute `http:` or `https:` URL; its path is where the server's MCP endpoint lives. May hold placeholders. */
	readonly url: Template;
	/** Share of the traffic relative to the other endpoints, 1 to 10000. */
	readonly weight: number;
}

/** Active health check of an HTTP server's replicas. Durations are milliseconds. */
export interface HealthCheck {
	/** `tcp`: a connection opens; `http`: GET `path` answers 2xx; `mcp`: the endpoint answers an MCP request. */
	readonly type: "tcp" | "http" | "mcp";
	/** Path of the `http` check, absolute on the replica. */
	readonly path?: string;
	/** Request of the `mcp` check. */
	readonly method?: "ping" | "discover";
	readonly intervalMs: number;
	readonly timeoutMs: number;
	/** Failures in a row until a replica gets no new traffic. */
	readonly unhealthyThreshold: number;
	/** Successes in a row until it gets traffic again. */
	readonly healthyThreshold: number;
}

/** Time limits in milliseconds; 0 is off. */
export interface Timeouts {
	/** Opening the connection to a replica (TCP and TLS). Default 5000. */
	readonly connectMs: number;
	/** Whole exchange, first request byte in to last response byte out; cuts SSE streams too. Default 0. */
	readonly requestMs: number;
	/** No byte in either direction on one request or stream. Default 0. */
	readonly idleMs: number;
}

/** TLS to the upstream; used where the endpoints are `https:`. */
export interface UpstreamTls {
	/** PEM file with the authorities to trust instead of the system's. */
	readonly caFile?: string;
	/** Name for SNI and certificate check instead of the endpoint's host. */
	readonly serverName?: string;
	/** Accept any certificate. For tests and private networks only. */
	readonly insecureSkipVerify: boolean;
}

export interface HttpServer {
	readonly type: "http";
	readonly id: string;
	readonly endpoints: readonly Endpoint[];
	readonly loadBalancer: LoadBalancer;
	/** Headers set on each request to the upstream, replacing the client's. Values are treated as secrets. */
	readonly headers: Readonly<Record<string, Template>>;
	readonly healthCheck?: HealthCheck;
	readonly timeouts: Timeouts;
	readonly tls: UpstreamTls;
	/**
	 * What becomes of a client's `Authorization` that was no API key: `pass` (default) to the upstream, or `remove`.
	 * One in `headers` replaces it either way.
	 */
	readonly authorization?: "pass" | "remove";
	/**
	 * `preserve`: the client's Host header reaches the upstream; `rewrite`: the endpoint's own host does.
	 * Left out: rewrite for `https:` endpoints with a DNS name, preserve for all others.
	 */
	readonly hostHeader?: "preserve" | "rewrite";
	/** Pin a session to the replica that opened it. Left out: true, but false for one `https:` endpoint with a DNS name. */
	readonly sessionAffinity?: boolean;
	/** `sse`: the endpoint is the stream of a server that speaks HTTP+SSE (2024-11-05). Left out: Streamable HTTP. */
	readonly transport?: "sse";
	/** Keys of another tool's file that the gateway does not honour, to be shown to the person. */
	readonly ignored?: readonly string[];
}

/** How a stdio server's processes are shared, and how many there may be. Durations are milliseconds. */
export interface Pool {
	/**
	 * `session`: a process serves one client at a time. `shared`: a process serves many. Left out: as the revision asks
	 * for, a process for each session up to 2025-11-25 and one shared process for all requests from 2026-07-28 on.
	 */
	readonly mode?: "session" | "shared";
	/** Processes that are kept started, so that a client waits for no cold start. Default 0. */
	readonly min: number;
	/** Processes at the most, of whatever use. Default 100. */
	readonly max: number;
	/**
	 * Processes at the most that serve many clients, for each era: `max` where mode `shared` names one, else `min`, but
	 * one at least. More than one only by the registry's word, since what a process remembers its sibling does not know.
	 */
	readonly maxShared: number;
	/** Sessions at the most; left out: as many as the processes take. */
	readonly maxSessions?: number;
	/** Sessions and requests that may wait for a process once `max` is reached. Default 100; 0 is none. */
	readonly maxQueue: number;
	/** So long they wait, then they get a 503. Default 10 seconds. */
	readonly queueTimeoutMs: number;
	/** A session without a request for this long is ended, and a shared process stopped. Default 30 minutes; 0 is never. */
	readonly idleTimeoutMs: number;
	/** Time a process may take to answer its first request. Default 60000, long enough for a first `npx`; 0 is off. */
	readonly startTimeoutMs: number;
}

/** Bounds of each process of a stdio server, where the system can enforce them. */
export interface Limits {
	/** Resident memory of a process and all that it started. */
	readonly memoryBytes?: number;
	/** Processes and threads of the server's user. */
	readonly processes?: number;
	/** From the process's start to its end. */
	readonly cpuTimeMs?: number;
}

export interface StdioServer {
	readonly type: "stdio";
	readonly id: string;
	/** Program and its arguments; run without a shell. */
	readonly command: readonly [Template, ...Template[]];
	readonly env: Readonly<Record<string, Template>>;
	readonly cwd?: Template;
	readonly pool: Pool;
	readonly limits?: Limits;
	/** User and group of the processes; left out: the gateway's own. */
	readonly uid?: number;
	readonly gid?: number;
	/** Keys of another tool's file that the gateway does not honour, to be shown to the person. */
	readonly ignored?: readonly string[];
}

/** CPU and memory in Kubernetes' notation, as in `250m` and `256Mi`. */
export interface ResourceAmounts {
	readonly cpu?: string;
	readonly memory?: string;
}

/** Scaling between two bounds by the pods' CPU: a HorizontalPodAutoscaler. */
export interface Autoscale {
	readonly min: number;
	readonly max: number;
	/** Mean CPU of the pods, percent of what they request. */
	readonly cpu: number;
}

/** Kubernetes' own objects, passed on as they are written. */
export type KubernetesJson = { readonly [key: string]: unknown };

/**
 * What a server on Kubernetes is made of: the keys of `charts/mcp-server/values.yaml`. An entry gives some of them, its
 * chart others, and `mcp-server` the rest.
 */
export interface ServerValues {
	readonly image: string;
	readonly imagePullPolicy: "Always" | "IfNotPresent" | "Never";
	/** `http`: the container speaks MCP over HTTP. `stdio`: a bridge is put in front of its command. */
	readonly transport: "http" | "stdio";
	readonly port: number;
	/** Path of the MCP endpoint, beginning with `/`. */
	readonly path: string;
	/** Instead of the image's entry point. Must be given for `stdio`. */
	readonly command: readonly string[];
	readonly args: readonly string[];
	/** Go into a ConfigMap. */
	readonly env: Readonly<Record<string, string>>;
	/** Variable to Secret and key in it; no value is ever written down. */
	readonly secrets: Readonly<Record<string, { readonly name: string; readonly key: string }>>;
	readonly resources: { readonly requests?: ResourceAmounts; readonly limits?: ResourceAmounts };
	/** Left out: whatever a person or an autoscaler sets, beginning with one. */
	readonly replicas?: number;
	readonly autoscale?: Autoscale;
	/** Instead of a TCP check of the port. */
	readonly probes: {
		readonly readiness?: KubernetesJson;
		readonly liveness?: KubernetesJson;
		readonly startup?: KubernetesJson;
	};
	readonly serviceAccount?: string;
	readonly nodeSelector: Readonly<Record<string, string>>;
	readonly tolerations: readonly KubernetesJson[];
	/** User of the container where its image names none that is not root. */
	readonly runAsUser?: number;
	/** A terminating pod goes on so long after it is taken out of the balancing. */
	readonly drainSeconds: number;
	/** `stdio`: image that the bridge is copied from. */
	readonly bridgeImage: string;
	/** `stdio`: how processes are shared, as in an entry of type stdio. */
	readonly pool: KubernetesJson;
}

/** A server that runs as pods on Kubernetes. */
export interface KubernetesServer {
	readonly type: "k8s";
	readonly id: string;
	/** Folder of `charts/` whose values stand where the entry gives none. Left out: `mcp-server`. */
	readonly chart?: string;
	/** Left out: the gateway's own. */
	readonly namespace?: string;
	/** `true`: created, changed and removed by the gateway. `false`: only found. */
	readonly manage: boolean;
	/** Name of the Service of a server that is only found. Left out: the server's id. */
	readonly service?: string;
	/** `endpoints`: Envoy balances over the pods. `service`: it connects to the Service, and Kubernetes balances. */
	readonly via: "endpoints" | "service";
	readonly loadBalancer: LoadBalancer;
	/** What the entry itself says. */
	readonly values: Partial<ServerValues>;
}

/**
 * A server with an endpoint and without a `type`: detection finds out whether and how it speaks MCP over HTTP, and
 * otherwise whether its command does. An entry with nothing but a command is a {@link StdioServer} without further ado.
 */
export interface AutoServer {
	readonly type: "auto";
	readonly id: string;
	readonly http: HttpServer;
	readonly stdio?: StdioServer;
	/** Keys of another tool's file that the gateway does not honour, to be shown to the person. */
	readonly ignored?: readonly string[];
}

export type Server = HttpServer | StdioServer | KubernetesServer | AutoServer;

/** The part of a server that a process serves, if it has one. */
export function stdioPart(server: Server | undefined): StdioServer | undefined {
	if (server?.type === "stdio") return server;
	return server?.type === "auto" ? server.stdio : undefined;
}

/** All servers of a registry, in the order of the file. */
export interface Registry {
	readonly servers: ReadonlyMap<string, Server>;
}

/** One fault in a registry file. `line` and `col` start at 1. */
export interface RegistryError {
	readonly file: string;
	readonly line: number;
	readonly col: number;
	/** What is wrong and what to write instead; never holds a secret. */
	readonly message: string;
	/** JSON Pointer (RFC 6901) of the key or value at fault, where the text can be read at all. */
	readonly pointer?: string;
}

/** Either a registry without fault or every fault that was found. */
export type ParseResult =
	| { readonly ok: true; readonly registry: Registry }
	| { readonly ok: false; readonly errors: readonly RegistryError[] };
