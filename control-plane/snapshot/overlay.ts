/** Maps of which one is made of another: with ten thousand servers a change of one must not cost a copy of all. */

/** Differences that an overlay holds before it is made one map again: a copy of so many is nothing, and so rare is rare. */
const MOST_CHANGES = 256;

/** A map as another one with some entries changed; entries keep their places, and new ones come last. Never changed. */
class Overlay<V> implements ReadonlyMap<string, V> {
	readonly base: ReadonlyMap<string, V>;
	/** What differs from the base; undefined is gone. */
	readonly changes: ReadonlyMap<string, V | undefined>;
	readonly size: number;

	constructor(base: ReadonlyMap<string, V>, changes: ReadonlyMap<string, V | undefined>, size: number) {
		this.base = base;
		this.changes = changes;
		this.size = size;
	}

	get(key: string): V | undefined {
		return this.changes.has(key) ? this.changes.get(key) : this.base.get(key);
	}

	has(key: string): boolean {
		return this.changes.has(key) ? this.changes.get(key) !== undefined : this.base.has(key);
	}

	*entries(): MapIterator<[string, V]> {
		const { base, changes } = this;
		for (const entry of base) {
			if (!changes.has(entry[0])) yield entry;
			else {
				const value = changes.get(entry[0]);
				if (value !== undefined) yield [entry[0], value];
			}
		}
		for (const [key, value] of changes) if (value !== undefined && !base.has(key)) yield [key, value];
	}

	*keys(): MapIterator<string> {
		const { base, changes } = this;
		for (const key of base.keys()) if (!changes.has(key) || changes.get(key) !== undefined) yield key;
		for (const [key, value] of changes) if (value !== undefined && !base.has(key)) yield key;
	}

	*values(): MapIterator<V> {
		for (const [, value] of this.entries()) yield value;
	}

	[Symbol.iterator](): MapIterator<[string, V]> {
		return this.entries();
	}

	forEach(callback: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
		for (const [key, value] of this.entries()) callback(value, key, this);
	}
}

/** Which names differ between a map and the one that it was made of; weakly, or every one of them would stay. */
const steps = new WeakMap<object, { readonly before: WeakRef<object>; readonly names: ReadonlySet<string> }>();

/** Names that may differ between the two, where that is known without looking: the second was made of the first. */
export function changedNames<V>(
	before: ReadonlyMap<string, V>,
	after: ReadonlyMap<string, V>,
): ReadonlySet<string> | undefined {
	if (before === after) return none;
	const step = steps.get(after);
	return step?.before.deref() === before ? step.names : undefined;
}

const none: ReadonlySet<string> = new Set();

/** The map with some entries put in or, where the value is undefined, taken out. Without any it stays the same object. */
export function changedMap<V extends object>(
	before: ReadonlyMap<string, V>,
	changes: ReadonlyMap<string, V | undefined>,
): ReadonlyMap<string, V> {
	if (changes.size === 0) return before;
	const after = overlay(before, changes) ?? copy(before, changes);
	steps.set(after, { before: new WeakRef(before), names: new Set(changes.keys()) });
	return after;
}

function overlay<V extends object>(
	before: ReadonlyMap<string, V>,
	changes: ReadonlyMap<string, V | undefined>,
): ReadonlyMap<string, V> | undefined {
	if (changes.size > MOST_CHANGES) return undefined;
	const base = before instanceof Overlay ? (before.base as ReadonlyMap<string, V>) : before;
	const merged = new Map<string, V | undefined>(before instanceof Overlay ? before.changes : []);
	let { size } = before;
	for (const [key, value] of changes) {
		const was = before.has(key);
		// What comes again comes last, not in its old place.
		if (!was && value !== undefined && base.has(key)) return undefined;
		if (value === undefined && !base.has(key)) merged.delete(key);
		else merged.set(key, value);
		size += Number(value !== undefined) - Number(was);
	}
	return merged.size > MOST_CHANGES ? undefined : new Overlay(base, merged, size);
}

function copy<V extends object>(
	before: ReadonlyMap<string, V>,
	changes: ReadonlyMap<string, V | undefined>,
): ReadonlyMap<string, V> {
	const after = new Map(before);
	for (const [key, value] of changes) {
		if (value === undefined) after.delete(key);
		else after.set(key, value);
	}
	return after;
}
