import type { Detection, Finding } from "../detection/finding.ts";

import { type BuildContext, buildServer } from "../ir/build.ts";
import type { ListenerIR, ServerIR } from "../ir/model.ts";
import type { Discovery } from "../kubernetes/contract.ts";
import type { Registry, Server } from "../registry/model.ts";
import { type Resource, translateGateway, translateServer } from "../xds/translate.ts";
import { changedMap, changedNames } from "./overlay.ts";
import { checkReferences } from "./references.ts";
import { changeSnapshot, createSnapshot, type EncodedResource, encodeResource, type Snapshot } from "./snapshot.ts";

/** What became of one server, for status: no secret in it. */
export interface ServerOutcome {
	readonly server: Server;
	readonly state: ServerIR["state"];
	readonly problem?: string;
	/** How a server whose entry does not say its type was found to be reached. */
	readonly detected?: Finding;
}

export interface Built {
	readonly snapshot: Snapshot;
	readonly outcomes: ReadonlyMap<string, ServerOutcome>;
}

interface Remembered {
	readonly server: Server;
	readonly outcome: ServerOutcome;
	readonly resources: readonly EncodedResource[];
	/** The entry alone decides the outcome: no placeholder, no file, whose content may change beside it. */
	readonly stable: boolean;
	/** What was known of it beside its entry; the same object while that has not changed. */
	readonly known: Detection | Discovery | undefined;
}

/**
 * Registry to snapshot. Remembers each server's resources, so that a change costs what changed and not all; forgetting
 * them all changes nothing but the time the next build takes.
 */
export function createSnapshotBuilder(systemRootsPem: string) {
	let remembered: ReadonlyMap<string, Remembered> = new Map();
	/** Servers that may mean something else though their entries are the same. */
	const volatile = new Set<string>();
	let gateway:
		| { readonly key: string; readonly plain: readonly Resource[]; readonly resources: readonly EncodedResource[] }
		| undefined;
	let last:
		| (Built & {
				readonly gateway: readonly EncodedResource[];
				readonly servers: Registry["servers"];
		  })
		| undefined;
	let serial = 0;

	function entry(server: Server, was: Remembered | undefined, context: BuildContext): Remembered {
		const detection = server.type === "auto" ? context.detection(server) : undefined;
		const known = server.type === "k8s" ? context.discover(server) : detection;
		if (was?.server === server && was.stable && was.known === known) return was;
		const ir = buildServer(server, context);
		const outcome: ServerOutcome = {
			server,
			state: ir.state,
			...(ir.state === "unavailable" ? { problem: ir.problem } : {}),
			...(detection?.state === "found" ? { detected: detection.finding } : {}),
		};
		const plain = translateServer(ir);
		checkReferences(plain, gateway?.plain ?? []);
		const resources = plain.map(encodeResource);
		return { server, outcome, resources, stable: isStable(server), known };
	}

	return {
		/** @throws Error where the resources do not fit together: such a snapshot is never served. */
		build(registry: Registry, listener: ListenerIR, context: BuildContext): Built {
			const key = JSON.stringify(listener);
			if (gateway?.key !== key) {
				const plain = translateGateway(listener, systemRootsPem);
				checkReferences(plain, []);
				gateway = { key, plain, resources: plain.map(encodeResource) };
			}
			// What nothing but the registry decides is looked at where that changed; with ten thousand servers, a few.
			const known = last === undefined ? undefined : changedNames(last.servers, registry.servers);
			const names = known === undefined ? new Set([...remembered.keys(), ...registry.servers.keys()]) : new Set(known);
			for (const id of volatile) names.add(id);
			const changes = new Map<string, Remembered | undefined>();
			const gone: (readonly EncodedResource[])[] = [];
			const come: (readonly EncodedResource[])[] = [];
			for (const id of names) {
				const server = registry.servers.get(id);
				const was = remembered.get(id);
				const one = server === undefined ? undefined : entry(server, was, context);
				if (one === was) continue;
				changes.set(id, one);
				if (was !== undefined) gone.push(was.resources);
				if (one !== undefined) come.push(one.resources);
			}
			const next =
				known === undefined
					? inOrder(registry, (id) => (changes.has(id) ? changes.get(id) : remembered.get(id)))
					: changedMap(remembered, changes);
			const outcomes =
				known === undefined || last === undefined
					? inOrder(registry, (id) => next.get(id)?.outcome)
					: changedMap(last.outcomes, new Map([...changes].map(([id, one]) => [id, one?.outcome])));
			const snapshot =
				last?.gateway === gateway.resources
					? changeSnapshot(serial + 1, last.snapshot, gone, come)
					: createSnapshot(serial + 1, [gateway.resources, ...[...next.values()].map(({ resources }) => resources)]);
			serial += 1;
			for (const [id, one] of changes) {
				if (one === undefined || (one.stable && one.known === undefined)) volatile.delete(id);
				else volatile.add(id);
			}
			remembered = next;
			last = { snapshot, gateway: gateway.resources, servers: registry.servers, outcomes };
			return { snapshot, outcomes };
		},
	};
}

/** A value for each server, in the order of the registry. */
function inOrder<V>({ servers }: Registry, made: (id: string) => V | undefined): ReadonlyMap<string, V> {
	const all = new Map<string, V>();
	for (const id of servers.keys()) {
		const value = made(id);
		if (value !== undefined) all.set(id, value);
	}
	return all;
}

/** Nothing beside the entry decides what it means: it holds no placeholder and names no file. */
export function isStable(server: Server): boolean {
	if (server.type === "auto") return isStable(server.http);
	if (server.type !== "http") return true;
	if (server.tls.caFile !== undefined) return false;
	return ![...server.endpoints.map(({ url }) => url), ...Object.values(server.headers)].some((text) =>
		text.includes("$"),
	);
}
