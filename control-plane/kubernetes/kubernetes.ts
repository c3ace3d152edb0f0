import type { Logger } from "pino";
import type { KubernetesServer, Registry } from "../registry/model.ts";
import { createServerList } from "../registry/server-list.ts";
import { type ApiServer, createApiServer } from "./api-server.ts";
import { type Connection, type ConnectionOptions, findCluster } from "./connection.ts";
import type { ClusterCache, ClusterChange, Discover, Discovery, KubernetesStatus, PodStatus } from "./contract.ts";
import { createDiscovery, type Listening, type ServiceName } from "./discovery/discovery.ts";
import { describePods, serverStatus } from "./discovery/server-status.ts";
import { objectName } from "./names.ts";
import { createClusterCache } from "./watch/cache.ts";
import { keyOf } from "./watch/store.ts";
import type { Writer, WriterState } from "./write/writer.ts";

/** What the command line says of Kubernetes. */
export interface KubernetesOptions extends Omit<ConnectionOptions, "env"> {
	/** Namespaces that are watched; empty: all. */
	readonly namespaces: readonly string[];
	/** Whose objects are this gateway's: value of the label `mcp-gateway/owner`. */
	readonly gatewayName: string;
	/** Folder with the charts that entries name. */
	readonly charts: string;
	/** Of stdio servers; left out: that of the chart `mcp-server`. */
	readonly bridgeImage?: string;
}

export interface KubernetesParts {
	readonly connection: Connection;
	readonly api: ApiServer;
	readonly cache: ClusterCache;
}

export interface KubernetesDeps {
	readonly options: KubernetesOptions;
	readonly env: NodeJS.ProcessEnv;
	readonly log: Logger;
	/** As in {@link DiscoveryDeps}. */
	readonly listening: (server: KubernetesServer) => Listening | { readonly problem: string };
	/** A server is discovered otherwise now. */
	readonly onChange: () => void;
	/** Called once, with the first connection. */
	readonly write?: (parts: KubernetesParts) => Writer;
}

/** The connection as status shows it. */
export interface KubernetesConnection {
	/** `service account`, or the kubeconfig's file and context; left out where there is no cluster. */
	readonly source?: string;
	readonly inCluster?: boolean;
	/** Why what is known of the cluster may be out of date, one sentence each. */
	readonly problems: readonly string[];
	/** Which of several control planes changes the cluster; left out where there is no cluster. */
	readonly writer?: WriterState;
}

/** All that the control plane has to do with Kubernetes. Without entries of type k8s it does nothing at all. */
export interface Kubernetes {
	/** Says which servers there are; the first one of type k8s looks for the cluster. */
	setServers(registry: Registry): void;
	readonly discover: Discover;
	/** The first look at the cluster is under way. */
	readonly looking: boolean;
	/** Resolves when no first look is under way any more, or after `timeoutMs`; never once it is closed. */
	firstLook(timeoutMs: number): Promise<void>;
	/** Undefined while no entry has asked for a cluster. */
	connection(): KubernetesConnection | undefined;
	/** Undefined while there is no cluster. */
	status(server: KubernetesServer): KubernetesStatus | undefined;
	/** The server's pods, asked for by a person: with the last words of those that crashed. */
	pods(server: KubernetesServer): Promise<readonly PodStatus[]>;
	/** Charts may say something else now, or what a cleanup removed is wanted again. */
	reload(): void;
	close(): Promise<void>;
}

/** A kubeconfig may come into being while the gateway runs. */
const searchAgainMs = 10_000;

export function createKubernetes(deps: KubernetesDeps): Kubernetes {
	const { options, log } = deps;
	const closed = new AbortController();
	const k8sServers = createServerList("k8s");
	let servers: readonly KubernetesServer[] = [];
	let byService: ReadonlyMap<string, readonly KubernetesServer[]> = new Map();
	let running: (KubernetesParts & { readonly discover: Discover; readonly writer: Writer | undefined }) | undefined;
	let search: { readonly over: Promise<void> } | undefined;
	let problem: string | undefined;
	let again: NodeJS.Timeout | undefined;
	/** What each server was last known as, by the builder or here. */
	const known = new WeakMap<KubernetesServer, Discovery>();
	const waiting = new Set<() => void>();

	const pending: Discovery = { state: "missing", problem: "the cluster is being looked for", unknown: "pending" };
	let noCluster: Discovery = pending;

	function serviceOf({ id, namespace, manage, service }: KubernetesServer): ServiceName {
		return {
			namespace: namespace ?? running?.connection.facts.namespace ?? "default",
			name: manage ? objectName(id) : (service ?? id),
		};
	}

	const discover: Discover = (server) => {
		const found = running?.discover(server) ?? noCluster;
		known.set(server, found);
		return found;
	};

	/** Whether nothing is known of a server yet that may be known soon. */
	function isPending(server: KubernetesServer): boolean {
		const found = discover(server);
		return found.state === "missing" && found.unknown === "pending";
	}

	const looking = () => servers.some(isPending);

	function looked(): void {
		if (waiting.size > 0 && !looking()) for (const done of waiting) done();
	}

	function changed({ kind, namespace, name }: ClusterChange): void {
		if (kind !== "*" && kind !== "EndpointSlice" && kind !== "Service") return;
		const concerned = kind === "*" ? servers : (byService.get(keyOf(namespace, name)) ?? []);
		const other = concerned.filter((server) => {
			const before = known.get(server);
			return discover(server) !== before;
		});
		if (other.length > 0) deps.onChange();
		looked();
	}

	function due(service: ServiceName): void {
		if (!closed.signal.aborted) changed({ kind: "EndpointSlice", ...service });
	}

	async function connect(): Promise<void> {
		try {
			const connection = await findCluster({ ...options, env: deps.env });
			if (closed.signal.aborted) return;
			const api = createApiServer(connection.kubeConfig);
			const { gatewayName: owner, namespaces } = options;
			const cache = createClusterCache({ api, owner, namespaces, log });
			const { listening } = deps;
			const parts = { connection, api, cache };
			problem = undefined;
			running = {
				...parts,
				discover: createDiscovery({ cache, serviceOf, listening, due }),
				writer: deps.write?.(parts),
			};
			log.info({ event: "kubernetes", source: connection.facts.source, server: api.url }, `Kubernetes: ${api.url}`);
			cache.subscribe(changed);
			place();
		} catch (error) {
			problem = (error as Error).message;
			noCluster = { state: "missing", problem, unknown: "refused" };
			search = undefined;
			again = setTimeout(look, searchAgainMs).unref();
		}
		deps.onChange();
		looked();
	}

	/** Who names a cluster may have removed the last of its servers while the gateway was down. */
	const named = options.kubeconfig !== undefined || options.context !== undefined || options.namespaces.length > 0;

	function look(): void {
		clearTimeout(again);
		if (closed.signal.aborted || search !== undefined || (servers.length === 0 && !named)) return;
		search = { over: connect() };
	}

	/** Tells the parts which servers there are. */
	function place(): void {
		const map = new Map<string, KubernetesServer[]>();
		for (const server of servers) {
			const { namespace, name } = serviceOf(server);
			const key = keyOf(namespace, name);
			map.set(key, [...(map.get(key) ?? []), server]);
		}
		byService = map;
		running?.cache.follow(servers.filter(({ manage }) => !manage).map(serviceOf));
		running?.writer?.setServers(servers);
	}

	return {
		setServers(registry) {
			const now = k8sServers(registry);
			if (now === servers) return;
			servers = now;
			place();
			look();
		},
		discover,
		get looking() {
			return looking();
		},
		firstLook(timeoutMs) {
			if (!looking()) return Promise.resolve();
			return new Promise((resolve) => {
				const done = () => {
					clearTimeout(timer);
					waiting.delete(done);
					resolve();
				};
				const timer = setTimeout(done, timeoutMs).unref();
				waiting.add(done);
			});
		},
		connection() {
			if (running === undefined) return problem === undefined ? undefined : { problems: [problem] };
			const { connection, cache } = running;
			const { source, inCluster } = connection.facts;
			const writer = running.writer?.state();
			return { source, inCluster, problems: cache.problems, ...(writer === undefined ? {} : { writer }) };
		},
		status(server) {
			if (running === undefined) return undefined;
			const conditions = running.writer?.conditions(server.id) ?? [];
			return serverStatus({ server, place: serviceOf(server), cache: running.cache, conditions });
		},
		async pods(server) {
			if (running === undefined) return [];
			const { api, cache } = running;
			return describePods({ server, place: serviceOf(server), cache, api, signal: closed.signal });
		},
		reload() {
			running?.writer?.again();
		},
		async close() {
			closed.abort();
			clearTimeout(again);
			waiting.clear();
			await search?.over;
			await running?.writer?.close();
			await running?.cache.close();
		},
	};
}
