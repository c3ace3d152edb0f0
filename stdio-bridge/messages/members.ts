import { BACKSLASH, CLOSE_BRACE, COMMA, JsonFault, type JsonText, MAX_DEPTH, OPEN_BRACE, QUOTE } from "./json.ts";

/** A member that is looked for: the slot that its span goes to, and what is looked for within if it is an object. */
export interface Field {
	readonly name: string;
	readonly slot: number;
	readonly within?: Shape;
}

export type Shape = readonly Field[];

/** The longest key that may be one of ours, each character of it spelled `\u0000`. */
const MAX_RAW_KEY = 6 * 40;

/** The spans of the members of one object that are looked for, by slot; -1 where there is none. */
export class Members {
	readonly starts: number[];
	readonly ends: number[];
	/** The first member that came twice: parsers differ in which of them they take. */
	duplicate: string | undefined;
	readonly #text: JsonText;

	constructor(text: JsonText, slots: number) {
		this.#text = text;
		this.starts = new Array<number>(slots).fill(-1);
		this.ends = new Array<number>(slots).fill(-1);
	}

	/** Reads the object that starts at `start`; `depth` containers are open around it. Returns the offset behind it. */
	read(start: number, shape: Shape, depth: number): number {
		const text = this.#text;
		const { bytes } = text;
		if (depth === MAX_DEPTH) throw new JsonFault(`Nested deeper than ${MAX_DEPTH}.`);
		let at = text.skipBlanks(start + 1);
		if (bytes[at] === CLOSE_BRACE) return at + 1;
		for (;;) {
			const key = at;
			at = text.skipKey(key);
			const value = at;
			const field = fieldOf(bytes, key, shape);
			if (field === undefined) at = text.skipValue(value, depth + 1);
			else if (this.starts[field.slot] !== -1) {
				this.duplicate ??= field.name;
				at = text.skipValue(value, depth + 1);
			} else {
				this.starts[field.slot] = value;
				const inner = bytes[value] === OPEN_BRACE ? field.within : undefined;
				at = inner ? this.read(value, inner, depth + 1) : text.skipValue(value, depth + 1);
				this.ends[field.slot] = at;
			}
			at = text.skipBlanks(at);
			const next = bytes[at];
			if (next === CLOSE_BRACE) return at + 1;
			if (next !== COMMA) text.fault(at);
			at = text.skipBlanks(at + 1);
		}
	}
}

/** Compares what the key says, not how: `"\u0069d"` is `id` to whoever parses it. `key` is the offset of its quote. */
function fieldOf(bytes: Buffer, key: number, shape: Shape): Field | undefined {
	let end = key + 1;
	let escaped = false;
	for (let byte = bytes[end]; byte !== QUOTE; byte = bytes[end]) {
		if (byte === BACKSLASH) {
			escaped = true;
			end++;
		}
		end++;
		if (end - key > MAX_RAW_KEY) return undefined;
	}
	if (escaped) {
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
