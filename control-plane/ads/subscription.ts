/** What one Envoy has asked for of one resource type: everything, or names, or both. */
export class Subscription {
	/** All resources of the type are wanted. */
	wildcard = false;
	readonly names = new Set<string>();
	private readonly byName: boolean;
	private requested = false;
	/** Once a name was asked for, an empty list means nothing; until then it means everything. */
	private named = false;

	/** @param byName A first request that names nothing asks for nothing, not for everything. */
	constructor(byName: boolean) {
		this.byName = byName;
	}

	/** Envoy has asked for this type at least once. */
	get active(): boolean {
		return this.requested;
	}

	wants(name: string): boolean {
		return this.wildcard || this.names.has(name);
	}

	/**
	 * Takes the names of a delta request. The first one that names nothing is the legacy wildcard; an ACK later is not.
	 * @returns Names that are wanted anew, and those that are not wanted by name any more.
	 */
	change(add: readonly string[], remove: readonly string[]): { added: string[]; dropped: string[] } {
		if (!this.requested && add.length === 0) this.wildcard = !this.byName;
		this.requested = true;
		for (const name of add) {
			if (name === "*") this.wildcard = true;
			else this.names.add(name);
		}
		const dropped: string[] = [];
		for (const name of remove) {
			if (name === "*") this.wildcard = false;
			// What was never asked for cannot be given up.
			else if (this.names.delete(name)) dropped.push(name);
		}
		return { added: add.filter((name) => name !== "*" && this.names.has(name)), dropped };
	}

	/** Takes the whole list of names of a state-of-the-world request. @returns As {@link change}. */
	set(list: readonly string[]): { added: string[]; dropped: string[] } {
		this.requested = true;
		const names = new Set(list);
		const hasStar = names.delete("*");
		if (list.length > 0) this.named = true;
		this.wildcard = hasStar || (!this.named && !this.byName);
		const dropped = [...this.names].filter((name) => !names.has(name));
		const added = [...names].filter((name) => !this.names.has(name));
		for (const name of dropped) this.names.delete(name);
		for (const name of added) this.names.add(name);
		return { added, dropped };
	}
}
