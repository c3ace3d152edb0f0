import type { EncodedResource, Resources } from "../snapshot/snapshot.ts";

/** A response that waits for its ACK or NACK. */
export interface Outstanding {
	readonly nonce: string;
	/** What it set; undefined is a removal. */
	readonly changes: ReadonlyMap<string, string | undefined>;
	readonly sentAt: number;
}

/** What Envoy refused of a resource, in Envoy's own words. */
export interface Refusal {
	readonly version: string;
	readonly message: string;
	readonly at: number;
}

/**
 * What one Envoy has of one resource type: what it asked for, what was sent, what it acknowledged and refused.
 * Holds for delta xDS: https://www.envoyproxy.io/docs/envoy/v1.40.0/api-docs/xds_protocol#incremental-xds
 */
export class TypeState {
	wildcard = false;
	private readonly allowsWildcard: boolean;
	readonly names = new Set<string>();
	/** Versions that Envoy has once it takes what is under way; a name that is absent it lacks. */
	readonly sent = new Map<string, string>();
	readonly acked = new Map<string, string>();
	readonly outstanding = new Map<string, Outstanding>();
	readonly refused = new Map<string, Refusal>();
	/** Groups of names that are sent one group a response, to find which of them Envoy refuses. */
	suspects: string[][] = [];
	/** Names to send again though their version has not changed: what they belong to was sent anew. */
	readonly stale = new Set<string>();
	/** Names that Envoy asked for and that do not exist: told once, as removed. */
	readonly missing = new Set<string>();
	/** A wildcard subscription is always answered, with nothing if need be: Envoy waits for it at start. */
	answered = false;
	/** Envoy has taken up a response at least once. */
	taken = false;
	private requested = false;

	/** @param allowsWildcard Whether a first request that names nothing asks for everything (not for endpoints, secrets). */
	constructor(allowsWildcard = true) {
		this.allowsWildcard = allowsWildcard;
	}

	/** Takes subscriptions and what Envoy brings from an earlier stream. */
	subscribe(add: readonly string[], remove: readonly string[], initial: Readonly<Record<string, string>>): void {
		const first = !this.requested;
		this.requested = true;
		if (first) {
			for (const [name, version] of Object.entries(initial)) {
				this.sent.set(name, version);
				this.acked.set(name, version);
			}
			// A first request that names nothing means everything (the legacy wildcard); an ACK later does not.
			if (add.length === 0) this.wildcard = this.allowsWildcard;
			if (Object.keys(initial).length > 0) {
				this.answered = true;
				this.taken = true;
			}
		}
		for (const name of add) {
			if (name === "*") {
				this.wildcard = true;
				continue;
			}
			this.names.add(name);
			// Asked for again, a resource is sent again though its version has not changed. What was brought along is known.
			if (!(first && Object.hasOwn(initial, name))) {
				this.sent.delete(name);
				this.missing.delete(name);
			}
		}
		for (const name of remove) {
			if (name === "*") this.wildcard = false;
			else {
				this.names.delete(name);
				if (!this.wildcard) this.forgetAll(name);
			}
			this.missing.delete(name);
		}
	}

	get active(): boolean {
		return this.requested;
	}

	wants(name: string): boolean {
		return this.wildcard || this.names.has(name);
	}

	/** Whether Envoy refused exactly this version. */
	isRefused(resource: EncodedResource): boolean {
		return this.refused.get(resource.name)?.version === resource.version;
	}

	/** Forgets refusals of versions that nobody wants any more. */
	forgive(desired: Resources): void {
		for (const [name, { version }] of this.refused) {
			if (desired.get(name)?.version !== version) this.refused.delete(name);
		}
	}

	/** Resources to send and names to remove so that Envoy has what it wants of `desired`. */
	difference(desired: Resources): { upsert: EncodedResource[]; remove: string[] } {
		const upsert: EncodedResource[] = [];
		const remove: string[] = [];
		if (!this.active) return { upsert, remove };
		const wanted = this.wildcard
			? desired.values()
			: [...this.names].flatMap((name) => {
					const resource = desired.get(name);
					return resource === undefined ? [] : [resource];
				});
		for (const resource of wanted) {
			const isDue = this.sent.get(resource.name) !== resource.version || this.stale.has(resource.name);
			if (isDue && !this.isRefused(resource)) upsert.push(resource);
		}
		// What was asked for by name (endpoints, secrets) goes when Envoy drops what needs it: not under its feet.
		if (this.wildcard) for (const name of this.sent.keys()) if (!desired.has(name)) remove.push(name);
		for (const name of this.names) {
			if (!desired.has(name) && !this.sent.has(name) && !this.missing.has(name)) remove.push(name);
		}
		return { upsert, remove };
	}

	/** Notes a response as sent. */
	send(nonce: string, upsert: readonly EncodedResource[], remove: readonly string[], now: number): void {
		const changes = new Map<string, string | undefined>();
		for (const { name, version } of upsert) {
			changes.set(name, version);
			this.sent.set(name, version);
			this.stale.delete(name);
			this.missing.delete(name);
		}
		for (const name of remove) {
			changes.set(name, undefined);
			this.sent.delete(name);
			this.stale.delete(name);
			if (this.names.has(name)) this.missing.add(name);
		}
		this.answered = true;
		this.outstanding.set(nonce, { nonce, changes, sentAt: now });
	}

	/** Takes an ACK. A nonce that is unknown is stale and means nothing. */
	ack(nonce: string): boolean {
		const response = this.outstanding.get(nonce);
		if (response === undefined) return false;
		this.outstanding.delete(nonce);
		this.taken = true;
		for (const [name, version] of response.changes) {
			if (version === undefined) this.acked.delete(name);
			else this.acked.set(name, version);
			this.refused.delete(name);
		}
		return true;
	}

	/**
	 * Takes a NACK. Names that Envoy's message holds are quarantined in that version; where it holds none, the response
	 * is cut in two until one resource is left.
	 * @param allOrNothing Envoy took nothing of the response and names nothing reliably (scoped routes); otherwise it
	 * took all but what it names (clusters).
	 */
	nack(nonce: string, message: string, allOrNothing: boolean, now: number): void {
		const response = this.outstanding.get(nonce);
		if (response === undefined) return;
		this.outstanding.delete(nonce);
		const names = [...response.changes.keys()];
		const named = allOrNothing ? [] : names.filter((name) => mentions(message, name));
		const guilty = names.length === 1 ? names : named;
		for (const name of names) {
			const version = response.changes.get(name);
			if (version === undefined) {
				// A removal is not refused for itself; it is tried again with the rest.
				if (allOrNothing || guilty.length === 0) this.sent.set(name, this.acked.get(name) ?? "");
				else this.acked.delete(name);
			} else if (guilty.includes(name)) {
				this.refused.set(name, { version, message, at: now });
				this.forget(name);
			} else if (allOrNothing || guilty.length === 0) {
				this.forget(name);
			} else {
				this.acked.set(name, version);
			}
		}
		if (guilty.length === 0) {
			const middle = Math.ceil(names.length / 2);
			this.suspects.unshift(names.slice(0, middle), names.slice(middle));
		}
	}

	private forgetAll(name: string): void {
		this.sent.delete(name);
		this.acked.delete(name);
	}

	/** Back to what Envoy is known to hold. */
	private forget(name: string): void {
		const before = this.acked.get(name);
		if (before === undefined) this.sent.delete(name);
		else this.sent.set(name, before);
	}
}

/** Whether the message names the resource as a whole word: `mcp/a` is not named by `mcp/a.b` nor by `mcp/ab`. */
function mentions(message: string, name: string): boolean {
	for (let from = message.indexOf(name); from !== -1; from = message.indexOf(name, from + 1)) {
		const around = `${message[from - 1] ?? " "}${message[from + name.length] ?? " "}`;
		if (!/[A-Za-z0-9_./-]/.test(around)) return true;
	}
	return false;
}
