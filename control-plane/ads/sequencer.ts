import type { EncodedResource, Snapshot } from "../snapshot/snapshot.ts";
import { resourceTypes } from "../snapshot/snapshot.ts";
import { clusterName, type ResourceType } from "../xds/names.ts";
import { mayRetryAt, type Refusal } from "./refusals.ts";
import { perType, traits, type Variant } from "./traits.ts";
import { type Difference, TypeState } from "./type-state.ts";

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
	readonly types: Readonly<Record<ResourceType, TypeState>>;
	/** When each cluster version was first sent, for the gate's deadline. */
	private readonly clusterSentAt = new Map<string, number>();
	private nonces = 0;
	/** When this Envoy was first asked about. */
	private startedAt: number | undefined;

	constructor(variant: Variant) {
		this.types = perType((type) => new TypeState(traits[type], variant));
	}

	/** What to send now. Whatever is returned counts as sent. */
	next(snapshot: Snapshot, now: number): Plan {
		this.startedAt ??= now;
		const pushes: Push[] = [];
		let wakeAt: number | undefined;
		const wake = (at: number) => {
			wakeAt = Math.min(wakeAt ?? at, at);
		};
		for (const type of resourceTypes) {
			const state = this.types[type];
			if (!state.subscription.active) continue;
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
		let { upsert, remove } = this.difference(type, snapshot, (refusal) => {
			const at = mayRetryAt(refusal, snapshot.serial, traits[type].ofMachine);
			if (at !== undefined && at > now) wake(at);
			return at !== undefined && at <= now;
		});
		const isBehind = upsert.length + remove.length + state.outstanding.size > 0;
		state.counts.behindSince = isBehind ? (state.counts.behindSince ?? now) : undefined;
		if (type === "cluster" && remove.length > 0) {
			// An Envoy that reconnects asks for clusters first: the scopes that it holds are not known before it asks for them.
			const scopesKnownAt = this.types.scope.subscription.active ? now : (this.startedAt ?? now) + gateMs;
			if (scopesKnownAt > now) wake(scopesKnownAt);
			// What Envoy lacks and only asked about is no removal.
			remove = remove.filter(
				(name) => !state.sent.has(name) || (scopesKnownAt <= now && this.mayRemoveCluster(name, snapshot)),
			);
		}
		if (type === "scope") {
			const open = upsert.filter((resource) => {
				const opensAt = this.scopeOpensAt(resource, snapshot, now);
				if (opensAt > now) wake(opensAt);
				return opensAt <= now;
			});
			// Envoy opens its listener on the first response: it waits for all, not for the quick ones.
			if (open.length < upsert.length && !state.answered) return undefined;
			upsert = open;
		}
		({ upsert, remove } = nextGroup(state, { upsert, remove }));
		const isFirstAnswer = !state.answered && state.subscription.wildcard;
		if (upsert.length === 0 && remove.length === 0 && !isFirstAnswer && !state.restate) return undefined;
		this.nonces += 1;
		const nonce = `${snapshot.serial}.${this.nonces}`;
		state.send(nonce, { upsert, remove }, snapshot.serial, now);
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

	/** Resources to send and names to remove for Envoy to have the snapshot, as {@link TypeState.difference}. */
	difference(type: ResourceType, snapshot: Snapshot, mayRetry?: (refusal: Refusal) => boolean): Difference {
		const { upsert, remove } = this.types[type].difference(snapshot.resources[type], mayRetry);
		if (type !== "cluster" || remove.length === 0) return { upsert, remove };
		return { upsert, remove: remove.filter((name) => !this.keepsCluster(name, snapshot)) };
	}

	/** Whether nothing is known of a cluster's server yet, and Envoy has (or may have) a scope that leads to it. */
	private keepsCluster(name: string, snapshot: Snapshot): boolean {
		const scope = snapshot.resources.scope.get(serverOf(name));
		if (!scope?.provisional || !this.types.cluster.sent.has(name)) return false;
		const { subscription, sent } = this.types.scope;
		return !subscription.active || sent.get(scope.name) !== scope.version;
	}

	/** A cluster goes once no scope that Envoy holds can route to it. */
	private mayRemoveCluster(name: string, snapshot: Snapshot): boolean {
		const scopes = this.types.scope;
		if (!scopes.subscription.active) return true;
		const id = serverOf(name);
		return scopes.acked.get(id) === snapshot.resources.scope.get(id)?.version && !scopes.isUnderWay(id);
	}

	/** When the scope may be sent: its cluster is warm, or has had its time. */
	private scopeOpensAt(scope: EncodedResource, snapshot: Snapshot, now: number): number {
		const clusters = this.types.cluster;
		const cluster = snapshot.resources.cluster.get(clusterName(scope.name));
		if (cluster === undefined || !clusters.subscription.active) return now;
		// Acknowledged, and no removal of it under way that would take it from under the scope.
		const isThere =
			clusters.acked.get(cluster.name) === cluster.version && clusters.sent.get(cluster.name) === cluster.version;
		if (isThere || clusters.isRefused(cluster.name, cluster.version)) return now;
		return (this.clusterSentAt.get(cluster.name) ?? now) + gateMs;
	}

	/** Whether Envoy has acknowledged all of the snapshot, but for what it refused. */
	isInSync(snapshot: Snapshot): boolean {
		return resourceTypes.every((type) => {
			const { upsert, remove } = this.difference(type, snapshot);
			return upsert.length === 0 && remove.length === 0 && this.types[type].outstanding.size === 0;
		});
	}

	/** Whether Envoy serves: it has taken up the listener and the scopes. */
	isServing(): boolean {
		const { listener, scope } = this.types;
		return listener.acked.size > 0 && scope.taken;
	}
}

/** The id of a cluster's server. */
function serverOf(cluster: string): string {
	return cluster.slice(clusterName("").length);
}

function lastSentAt(state: TypeState): number {
	let last = 0;
	for (const { sentAt } of state.outstanding.values()) last = Math.max(last, sentAt);
	return last;
}

/**
 * While suspects are looked for, one group of them a response; then everything that is left. What was refused before
 * is tried alone and after all else, so that it holds nobody up.
 */
function nextGroup(state: TypeState, { upsert, remove }: Difference): Difference {
	while (state.suspects.length > 0) {
		const group = new Set(state.suspects.shift());
		const some = only({ upsert, remove }, (name) => group.has(name));
		if (some.upsert.length + some.remove.length > 0) return some;
	}
	if (state.refused.size === 0) return { upsert, remove };
	const isRetry = (name: string, version: string | undefined) => state.isRefused(name, version);
	const fresh = only({ upsert, remove }, (name, version) => !isRetry(name, version));
	if (fresh.upsert.length + fresh.remove.length > 0) return fresh;
	return upsert.length > 0 ? { upsert: upsert.slice(0, 1), remove: [] } : { upsert: [], remove: remove.slice(0, 1) };
}

function only({ upsert, remove }: Difference, holds: (name: string, version?: string) => boolean): Difference {
	return {
		upsert: upsert.filter(({ name, version }) => holds(name, version)),
		remove: remove.filter((name) => holds(name)),
	};
}
