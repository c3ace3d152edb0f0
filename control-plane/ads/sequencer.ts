import type { EncodedResource, Snapshot } from "../snapshot/snapshot.ts";
import { resourceTypes } from "../snapshot/snapshot.ts";
import { clusterName, type ResourceType } from "../xds/names.ts";
import { TypeState } from "./type-state.ts";

/** One response to one Envoy. */
export interface Push {
	readonly type: ResourceType;
	readonly nonce: string;
	readonly serial: number;
	readonly upsert: readonly EncodedResource[];
	readonly remove: readonly string[];
}

export interface Plan {
	readonly pushes: readonly Push[];
	/** When to ask again though nothing has happened; undefined: not before something happens. */
	readonly wakeAt: number | undefined;
}

/** Nothing waits longer than this for an ACK that Envoy withholds, e.g. because one DNS name does not resolve. */
export const gateMs = 1000;

/**
 * Decides what to send to one Envoy, and in which order, from what it has and what it should have. No I/O and no
 * clock of its own: every call derives the answer anew, so it does not matter which event led to it.
 *
 * Make before break: a cluster is warm (its ACK says so) before its scope is sent, and a scope's removal is
 * acknowledged before its cluster goes. Endpoints follow every change of their cluster, without which Envoy would
 * hold the ACK back for 15 s.
 */
export class Sequencer {
	readonly types: Readonly<Record<ResourceType, TypeState>> = {
		cluster: new TypeState(),
		endpoints: new TypeState(false),
		secret: new TypeState(false),
		extension: new TypeState(false),
		scope: new TypeState(),
		listener: new TypeState(),
	};
	/** When each cluster version was first sent, for the gate's deadline. */
	private readonly clusterSentAt = new Map<string, number>();
	private nonces = 0;

	/** What to send now. Whatever is returned counts as sent. */
	next(snapshot: Snapshot, now: number): Plan {
		const pushes: Push[] = [];
		let wakeAt: number | undefined;
		const wake = (at: number) => {
			wakeAt = Math.min(wakeAt ?? at, at);
		};
		for (const type of resourceTypes) {
			const state = this.types[type];
			if (!state.active) continue;
			state.forgive(snapshot.resources[type]);
			const blockedUntil = lastSentAt(state) + gateMs;
			if (state.outstanding.size > 0 && now < blockedUntil) {
				wake(blockedUntil);
				continue;
			}
			const push = this.push(type, snapshot, now, wake);
			if (push !== undefined) pushes.push(push);
		}
		return { pushes, wakeAt };
	}

	private push(type: ResourceType, snapshot: Snapshot, now: number, wake: (at: number) => void): Push | undefined {
		const state = this.types[type];
		let { upsert, remove } = state.difference(snapshot.resources[type]);
		if (type === "cluster") remove = remove.filter((name) => this.mayRemoveCluster(name, snapshot));
		if (type === "scope") {
			const held = upsert.filter((resource) => {
				const opensAt = this.scopeOpensAt(resource, snapshot, now);
				if (opensAt > now) wake(opensAt);
				return opensAt > now;
			});
			// Envoy opens its listener on the first response: it waits for all, not for the quick ones.
			if (held.length > 0 && !state.answered) return undefined;
			upsert = upsert.filter((resource) => !held.includes(resource));
		}
		({ upsert, remove } = nextGroup(state, upsert, remove));
		if (upsert.length === 0 && remove.length === 0 && (state.answered || !state.wildcard)) return undefined;
		this.nonces += 1;
		const nonce = `${snapshot.serial}.${this.nonces}`;
		state.send(nonce, upsert, remove, now);
		if (type === "cluster") {
			for (const { name } of upsert) {
				this.clusterSentAt.set(name, now);
				// Envoy takes up a changed cluster only with its endpoints.
				this.types.endpoints.stale.add(name);
			}
			for (const name of remove) {
				this.clusterSentAt.delete(name);
				this.types.endpoints.stale.delete(name);
			}
		}
		return { type, nonce, serial: snapshot.serial, upsert, remove };
	}

	/** A cluster goes once no scope that Envoy holds can route to it. */
	private mayRemoveCluster(name: string, snapshot: Snapshot): boolean {
		const scopes = this.types.scope;
		if (!scopes.active) return true;
		const id = name.slice(clusterName("").length);
		return scopes.acked.get(id) === snapshot.resources.scope.get(id)?.version && !isUnderWay(scopes, id);
	}

	/** When the scope may be sent: its cluster is warm, or has had its time. */
	private scopeOpensAt(scope: EncodedResource, snapshot: Snapshot, now: number): number {
		const clusters = this.types.cluster;
		const cluster = snapshot.resources.cluster.get(clusterName(scope.name));
		if (cluster === undefined || !clusters.active) return now;
		// Acknowledged, and no removal of it under way that would take it from under the scope.
		const isThere =
			clusters.acked.get(cluster.name) === cluster.version && clusters.sent.get(cluster.name) === cluster.version;
		if (isThere || clusters.isRefused(cluster)) return now;
		return (this.clusterSentAt.get(cluster.name) ?? now) + gateMs;
	}

	/** Whether Envoy has acknowledged all of the snapshot, but for what it refused. */
	isInSync(snapshot: Snapshot): boolean {
		return resourceTypes.every((type) => {
			const state = this.types[type];
			const { upsert, remove } = state.difference(snapshot.resources[type]);
			return upsert.length === 0 && remove.length === 0 && state.outstanding.size === 0;
		});
	}

	/** Whether Envoy serves: it has taken up the listener and the scopes. */
	isServing(): boolean {
		const { listener, scope } = this.types;
		return listener.acked.size > 0 && scope.taken;
	}
}

function lastSentAt(state: TypeState): number {
	let last = 0;
	for (const { sentAt } of state.outstanding.values()) last = Math.max(last, sentAt);
	return last;
}

function isUnderWay(state: TypeState, name: string): boolean {
	return [...state.outstanding.values()].some(({ changes }) => changes.has(name));
}

/** While suspects are looked for, one group of them a response; then everything that is left. */
function nextGroup(state: TypeState, upsert: EncodedResource[], remove: string[]) {
	while (state.suspects.length > 0) {
		const group = new Set(state.suspects.shift());
		const some = {
			upsert: upsert.filter(({ name }) => group.has(name)),
			remove: remove.filter((name) => group.has(name)),
		};
		if (some.upsert.length + some.remove.length > 0) return some;
	}
	return { upsert, remove };
}
