/** A map that notes each name that is set or deleted. */
export class NotingMap<V> extends Map<string, V> {
	private readonly noted: Set<string>;

	constructor(noted: Set<string>) {
		super();
		this.noted = noted;
	}

	override set(name: string, value: V): this {
		this.noted.add(name);
		return super.set(name, value);
	}

	override delete(name: string): boolean {
		this.noted.add(name);
		return super.delete(name);
	}
}

/** A set that notes each name that is added or deleted. */
export class NotingSet extends Set<string> {
	private readonly noted: Set<string>;

	constructor(noted: Set<string>) {
		super();
		this.noted = noted;
	}

	override add(name: string): this {
		this.noted.add(name);
		return super.add(name);
	}

	override delete(name: string): boolean {
		this.noted.add(name);
		return super.delete(name);
	}
}
