import { BACKSLASH, CLOSE_BRACE, COMMA, fault, OPEN_BRACE, QUOTE, skipBlanks, skipKey, skipValue } from "./json.ts";

/** A member that is looked for: the slot that its span goes to, and what is looked for within if it is an object. */
export interface Field {
	readonly name: string;
	readonly slot: number;
	readonly within?: Shape;
}

export type Shape = readonly Field[];

/** The spans of the members of one object that are looked for, by slot; -1 where there is none. */
export class Members {
	readonly starts: number[];
	readonly ends: number[];
	/** The first member that came twice: parsers differ in which of them they take. */
	duplicate: string | undefined;
	readonly #bytes: Buffer;

	constructor(bytes: Buffer, slots: number) {
		this.#bytes = bytes;
		this.starts = new Array<number>(slots).fill(-1);
		this.ends = new Array<number>(slots).fill(-1);
	}

	/** Reads the object that starts at `start`; `depth` containers are open around it. Returns the offset behind it. */
	read(start: number, shape: Shape, depth: number): number {
		const bytes = this.#bytes;
		let at = skipBlanks(bytes, start + 1);
		if (bytes[at] === CLOSE_BRACE) return at + 1;
		for (;;) {
			const key = at;
			at = skipKey(bytes, key);
			const value = at;
			const field = fieldOf(bytes, key, shape);
			if (field === undefined) at = skipValue(bytes, value, depth + 1);
			else if (this.starts[field.slot] !== -1) {
				this.duplicate ??= field.name;
				at = skipValue(bytes, value, depth + 1);
			} else {
				this.starts[field.slot] = value;
				const inner = bytes[value] === OPEN_BRACE ? field.within : undefined;
				at = inner ? this.read(value, inner, depth + 1) : skipValue(bytes, value, depth + 1);
				this.ends[field.slot] = at;
			}
			at = skipBlanks(bytes, at);
			const next = bytes[at];
			if (next === CLOSE_BRACE) return at + 1;
			if (next !== COMMA) fault(bytes, at);
			at = skipBlanks(bytes, at + 1);
		}
	}
}

/** Compares what the key says, not how: `"\u0069d"` is `id` to whoever parses it. `key` is the offset of its quote. */
function fieldOf(bytes: Buffer, key: number, shape: Shape): Field | undefined {
	let end = key + 1;
	let plain = true;
	for (let byte = bytes[end]!; byte !== QUOTE; byte = bytes[end]!) {
		if (byte === BACKSLASH || byte >= 0x80) plain = false;
		end += byte === BACKSLASH ? 2 : 1;
	}
	if (!plain) {
		const name: unknown = JSON.parse(bytes.toString("utf8", key, end + 1));
		return shape.find((field) => field.name === name);
	}
	for (const field of shape) if (matches(bytes, key + 1, end, field.name)) return field;
	return undefined;
}

function matches(bytes: Buffer, start: number, end: number, name: string): boolean {
	if (end - start !== name.length) return false;
	for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name.charCodeAt(i)) return false;
	return true;
}
