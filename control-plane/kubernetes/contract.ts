/** What the parts of the Kubernetes side know of each other. */
import type {
	KubernetesObject,
	V1ConfigMap,
	V1Deployment,
	V1EndpointSlice,
	V1Pod,
	V1PodDisruptionBudget,
	V1Service,
	V2HorizontalPodAutoscaler,
} from "@kubernetes/client-node";
import type { KubernetesServer } from "../registry/model.ts";

/** The kinds of object that a managed server consists of, as they are written. */
export interface OwnedKinds {
	readonly Deployment: V1Deployment;
	readonly Service: V1Service;
	readonly ConfigMap: V1ConfigMap;
	readonly HorizontalPodAutoscaler: V2HorizontalPodAutoscaler;
	readonly PodDisruptionBudget: V1PodDisruptionBudget;
}

export type OwnedKind = keyof OwnedKinds;

/** An object of a server, complete: apiVersion, kind, metadata with name, namespace and labels. */
export type OwnedObject = OwnedKinds[OwnedKind];

/** All kinds that are watched. */
export interface WatchedKinds extends OwnedKinds {
	readonly EndpointSlice: V1EndpointSlice;
	readonly Pod: V1Pod;
}

export type WatchedKind = keyof WatchedKinds;

/** Where and as whom the control plane speaks to the API server. */
export interface ConnectionFacts {
	/** `service account`, or the kubeconfig's file and context, for status. */
	readonly source: string;
	readonly inCluster: boolean;
	/** Namespace of entries that name none. */
	readonly namespace: string;
}

/** What changed: objects of a kind that belong to a server's objects of this name (`*`: anything may have changed). */
export interface ClusterChange {
	readonly kind: WatchedKind | "*";
	readonly namespace: string;
	readonly name: string;
}

/** What is known of objects of a kind in a namespace. */
export interface WatchState {
	/** They have been listed: what is not in the cache is not there. */
	readonly listed: boolean;
	/** Why they may be others by now, as a sentence. */
	readonly problem?: string;
	/** The API server answers and says no: there is no use in waiting for it. */
	readonly refused?: true;
	/** Nobody is asked about this namespace: they are not known, and will not be. */
	readonly unwatched?: true;
}

/**
 * The watched objects of the cluster as they were last seen: rebuilt by a new list, kept while the API server is away.
 * Only what carries this gateway's owner label is in it, and the EndpointSlices of Services that entries name.
 *
 * Objects are as the API server writes them: times are strings, whatever the client's types say.
 */
export interface ClusterCache {
	/** Every watch has listed once. */
	readonly synced: boolean;
	/** What keeps a watch from being up to date, one sentence each: forbidden, unreachable since. Empty: all is well. */
	readonly problems: readonly string[];
	get<K extends WatchedKind>(kind: K, namespace: string, name: string): WatchedKinds[K] | undefined;
	list<K extends WatchedKind>(kind: K): readonly WatchedKinds[K][];
	/** EndpointSlices of a Service. */
	slices(namespace: string, service: string): readonly V1EndpointSlice[];
	/** Pods of a server's Deployment, by the name of its objects. */
	pods(namespace: string, name: string): readonly V1Pod[];
	/** A Service that one of the gateway's servers is reached by: its own, or one that {@link follow} named. */
	service(namespace: string, name: string): V1Service | undefined;
	/** `service`: of a Service that {@link follow} named, its own watch. */
	state(kind: WatchedKind, namespace: string, service?: string): WatchState;
	/** Called after each change, and after a watch has listed once. */
	subscribe(listener: (changed: ClusterChange) => void): () => void;
	/** Services of entries that the gateway does not manage: their slices are watched one by one. */
	follow(services: readonly { readonly namespace: string; readonly name: string }[]): void;
	close(): Promise<void>;
}

/** A replica as Envoy is told of it. */
export interface PodEndpoint {
	readonly host: string;
	readonly port: number;
	/** The node's zone (`topology.kubernetes.io/zone`), where the cluster tells it. */
	readonly zone?: string;
	/** Terminating: keeps its sessions, gets no new ones. */
	readonly draining?: true;
	/** Not ready, and not terminating: keeps its sessions, gets new ones once it is ready. */
	readonly unready?: true;
}

/** What the cluster says of one server. The same object for as long as nothing has changed. */
export type Discovery =
	| {
			readonly state: "found";
			readonly via: "endpoints";
			readonly path: string;
			readonly endpoints: readonly PodEndpoint[];
	  }
	| {
			readonly state: "found";
			readonly via: "service";
			readonly path: string;
			readonly host: string;
			readonly port: number;
	  }
	/**
	 * Not to be served now, and why. `unknown`: the cluster has not told of it yet, so what Envoy has of it stays;
	 * `pending`: it may in a moment, `refused`: it says no.
	 */
	| { readonly state: "missing"; readonly problem: string; readonly unknown?: "pending" | "refused" };

/** Discovery as the builder asks for it. */
export type Discover = (server: KubernetesServer) => Discovery;

/** Something about a server that a person must know, level-based: gone once it is no longer so. */
export interface Condition {
	/** Stable, for scripts: `forbidden`, `namespace_missing`, `quota`, `name_clash`, `chart_faulty`, `unreachable`, ... */
	readonly reason: string;
	/** A sentence with what to do. Never a secret. */
	readonly message: string;
}

/** One pod for `servers pods` and status. */
export interface PodStatus {
	readonly name: string;
	readonly namespace: string;
	readonly address?: string;
	readonly node?: string;
	readonly ready: boolean;
	readonly terminating: boolean;
	readonly restarts: number;
	/** Why it is not ready: `image cannot be pulled: ...`, `crash loop, exit code 1`, `unschedulable: ...`. */
	readonly problem?: string;
	/** Last lines that a crashed container wrote; asked for on demand, never kept. */
	readonly lastLines?: readonly string[];
}

/** A server's pods and conditions, for status. */
export interface KubernetesStatus {
	readonly namespace: string;
	/** Name of its Deployment and Service. */
	readonly name: string;
	readonly managed: boolean;
	/** `endpoints`: Envoy reaches its pods directly. `service`: by its Service's name. */
	readonly via: KubernetesServer["via"];
	readonly replicas?: { readonly wanted: number; readonly ready: number };
	readonly conditions: readonly Condition[];
	readonly pods: readonly PodStatus[];
}

export type { KubernetesObject };
