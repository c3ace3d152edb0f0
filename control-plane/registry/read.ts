/** From a registry's text to plain values, fast; the tree with positions is made only when a fault needs words. */

import { contentFaults, MAX_DEPTH, SyntaxFault, type SyntaxNode, type TextFault, TOO_DEEP, toValue } from "./syntax.ts";
import { jsonTree } from "./syntax-json.ts";
import { yamlTree } from "./syntax-yaml.ts";

export const MAX_TEXT = 64 * 1024 * 1024;

export interface ReadText {
	readonly value: unknown;
	/** Faults beside which the value can still be checked: duplicate keys, halves of characters. */
	readonly faults: readonly TextFault[];
	readonly tree: () => SyntaxNode;
}

/** `empty` tells that nothing is wrong but that there is nothing. */
export type ReadResult = ReadText | { readonly fatal: readonly TextFault[]; readonly empty?: true };

const EMPTY = {
	fatal: [{ offset: 0, message: "The file is empty. Write servers into it, or `{}` for none." }],
	empty: true,
} as const;

const isFaults = (found: SyntaxNode | readonly TextFault[]): found is readonly TextFault[] => Array.isArray(found);

/** Colons outside of texts: one for each key of a JSON object. */
function countColons(text: string): number {
	let count = 0;
	let inText = false;
	for (let i = 0; i < text.length; i++) {
		const c = text.charCodeAt(i);
		if (c === 34) inText = !inText;
		else if (inText) i += c === 92 ? 1 : 0;
		else if (c === 58) count++;
	}
	return count;
}

/** Keys in a value of JSON, or -1 if it must be looked at with care. */
function countKeys(value: unknown, depth: number): number {
	if (typeof value !== "object" || value === null) return 0;
	if (depth > MAX_DEPTH) return -1;
	let count = 0;
	if (Array.isArray(value)) {
		for (const item of value) {
			const inner = countKeys(item, depth + 1);
			if (inner === -1) return -1;
			count += inner;
		}
		return count;
	}
	for (const key of Object.keys(value)) {
		const inner = key === "__proto__" ? -1 : countKeys(Reflect.get(value, key), depth + 1);
		if (inner === -1) return -1;
		count += 1 + inner;
	}
	return count;
}

function parseJson(text: string): { readonly value: unknown } | undefined {
	try {
		return { value: JSON.parse(text) };
	} catch {
		return undefined;
	}
}

/** Whether others can read it as JSON: no comments, no trailing commas. */
export function isStrictJson(text: string): boolean {
	return parseJson(text) !== undefined;
}

function fromTree(
	found: SyntaxNode | undefined | readonly TextFault[],
	lineOf: (offset: number) => number,
): ReadResult {
	if (found === undefined) return EMPTY;
	if (isFaults(found)) return { fatal: found };
	return { value: toValue(found), faults: contentFaults(found, lineOf), tree: () => found };
}

/** Runs a reader; recursive parsers end very deep nesting with a RangeError. */
function guarded(run: () => ReadResult): ReadResult {
	try {
		return run();
	} catch (error) {
		if (error instanceof SyntaxFault) return { fatal: [{ offset: error.offset, message: error.message }] };
		if (error instanceof RangeError) return { fatal: [{ offset: 0, message: TOO_DEEP }] };
		throw error;
	}
}

/** Brackets in a row that only an attack has; the YAML parser's time grows with the square of their number. */
const DEEP_FLOW = /(?:[[{]\s*){101}|(?:[-?] ){101}/;

function readYaml(text: string, lineOf: (offset: number) => number): ReadResult {
	const deep = DEEP_FLOW.exec(text);
	if (deep !== null) return { fatal: [{ offset: deep.index, message: TOO_DEEP }] };
	return guarded(() => fromTree(yamlTree(text), lineOf));
}

/** Escapes of surrogates: in pairs they are a character, alone they are a fault. */
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;

function readJson(text: string, lineOf: (offset: number) => number): ReadResult {
	const fast = parseJson(text);
	// With as many keys in the value as in the text no key was there twice.
	if (fast !== undefined && !SURROGATE_ESCAPE.test(text) && countKeys(fast.value, 1) === countColons(text)) {
		const tree = () => {
			const found = jsonTree(text);
			if (isFaults(found)) throw new Error("JSON that was read cannot be read again");
			return found;
		};
		return { value: fast.value, faults: [], tree };
	}
	return guarded(() => fromTree(jsonTree(text), lineOf));
}

/** Which of the two a text is, by its file's name or else by its beginning. */
export function isJson(text: string, file: string): boolean {
	if (/\.(?:json|jsonc)$/i.test(file)) return true;
	if (!/^\s*(?:\{|\/\/|\/\*)/.test(text)) return false;
	if (parseJson(text) !== undefined) return true;
	if (/\.ya?ml$/i.test(file)) return false;
	// Without a name that tells: a YAML file may begin with `{` too.
	const json = guarded(() => fromTree(jsonTree(text), () => 1));
	return !("fatal" in json) || "fatal" in readYaml(text, () => 1);
}

/** Reads JSON or YAML. `text` has no byte order mark any more. */
export function readText(text: string, file: string, lineOf: (offset: number) => number): ReadResult {
	if (text.length > MAX_TEXT) return { fatal: [{ offset: 0, message: "The file is larger than 64 MiB." }] };
	const nul = text.indexOf("\0");
	if (nul !== -1)
		return { fatal: [{ offset: nul, message: "The file holds a NUL byte. Is it a text file in UTF-8?" }] };
	if (text.trim() === "") return EMPTY;
	const result = isJson(text, file) ? readJson(text, lineOf) : readYaml(text, lineOf);
	return "fatal" in result && result.fatal.length === 0 ? EMPTY : result;
}
