/**
 * A registry's text cut at its servers, so that a change of one of ten thousand costs one. A text is only cut where each
 * piece means by itself what it means in the whole: strict JSON, or block-style YAML, in the gateway's own format.
 */
import { commonEnds } from "./common-ends.ts";
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

/** A text and how it was cut. */
export interface CutText {
	readonly text: string;
	readonly pieces: Pieces;
}

/** These may hold all servers instead of being one (see `dialect.ts`), and `__proto__` is refused with its line. */
const SPECIAL = ["mcpServers", "servers", "$schema", "__proto__"];

/** The last two texts: an edit looks at the one before it and at the one after it several times, and then it is read. */
let recent: readonly Recent[] = [];

interface Recent {
	readonly text: string;
	readonly file: string;
	readonly pieces: Pieces | undefined;
}

/** Cuts a text, or tells (undefined) that it is to be read as a whole. A text that is cut may still hold faults. */
export function cutRegistry(text: string, file: string): Pieces | undefined {
	const known = recent.find((one) => one.text === text && one.file === file);
	const found = known ?? { text, file, pieces: cut(text, file, recent[0]) };
	if (recent[0] !== found) recent = [found, ...recent.filter((one) => one !== found).slice(0, 1)];
	return found.pieces;
}

function cut(text: string, file: string, before: Recent | undefined): Pieces | undefined {
	const json = /\.(?:json|jsonc)$/i.test(file) || (/^\s*\{/.test(text) && isJson(text, file));
	const found = json ? cutJson(text, before) : cutYaml(text);
	if (found === undefined) return undefined;
	const byId = new Map<string, Piece>();
	for (const piece of found) byId.set(piece.id, piece);
	if (byId.size !== found.length || SPECIAL.some((id) => byId.has(id))) return undefined;
	return { language: json ? "json" : "yaml", byId };
}

/** A text apart from the longer one that it is a part of, which it would keep in memory. */
export function ownCopy(text: string): string {
	return Buffer.from(text).toString();
}

/** Where two texts differ. */
export interface ChangedPieces {
	readonly before: readonly Piece[];
	readonly after: readonly Piece[];
	/** No piece that both have comes behind them. */
	readonly last: boolean;
}

/** The pieces that two cut texts do not have in common at their beginnings and ends. */
export function changedPieces(before: CutText, after: CutText): ChangedPieces {
	const was = [...before.pieces.byId.values()];
	const is = [...after.pieces.byId.values()];
	if (before.pieces.language !== after.pieces.language) return { before: was, after: is, last: true };
	const { start, end } = commonEnds(before.text, after.text);
	const moved = after.text.length - before.text.length;
	const isSame = (one: Piece | undefined, other: Piece | undefined, by: number) =>
		one !== undefined && other !== undefined && one.from + by === other.from && one.to + by === other.to;
	let first = 0;
	while (isSame(was[first], is[first], 0) && was[first]!.to <= start) first++;
	let last = 0;
	const most = Math.min(was.length, is.length) - first;
	const endsFrom = before.text.length - end;
	while (last < most && isSame(was.at(-1 - last), is.at(-1 - last), moved) && was.at(-1 - last)!.from >= endsFrom)
		last++;
	return {
		before: was.slice(first, was.length - last),
		after: is.slice(first, is.length - last),
		last: last === 0,
	};
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

/** Pieces of the text before that another text has too: at its beginning, and (`moved` by so many units) at its end. */
interface Kept {
	readonly first: readonly Piece[];
	readonly last: readonly Piece[];
	readonly moved: number;
}

function keptOf(text: string, before: Recent | undefined): Kept {
	if (before?.pieces?.language !== "json") return { first: [], last: [], moved: 0 };
	const { start, end } = commonEnds(before.text, text);
	const all = [...before.pieces.byId.values()];
	const until = all.findIndex(({ to }) => to > start);
	const from = all.findLastIndex((piece) => piece.from < before.text.length - end) + 1;
	return {
		first: until === -1 ? all : all.slice(0, until),
		last: all.slice(from),
		moved: text.length - before.text.length,
	};
}

/**
 * The members of the one object that a strict JSON text is, if all their values are objects. Those that the text before
 * has at its beginning and at its end are not looked through again.
 */
function cutJson(text: string, before: Recent | undefined): Piece[] | undefined {
	const { first, last, moved } = keptOf(text, before);
	const pieces: Piece[] = [...first];
	let next = 0;
	let at = pieces.at(-1)?.to ?? 0;
	const skip = () => {
		while (isSpace(text.charCodeAt(at))) at++;
		return text[at];
	};
	if (pieces.length === 0) {
		if (skip() !== "{") return undefined;
		at++;
	}
	while (pieces.length === 0 || skip() === ",") {
		if (pieces.length > 0) at++;
		if (skip() !== '"') return undefined;
		while ((last[next]?.from ?? Number.POSITIVE_INFINITY) + moved < at) next++;
		if (last[next] !== undefined && last[next]!.from + moved === at) {
			for (const { id, from, to } of last.slice(next)) pieces.push({ id, from: from + moved, to: to + moved });
			at = pieces.at(-1)!.to;
			break;
		}
		const from = at;
		at = endOfText(text, at);
		if (at === -1) return undefined;
		const id = ownCopy(text.slice(from + 1, at - 1));
		if (!ID_PATTERN.test(id) || skip() !== ":") return undefined;
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
			id = ownCopy(key);
			from = start;
		} else if (id === undefined && code === 32 && text.slice(start, end).trim() !== "") return undefined;
		start = end + 1;
	}
	if (id === undefined) return undefined;
	pieces.push({ id, from, to: text.length });
	return pieces;
}
