import { changedNames } from "../snapshot/overlay.ts";
import type { EncodedResource, Resources } from "../snapshot/snapshot.ts";
import { NotingMap, NotingSet } from "./noting.ts";
import { isPartial, mentions, type Refusal, refusalOf } from "./refusals.ts";
import { Subscription } from "./subscription.ts";
import type { TypeTraits, Variant } from "./traits.ts";

/** A response that waits for its ACK or NACK. */
export interface Outstanding {
	readonly nonce: string;
	/** The snapshot it was made from. */
	readonly serial: number;
	/** What it set; undefined is a removal. */
	readonly changes: ReadonlyMap<string, string | undefined>;
	readonly sentAt: number;
}

/** What is to be sent and removed. */
export interface Difference {
	readonly upsert: EncodedResource[];
	readonly remove: string[];
}

/** Counts and moments (ms since the epoch) for status and metrics. */
export interface TypeCounts {
	acks: number;
	nacks: number;
	lastPushAt: number | undefined;
	lastAckAt: number | undefined;
	lastNackAt: number | undefined;
	/** From the last acknowledged response to its ACK, in ms. */
	lastRoundTripMs: number | undefined;
	/** Since when Envoy lacks something of this type; undefined: it has all. */
	behindSince: number | undefined;
}

/**
 * What one Envoy has of one resource type: what it asked for, what was sent, what it acknowledged and refused. Both
 * variants are kept in terms of changes; what a state-of-the-world response holds is {@link TypeState.sent}.
 * https://www.envoyproxy.io/docs/envoy/v1.40.0/api-docs/xds_protocol
 */
export class TypeState {
	readonly subscription: Subscription;
	/** Names whose difference may have changed since it was looked at; of ten thousand, those few. */
	private readonly touched = new Set<string>();
	/** What {@link touched} belongs to; with any other resources all names are looked at. */
	private looked: Resources | undefined;
	/** Versions that Envoy has once it takes what is under way; a name that is absent it lacks. */
	readonly sent = new NotingMap<string>(this.touched);
	readonly acked = new Map<string, string>();
	readonly outstanding = new Map<string, Outstanding>();
	readonly refused = new Map<string, Refusal>();
	/** Groups of names that are sent one group a response, to find which of them Envoy refuses. */
	suspects: string[][] = [];
	/** Names to send again though their version has not changed: what they belong to was sent anew. */
	readonly stale = new NotingSet(this.touched);
	/** Names that Envoy asked for and that do not exist: told once, as removed. */
	readonly missing = new NotingSet(this.touched);
	/** How often a name was part of a refused response, where that matters to its bytes. */
	readonly salts = new Map<string, number>();
	/** A wildcard subscription is always answered, with nothing if need be: Envoy waits for it at start. */
	answered = false;
	/** Envoy has taken up a response at least once. */
	taken = false;
	/** State-of-the-world: to be told once more without what it refused, so that it acknowledges what it holds. */
	restate = false;
	readonly counts: TypeCounts = {
		acks: 0,
		nacks: 0,
		lastPushAt: undefined,
		lastAckAt: undefined,
		lastNackAt: undefined,
		lastRoundTripMs: undefined,
		behindSince: undefined,
	};
	private readonly traits: TypeTraits;
	private readonly variant: Variant;
	/** Names that a wildcard may cover still; Envoy waits to hear whether it does. */
	private readonly owed = new NotingSet(this.touched);

	constructor(traits: TypeTraits, variant: Variant) {
		this.traits = traits;
		this.variant = variant;
		this.subscription = new Subscription(traits.byName);
	}

	/** Takes subscriptions of a delta request and what Envoy brings from an earlier stream. */
	subscribe(add: readonly string[], remove: readonly string[], initial: Readonly<Record<string, string>>): void {
		const first = !this.subscription.active;
		const { wildcard } = this.subscription;
		const { added, dropped } = this.subscription.change(add, remove);
		this.wishesChanged(wildcard, added, dropped);
		if (first) this.bring(Object.entries(initial));
		for (const name of added) {
			// Asked for again, a resource is sent again though its version has not changed. What was brought along is known.
			if (first && Object.hasOwn(initial, name)) continue;
			this.sent.delete(name);
			this.missing.delete(name);
		}
		for (const name of dropped) this.drop(name);
		if (remove.includes("*")) this.dropUnwanted();
	}

	/** Takes the names of a state-of-the-world request: those that are wanted, all of them. */
	subscribeTo(names: readonly string[]): void {
		const { wildcard } = this.subscription;
		const { added, dropped } = this.subscription.set(names);
		this.wishesChanged(wildcard, added, dropped);
		for (const name of dropped) this.drop(name);
		if (wildcard && !this.subscription.wildcard) this.dropUnwanted();
	}

	/** Notes as acknowledged what Envoy has from an earlier stream. */
	bring(versions: Iterable<readonly [name: string, version: string]>): void {
		for (const [name, version] of versions) {
			this.sent.set(name, version);
			this.acked.set(name, version);
			this.answered = true;
			this.taken = true;
		}
	}

	/** Whether Envoy refused exactly this version, or the removal. */
	isRefused(name: string, version: string | undefined): boolean {
		const refusal = this.refused.get(name);
		return refusal !== undefined && refusal.version === version;
	}

	/** Forgets refusals of what is not wanted any more. */
	forgive(desired: Resources): void {
		for (const [name, { version }] of this.refused) {
			const gone = version === undefined && !this.sent.has(name);
			if (gone || desired.get(name)?.version !== version) this.refused.delete(name);
		}
	}

	/** The resources of `desired` that Envoy asked for. */
	wanted(desired: Resources): EncodedResource[] {
		const { wildcard, names } = this.subscription;
		if (wildcard) return [...desired.values()];
		return [...names].flatMap((name) => desired.get(name) ?? []);
	}

	/**
	 * Resources to send and names to remove so that Envoy has what it wants of `desired`.
	 * @param mayRetry Whether something that Envoy refused is to be tried again.
	 */
	difference(desired: Resources, mayRetry: (refusal: Refusal) => boolean = () => false): Difference {
		const upsert: EncodedResource[] = [];
		const remove: string[] = [];
		if (!this.subscription.active) return { upsert, remove };
		if (this.looked !== desired) this.lookAt(desired);
		const isBarred = (name: string, version: string | undefined) => {
			const refusal = this.refused.get(name);
			return refusal !== undefined && refusal.version === version && !mayRetry(refusal);
		};
		for (const name of this.touched) {
			const resource = desired.get(name);
			// What is neither due nor to be removed has to be looked at again only when something about it changes.
			if (resource === undefined ? !this.isToRemove(name) : !this.isDue(resource)) this.touched.delete(name);
			else if (isBarred(name, resource?.version) && (resource !== undefined || this.sent.has(name))) continue;
			else if (resource === undefined) remove.push(name);
			else upsert.push(resource);
		}
		return { upsert, remove };
	}

	/** A resource that Envoy wants and lacks in this version. */
	private isDue({ name, version, provisional }: EncodedResource): boolean {
		if (provisional && this.sent.has(name)) return false;
		return this.subscription.wants(name) && (this.sent.get(name) !== version || this.stale.has(name));
	}

	/** Of a name that does not exist: Envoy has it, or waits to hear of it. */
	private isToRemove(name: string): boolean {
		// What was asked for by name (endpoints, secrets) goes when Envoy drops what needs it: not under its feet.
		if (this.sent.has(name)) return !this.traits.byName;
		if (this.variant === "sotw") return false;
		return this.owed.has(name) || (this.subscription.names.has(name) && !this.missing.has(name));
	}

	private lookAt(desired: Resources): void {
		const changed = this.looked === undefined ? undefined : changedNames(this.looked, desired);
		this.looked = desired;
		if (changed !== undefined) {
			for (const name of changed) this.touched.add(name);
			return;
		}
		for (const resource of this.wanted(desired)) if (this.isDue(resource)) this.touched.add(resource.name);
		for (const names of [this.sent.keys(), this.subscription.names, this.owed]) {
			for (const name of names) if (!desired.has(name)) this.touched.add(name);
		}
	}

	private wishesChanged(hadWildcard: boolean, added: readonly string[], dropped: readonly string[]): void {
		for (const name of [...added, ...dropped]) this.touched.add(name);
		if (hadWildcard !== this.subscription.wildcard) this.looked = undefined;
	}

	/** Notes a response as sent. */
	send(nonce: string, { upsert, remove }: Difference, serial: number, now: number): void {
		const changes = new Map<string, string | undefined>();
		if (this.variant === "sotw") {
			// The response says all that those before it said, and Envoy answers the last one only.
			for (const { changes: before } of this.outstanding.values()) for (const change of before) changes.set(...change);
			this.outstanding.clear();
		}
		for (const { name, version } of upsert) {
			changes.set(name, version);
			this.sent.set(name, version);
			this.stale.delete(name);
			this.missing.delete(name);
			this.owed.delete(name);
		}
		for (const name of remove) {
			changes.set(name, undefined);
			this.sent.delete(name);
			this.stale.delete(name);
			this.owed.delete(name);
			if (this.subscription.names.has(name)) this.missing.add(name);
		}
		this.answered = true;
		this.restate = false;
		this.counts.lastPushAt = now;
		this.outstanding.set(nonce, { nonce, serial, changes, sentAt: now });
	}

	/** Takes an ACK. A nonce that is unknown is stale and means nothing. */
	ack(nonce: string, now: number): boolean {
		const response = this.take(nonce);
		if (response === undefined) return false;
		this.taken = true;
		this.counts.acks += 1;
		this.counts.lastAckAt = now;
		this.counts.lastRoundTripMs = now - response.sentAt;
		for (const [name, version] of response.changes) this.settle(name, version);
		return true;
	}

	/**
	 * Takes a NACK. Names that Envoy's message holds are quarantined in that version; where it holds none, the response
	 * is cut in two until one resource is left.
	 */
	nack(nonce: string, message: string, now: number): boolean {
		const response = this.take(nonce);
		if (response === undefined) return false;
		this.counts.nacks += 1;
		this.counts.lastNackAt = now;
		const names = [...response.changes.keys()];
		const named = this.traits.namesCulprit ? names.filter((name) => mentions(message, name)) : [];
		const guilty = new Set(names.length === 1 ? names : named);
		const othersTaken = guilty.size > 0 && isPartial(message);
		for (const [name, version] of response.changes) {
			if (this.traits.salted) this.salts.set(name, (this.salts.get(name) ?? 0) + 1);
			if (guilty.has(name)) {
				const refusal = { version, message, now, serial: response.serial };
				this.refused.set(name, refusalOf(this.refused.get(name), refusal));
				this.forget(name);
			} else if (othersTaken) {
				this.settle(name, version);
			} else {
				this.forget(name);
				this.missing.delete(name);
			}
		}
		if (guilty.size === 0) {
			const middle = Math.ceil(names.length / 2);
			this.suspects.unshift(names.slice(0, middle), names.slice(middle));
		}
		// Not before Envoy has taken something: an empty first answer would tell it that there is nothing.
		this.restate = this.variant === "sotw" && !this.traits.byName && this.taken && names.length > 0;
		return true;
	}

	/** Whether a response that changes this resource waits for its answer. */
	isUnderWay(name: string): boolean {
		return [...this.outstanding.values()].some(({ changes }) => changes.has(name));
	}

	private take(nonce: string): Outstanding | undefined {
		const response = this.outstanding.get(nonce);
		this.outstanding.delete(nonce);
		return response;
	}

	private settle(name: string, version: string | undefined): void {
		if (version === undefined) this.acked.delete(name);
		else this.acked.set(name, version);
		if (this.isRefused(name, version)) this.refused.delete(name);
	}

	/** Envoy does not want the name any more; a wildcard may cover it still, and then Envoy is told whether it does. */
	private drop(name: string): void {
		this.missing.delete(name);
		if (this.subscription.wildcard) {
			if (this.variant === "sotw") return;
			this.sent.delete(name);
			this.owed.add(name);
			return;
		}
		this.sent.delete(name);
		this.acked.delete(name);
	}

	private dropUnwanted(): void {
		for (const name of new Set([...this.sent.keys(), ...this.acked.keys()])) {
			if (!this.subscription.wants(name)) this.drop(name);
		}
	}

	/** Back to what Envoy is known to hold. */
	private forget(name: string): void {
		const before = this.acked.get(name);
		if (before === undefined) this.sent.delete(name);
		else this.sent.set(name, before);
	}
}
