/**
 * A registry's text cut at its servers, so that a change of one of ten thousand costs one. A text is only cut where each
 * piece means by itself what it means in the whole: strict JSON, or block-style YAML, in the gateway's own format.
 */
import { isMap } from "./dialect.ts";
import { ID_PATTERN } from "./names.ts";
import { isJson, readText } from "./read.ts";

/** One server's key and value: `text.slice(from, to)`. In YAML with the lines up to the next key. */
export interface Piece {
	readonly id: string;
	readonly from: number;
	readonly to: number;
}

export interface Pieces {
	readonly language: "json" | "yaml";
	/** In the order of the file. */
	readonly byId: ReadonlyMap<string, Piece>;
}

/** These may hold all servers instead of being one (see `dialect.ts`), and `__proto__` is refused with its line. */
const SPECIAL = new Set(["mcpServers", "servers", "$schema", "__proto__"]);

/** The last two texts: an edit looks at the one before it and at the one after it several times, and then it is read. */
let recent: readonly { readonly text: string; readonly file: string; readonly pieces: Pieces | undefined }[] = [];

/** Cuts a text, or tells (undefined) that it is to be read as a whole. A text that is cut may still hold faults. */
export function cutRegistry(text: string, file: string): Pieces | undefined {
	const known = recent.find((one) => one.text === text && one.file === file);
	const found = known ?? { text, file, pieces: cut(text, file) };
	if (recent[0] !== found) recent = [found, ...recent.filter((one) => one !== found).slice(0, 1)];
	return found.pieces;
}

function cut(text: string, file: string): Pieces | undefined {
	const json = /\.(?:json|jsonc)$/i.test(file) || (/^\s*\{/.test(text) && isJson(text, file));
	const found = json ? cutJson(text) : cutYaml(text);
	if (found === undefined) return undefined;
	const byId = new Map(found.map((piece) => [piece.id, piece]));
	if (byId.size !== found.length || found.some(({ id }) => SPECIAL.has(id))) return undefined;
	return { language: json ? "json" : "yaml", byId };
}

/** The entry that a piece holds; undefined where it has any fault. */
export function readPiece(text: string, { id, from, to }: Piece, language: Pieces["language"]): unknown {
	const own = text.slice(from, to);
	// An anchor may be used in another piece; both are too rare to be followed.
	if (language === "yaml" && /(?:^|[\s[{,:-])[&*!]/.test(own)) return undefined;
	const read = readText(language === "json" ? `{${own}}` : own, `piece.${language}`, () => 1);
	if ("fatal" in read || read.faults.length > 0 || !isMap(read.value)) return undefined;
	return Object.keys(read.value).length === 1 ? read.value[id] : undefined;
}

const QUOTE = 34;
const BACKSLASH = 92;
const isSpace = (code: number) => code === 32 || code === 10 || code === 13 || code === 9;

/** Offset behind the text whose opening quote is at `from`; -1 where it does not end. */
function endOfText(text: string, from: number): number {
	for (let end = text.indexOf('"', from + 1); end !== -1; end = text.indexOf('"', end + 1)) {
		let escapes = 0;
		while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes++;
		if (escapes % 2 === 0) return end + 1;
	}
	return -1;
}

/** Offset behind the map that opens at `from`; -1 where it does not end. What is in between is checked by its reader. */
function endOfMap(text: string, from: number): number {
	let depth = 0;
	for (let at = from; at < text.length; at++) {
		const code = text.charCodeAt(at);
		if (code === QUOTE) {
			const end = endOfText(text, at);
			if (end === -1) return -1;
			at = end - 1;
		} else if (code === 123) depth++;
		else if (code === 125 && --depth === 0) return at + 1;
		else if (code === 47) return -1; // a comment
	}
	return -1;
}

/** The members of the one object that a strict JSON text is, if all their values are objects. */
function cutJson(text: string): Piece[] | undefined {
	const pieces: Piece[] = [];
	let at = 0;
	const skip = () => {
		while (isSpace(text.charCodeAt(at))) at++;
		return text[at];
	};
	if (skip() !== "{") return undefined;
	at++;
	while (pieces.length === 0 || skip() === ",") {
		if (pieces.length > 0) at++;
		if (skip() !== '"') return undefined;
		const from = at;
		at = endOfText(text, at);
		const id = text.slice(from + 1, at - 1);
		if (at === -1 || !ID_PATTERN.test(id) || skip() !== ":") return undefined;
		at++;
		if (skip() !== "{") return undefined;
		at = endOfMap(text, at);
		if (at === -1) return undefined;
		pieces.push({ id, from, to: at });
	}
	if (skip() !== "}") return undefined;
	at++;
	return skip() === undefined ? pieces : undefined;
}

const KEY_LINE = /^([A-Za-z0-9._-]+):(?:[ \t\r]|$)/;

/**
 * The entries of a YAML map in block style whose keys begin their lines. Whatever else begins a line, but for comments,
 * could go on from the line before; then the text is not cut. Quotes, brackets and block texts that were cut through
 * leave pieces that cannot be read.
 */
function cutYaml(text: string): Piece[] | undefined {
	const pieces: Piece[] = [];
	let id: string | undefined;
	let from = 0;
	for (let start = 0; start < text.length; ) {
		const newline = text.indexOf("\n", start);
		const end = newline === -1 ? text.length : newline;
		const code = text.charCodeAt(start);
		// Indented, blank or a comment.
		if (code !== 32 && code !== 35 && start !== end && !(code === 13 && start + 1 === end)) {
			const key = KEY_LINE.exec(text.slice(start, end))?.[1];
			if (key === undefined) return undefined;
			if (id !== undefined) pieces.push({ id, from, to: start });
			id = key;
			from = start;
		} else if (id === undefined && code === 32 && text.slice(start, end).trim() !== "") return undefined;
		start = end + 1;
	}
	if (id === undefined) return undefined;
	pieces.push({ id, from, to: text.length });
	return pieces;
}
