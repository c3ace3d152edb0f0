/** Edits that touch the text of one server and cost nothing for the others; see `pieces.ts`. */
import { isDeepStrictEqual } from "node:util";
import { editJson } from "./edit-json.ts";
import { changes, editYaml } from "./edit-text.ts";
import type { RawEntry } from "./kind.ts";
import { cutRegistry, type Piece, type Pieces, readPiece } from "./pieces.ts";

/** Entries to put, by id; undefined removes what is there. */
export type Entries = ReadonlyMap<string, RawEntry | undefined>;

/** Each change reads the text once more; from this many on, one edit of the whole text is quicker. */
const MOST = 50;

/** The edited text, with the rest of it as it was, or undefined where the whole text has to be edited. Checked by reading it again. */
export function editPieces(text: string, file: string, entries: Entries): string | undefined {
	if (entries.size > MOST) return undefined;
	let edited = text;
	for (const [id, entry] of entries) {
		const pieces = cutRegistry(edited, file);
		const next = pieces === undefined ? undefined : editOne(edited, pieces, id, entry);
		if (next === undefined) return undefined;
		edited = next;
	}
	const before = cutRegistry(text, file);
	const after = cutRegistry(edited, file);
	if (before === undefined || after?.language !== before.language) return undefined;
	let count = before.byId.size;
	for (const [id, entry] of entries) {
		const piece = after.byId.get(id);
		const found = piece === undefined ? undefined : readPiece(edited, piece, after.language);
		if (!isDeepStrictEqual(found, entry)) return undefined;
		count += Number(entry !== undefined) - Number(before.byId.has(id));
	}
	return count === after.byId.size ? edited : undefined;
}

function editOne(
	text: string,
	{ language, byId }: Pieces,
	id: string,
	entry: RawEntry | undefined,
): string | undefined {
	const piece = byId.get(id);
	const edit = language === "json" ? jsonEdits : yamlEdits;
	if (piece === undefined) return entry === undefined ? text : edit.insert(text, [...byId.values()].at(-1), id, entry);
	const now = readPiece(text, piece, language);
	if (now === undefined) return undefined;
	if (entry !== undefined) return edit.change(text, piece, now, entry);
	// The last one leaves a file of its own kind of emptiness.
	return byId.size === 1 ? undefined : edit.remove(text, piece, [...byId.values()]);
}

interface Edits {
	change(text: string, piece: Piece, before: unknown, after: RawEntry): string | undefined;
	insert(text: string, last: Piece | undefined, id: string, entry: RawEntry): string | undefined;
	remove(text: string, piece: Piece, all: readonly Piece[]): string;
}

/** The part of a JSON object from a member on as an object of its own, laid out as it is in the whole. */
function inJson(text: string, from: number, to: number, closed: boolean, edit: (part: string) => string): string {
	const lead = text.slice(text.lastIndexOf("\n", from - 1) + 1, from);
	const open = /^[ \t]*$/.test(lead) && text.lastIndexOf("\n", from - 1) !== -1 ? `{${lineEnd(text)}${lead}` : "{";
	const close = closed ? "" : "}";
	const edited = edit(open + text.slice(from, to) + close);
	return text.slice(0, from) + edited.slice(open.length, edited.length - close.length) + text.slice(to);
}

const lineEnd = (text: string) => (text[text.indexOf("\n") - 1] === "\r" ? "\r\n" : "\n");

const jsonEdits: Edits = {
	change: (text, { id, from, to }, before, after) =>
		inJson(text, from, to, false, (part) => editJson(part, changes([id], before, after))),
	insert(text, last, id, entry) {
		if (last === undefined) return undefined;
		return inJson(text, last.from, text.length, true, (part) => editJson(part, [{ path: [id], value: entry }]));
	},
	remove(text, piece, all) {
		const at = all.indexOf(piece);
		const next = all[at + 1];
		if (next !== undefined) return text.slice(0, piece.from) + text.slice(next.from);
		return text.slice(0, all[at - 1]?.to) + text.slice(piece.to);
	},
};

const isBlank = (line: string) => line.trim() === "";

/** Goes back over whole lines from an offset for as long as they are of a kind, and not before another offset. */
function backOver(text: string, from: number, notBefore: number, isOfKind: (line: string) => boolean): number {
	let at = from;
	while (at > notBefore) {
		const start = at < 2 ? 0 : text.lastIndexOf("\n", at - 2) + 1;
		if (start < notBefore || !isOfKind(text.slice(start, at))) break;
		at = start;
	}
	return at;
}

/** Where a YAML piece's own lines end: blank lines and comments behind them stand for themselves. */
const ownEnd = (text: string, { from, to }: Piece) =>
	backOver(text, to, from, (line) => isBlank(line) || line.startsWith("#"));

const yamlEdits: Edits = {
	change(text, piece, before, after) {
		const end = ownEnd(text, piece);
		const list = changes([piece.id], before, after);
		if (list.length === 0) return text;
		return text.slice(0, piece.from) + editYaml(text.slice(piece.from, end), list, text) + text.slice(end);
	},
	insert(text, _last, id, entry) {
		const put = editYaml("{}", [{ path: [id], value: entry }], text);
		return text.endsWith("\n") ? text + put : `${text}${lineEnd(text)}${put}`;
	},
	remove(text, piece, all) {
		// A comment right above the key is about it; the one above the first key may be about the whole file.
		const isFirst = piece === all[0];
		const from = isFirst ? piece.from : backOver(text, piece.from, 0, (line) => line.startsWith("#"));
		const rest = text.slice(ownEnd(text, piece));
		const blankFrom = backOver(text, from, 0, isBlank);
		if (rest === "") return text.slice(0, blankFrom);
		// The blank lines above and below would add up.
		const joined = blankFrom < from || isFirst ? rest.replace(/^(?:[ \t]*\r?\n)+/, "") : rest;
		return text.slice(0, from) + joined;
	},
};
