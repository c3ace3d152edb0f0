/** Edits of a registry's text that leave the rest of it, comments included, as it is. */
import { isDeepStrictEqual } from "node:util";
import { isMap, wrapperOf } from "./dialect.ts";
import { type Change, editJson } from "./edit-json.ts";
import { type Entries, editPieces } from "./edit-pieces.ts";
import { changes, editYaml } from "./edit-text.ts";
import type { RawEntry } from "./kind.ts";
import type { ParseResult, RegistryError } from "./model.ts";
import { parseRegistry } from "./parse.ts";
import { cutRegistry, readPiece } from "./pieces.ts";
import { isJson, readText } from "./read.ts";
import { didYouMean } from "./suggest.ts";
import { valueProblem } from "./syntax.ts";

/** Why an edit was refused. `absent`: no such server; `faulty`: the text, or what would become of it, has `errors`. */
export class RegistryEditError extends Error {
	readonly reason: "absent" | "faulty";
	readonly errors: readonly RegistryError[];
	constructor(reason: "absent" | "faulty", message: string, errors: readonly RegistryError[] = []) {
		super(message);
		this.name = "RegistryEditError";
		this.reason = reason;
		this.errors = errors;
	}
}

/** Checks the edited text; the file source's own parser remembers it for the read that follows. */
type Parse = (text: string, file: string) => ParseResult;

/** The registry's values as its text has them. */
interface Base {
	/** Byte order mark, kept. */
	readonly mark: string;
	readonly clean: string;
	/** All of the file, keys of other tools included; empty for an empty text. */
	readonly top: RawEntry;
	/** Where in `top` the servers are. */
	readonly wrapper: "mcpServers" | "servers" | undefined;
	readonly servers: RawEntry;
}

/** Reads the values to edit. Faults of single entries are let through: an edit may mend them. */
function baseOf(text: string, file: string): Base {
	const mark = text.startsWith("\uFEFF") ? "\uFEFF" : "";
	const clean = text.slice(mark.length);
	const read = readText(clean, file, () => 1);
	const empty = "fatal" in read && read.empty === true;
	if (!empty && ("fatal" in read || !isMap(read.value))) {
		const parsed = parseRegistry(text, file);
		const errors = parsed.ok ? [] : parsed.errors;
		throw new RegistryEditError("faulty", "The registry has faults; repair them first.", errors);
	}
	const top = "fatal" in read || !isMap(read.value) ? {} : read.value;
	const wrapper = wrapperOf(top);
	const inner = wrapper === undefined ? top : top[wrapper];
	return { mark, clean, top, wrapper, servers: isMap(inner) ? inner : {} };
}

/** Makes the text say `expected`, by the first of the lists of changes that does. */
function reach(base: Base, file: string, expected: RawEntry, lists: readonly (readonly Change[])[], parse: Parse) {
	const { mark, clean, top } = base;
	// `{}` in a YAML file is what is left of YAML when its last server goes.
	const yaml = !isJson(clean, file) || (/\.ya?ml$/i.test(file) && Object.keys(top).length === 0);
	for (const list of lists) {
		let edited: string;
		try {
			edited = list.length === 0 ? clean : (yaml ? editYaml : editJson)(clean, list);
		} catch {
			continue;
		}
		const again = readText(edited, file, () => 1);
		if ("fatal" in again || !isDeepStrictEqual(again.value, expected)) continue;
		return accepted(mark + edited, file, parse);
	}
	return undefined;
}

function accepted(text: string, file: string, parse: Parse): string {
	const result = parse(text, file);
	if (result.ok) return text;
	throw new RegistryEditError("faulty", "The registry would have faults after this edit.", result.errors);
}

const missing = (id: string, known: readonly string[]) =>
	new RegistryEditError("absent", `The registry has no server \`${id}\`.${didYouMean(id, known)}`);

/** The entries of these servers as the file has them; undefined for one that is not there. Throws as {@link editServers}. */
export function readEntries(text: string, file: string, ids: readonly string[]): ReadonlyMap<string, unknown> {
	const pieces = cutRegistry(text, file);
	const quick = ids.map((id) => {
		const piece = pieces?.byId.get(id);
		return [id, piece === undefined ? undefined : readPiece(text, piece, pieces!.language)] as const;
	});
	if (pieces !== undefined && quick.every(([id, entry]) => entry !== undefined || !pieces.byId.has(id))) {
		return new Map(quick);
	}
	const { servers } = baseOf(text, file);
	return new Map(ids.map((id) => [id, Object.hasOwn(servers, id) ? servers[id] : undefined]));
}

/**
 * Puts and removes (undefined) entries of servers, in whichever of the formats the file is; an empty text becomes a new
 * registry. Returns the new text. Throws {@link RegistryEditError} if the result would not be a registry without fault.
 */
export function editServers(text: string, file: string, entries: Entries, parse: Parse = parseRegistry): string {
	const problem = valueProblem(Object.fromEntries(entries));
	if (problem !== undefined) throw new RegistryEditError("faulty", problem);
	const pieces = cutRegistry(text, file);
	if (pieces !== undefined) {
		for (const [id, entry] of entries) {
			if (entry === undefined && !pieces.byId.has(id)) throw missing(id, [...pieces.byId.keys()]);
		}
		const quick = editPieces(text, file, entries);
		if (quick !== undefined) return accepted(quick, file, parse);
	}
	const base = baseOf(text, file);
	const { top, wrapper, servers } = base;
	const prefix = wrapper === undefined ? [] : [wrapper];
	const after: Record<string, unknown> = { ...servers };
	const whole: Change[] = [];
	const small: Change[] = [];
	for (const [id, entry] of entries) {
		if (entry === undefined && !Object.hasOwn(servers, id)) throw missing(id, Object.keys(servers));
		const path = [...prefix, id];
		whole.push({ path, value: entry });
		const before = Object.hasOwn(servers, id) ? servers[id] : undefined;
		if (entry === undefined || !isMap(before)) small.push({ path, value: entry });
		else small.push(...changes(path, before, entry));
		if (entry === undefined) delete after[id];
		else Object.defineProperty(after, id, { value: entry, enumerable: true, configurable: true, writable: true });
	}
	// Small changes keep more comments, but cannot reach into a YAML alias; then the entry is written anew.
	const expected = wrapper === undefined ? after : { ...top, [wrapper]: after };
	const edited = reach(base, file, expected, [small, whole], parse);
	if (edited !== undefined) return edited;
	const names = [...entries.keys()].map((id) => `\`${id}\``).join(", ");
	const which = entries.size === 1 ? names : `One of ${names}`;
	throw new RegistryEditError("faulty", `${which} shares a YAML anchor with another server. Edit the file by hand.`);
}

/** Makes a registry's text say these values, with the comments of what stays. Throws as {@link editServers} does. */
export function editValue(text: string, file: string, value: RawEntry, parse: Parse = parseRegistry): string {
	const base = baseOf(text, file);
	const keys = new Set([...Object.keys(base.top), ...Object.keys(value)]);
	const whole = [...keys].map((key) => ({ path: [key], value: Object.hasOwn(value, key) ? value[key] : undefined }));
	const small = Object.keys(value).length === 0 ? whole : changes([], base.top, value);
	const edited = reach(base, file, value, [small, whole], parse);
	if (edited !== undefined) return edited;
	if (Object.keys(value).length === 0) return accepted("{}\n", file, parse);
	throw new RegistryEditError("faulty", "The file's YAML anchors stand in the way. Replace it in its own format.");
}

/** Adds a server or replaces its entry. As {@link editServers}. */
export function setServer(text: string, file: string, id: string, rawEntry: RawEntry): string {
	// What JSON cannot say (undefined, dates) would not come back from the file as it went in.
	const plain: unknown = JSON.parse(JSON.stringify(rawEntry));
	return editServers(text, file, new Map([[id, isMap(plain) ? plain : {}]]));
}

/** Removes a server. As {@link editServers}. */
export function removeServer(text: string, file: string, id: string): string {
	return editServers(text, file, new Map([[id, undefined]]));
}
