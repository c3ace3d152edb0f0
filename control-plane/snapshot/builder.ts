import type { Detection, Finding } from "../detection/finding.ts";
import { type BuildContext, buildServer } from "../ir/build.ts";
import type { ListenerIR, ServerIR } from "../ir/model.ts";
import type { Registry, Server } from "../registry/model.ts";
import { type Resource, translateGateway, translateServer } from "../xds/translate.ts";
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
	readonly detection: Detection | undefined;
}

/**
 * Registry to snapshot. Remembers each server's resources, so that a change costs what changed and not all; forgetting
 * them all changes nothing but the time the next build takes.
 */
export function createSnapshotBuilder(systemRootsPem: string) {
	let remembered = new Map<string, Remembered>();
	let gateway:
		| { readonly key: string; readonly plain: readonly Resource[]; readonly resources: readonly EncodedResource[] }
		| undefined;
	let last: { readonly snapshot: Snapshot; readonly gateway: readonly EncodedResource[] } | undefined;
	let serial = 0;

	function entry(server: Server, known: Remembered | undefined, context: BuildContext): Remembered {
		const detection = server.type === "auto" ? context.detection(server) : undefined;
		if (known?.server === server && known.stable && known.detection === detection) return known;
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
		return { server, outcome, resources, stable: isStable(server), detection };
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
			const next = new Map<string, Remembered>();
			const outcomes = new Map<string, ServerOutcome>();
			const gone: (readonly EncodedResource[])[] = [];
			const come: (readonly EncodedResource[])[] = [];
			let added = 0;
			// One way over all servers: with ten thousand of them it is this that a change waits for.
			for (const server of registry.servers.values()) {
				const was = remembered.get(server.id);
				const one = entry(server, was, context);
				next.set(server.id, one);
				outcomes.set(server.id, one.outcome);
				if (was === one) continue;
				if (was === undefined) added += 1;
				else gone.push(was.resources);
				come.push(one.resources);
			}
			if (next.size < remembered.size + added) {
				for (const [id, was] of remembered) if (!next.has(id)) gone.push(was.resources);
			}
			const snapshot =
				last?.gateway === gateway.resources
					? changeSnapshot(serial + 1, last.snapshot, gone, come)
					: createSnapshot(serial + 1, [gateway.resources, ...[...next.values()].map(({ resources }) => resources)]);
			serial += 1;
			remembered = next;
			last = { snapshot, gateway: gateway.resources };
			return { snapshot, outcomes };
		},
	};
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
