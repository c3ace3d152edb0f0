import type { KubernetesObject } from "@kubernetes/client-node";
import type { WatchedKind, WatchedKinds } from "../contract.ts";
import { serverNameOf, trimmed } from "./watched-kinds.ts";

/** `namespace/name`: no name of Kubernetes holds a slash. */
export function keyOf(namespace: string, name: string): string {
	return `${namespace}/${name}`;
}

/** The objects of one watch as they were last seen, also by the server that they belong to. */
export interface ObjectStore<K extends WatchedKind> {
	get(namespace: string, name: string): WatchedKinds[K] | undefined;
	all(): readonly WatchedKinds[K][];
	/** Objects of a server: the same array for as long as none of them has changed. */
	ofServer(namespace: string, server: string): readonly WatchedKinds[K][];
	/** Takes a complete list. Returns whose objects are others now, as keys of namespace and server. */
	replace(objects: readonly KubernetesObject[]): ReadonlySet<string>;
	/** Takes one object. Returns whose it is, where it is another one now. */
	set(object: KubernetesObject): string | undefined;
	delete(object: KubernetesObject): string | undefined;
}

const none: readonly never[] = [];

export function createObjectStore<K extends WatchedKind>(kind: K): ObjectStore<K> {
	type Kept = WatchedKinds[K];
	const objects = new Map<string, Kept>();
	const servers = new Map<string, readonly Kept[]>();

	const ownKey = ({ metadata }: KubernetesObject) => keyOf(metadata?.namespace ?? "", metadata?.name ?? "");
	const serverKey = (object: KubernetesObject) => keyOf(object.metadata?.namespace ?? "", serverNameOf(kind, object));

	function put(object: KubernetesObject): string | undefined {
		const known = objects.get(ownKey(object));
		const version = object.metadata?.resourceVersion;
		if (known !== undefined && version !== undefined && known.metadata?.resourceVersion === version) return undefined;
		const kept = trimmed(kind, object) as Kept;
		const server = serverKey(kept);
		// A label may have been changed, by which it belongs to another one now.
		if (known !== undefined && serverKey(known) !== server) leave(known);
		objects.set(ownKey(kept), kept);
		const siblings = servers.get(server) ?? none;
		servers.set(server, [...siblings.filter((one) => one.metadata?.name !== kept.metadata?.name), kept]);
		return server;
	}

	/** Takes it out of its server's objects. */
	function leave(object: Kept): void {
		const server = serverKey(object);
		const rest = (servers.get(server) ?? none).filter((one) => one !== object);
		if (rest.length === 0) servers.delete(server);
		else servers.set(server, rest);
	}

	function remove(key: string): string | undefined {
		const known = objects.get(key);
		if (known === undefined) return undefined;
		objects.delete(key);
		leave(known);
		return serverKey(known);
	}

	return {
		get: (namespace, name) => objects.get(keyOf(namespace, name)),
		all: () => [...objects.values()],
		ofServer: (namespace, server) => servers.get(keyOf(namespace, server)) ?? none,
		replace(list) {
			const changed = new Set<string>();
			const add = (server: string | undefined) => {
				if (server !== undefined) changed.add(server);
			};
			const present = new Set(list.map(ownKey));
			for (const key of [...objects.keys()]) if (!present.has(key)) add(remove(key));
			for (const object of list) add(put(object));
			return changed;
		},
		set: put,
		delete: (object) => remove(ownKey(object)),
	};
}
