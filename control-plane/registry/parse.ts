/** From a registry's text to the model, or to every fault in it. */
import { besideWrapper, isMap, type Wrapper, wrapperOf } from "./dialect.ts";
import { MAX_ERRORS, readDocument } from "./document.ts";
import { type EntryResult, parseEntry } from "./entry.ts";
import { type Fault, jsonPointer } from "./fault.ts";
import type { ParseResult, Server } from "./model.ts";
import { cutRegistry, readPiece } from "./pieces.ts";
import { MAX_TEXT } from "./read.ts";

type EntryParser = (id: string, value: unknown, wrapper: Wrapper) => EntryResult;

interface Checked {
	readonly servers: Map<string, Server>;
	readonly faults: readonly Fault[];
}

const notAMap = (value: unknown): string => {
	const found = Array.isArray(value) ? ", not a list" : "";
	return `A registry is a map from server id to server${found}. Write for example \`my-server: {endpoint: http://host:8080/mcp}\`.`;
};

function check(value: unknown, parse: EntryParser): Checked {
	const servers = new Map<string, Server>();
	if (!isMap(value)) return { servers, faults: [{ path: [], at: "value", message: notAMap(value) }] };
	const wrapper = wrapperOf(value);
	const inner = wrapper === undefined ? value : value[wrapper];
	const faults: Fault[] = wrapper === undefined ? [] : [...besideWrapper(value, wrapper)];
	for (const id of isMap(inner) ? Object.keys(inner) : []) {
		const entry = Reflect.get(inner as object, id);
		if (id === "$schema" && wrapper === undefined && typeof entry === "string") continue;
		const result = parse(id, entry, wrapper);
		if (!result.ok) {
			const prefix = wrapper === undefined ? [id] : [wrapper, id];
			for (const fault of result.faults) faults.push({ ...fault, path: [...prefix, ...fault.path] });
		} else if (result.server !== undefined) servers.set(id, result.server);
		// More than are shown, but not without end: a large wrong file would take long.
		if (faults.length > MAX_ERRORS) break;
	}
	return { servers, faults };
}

function parseWith(text: string, file: string, parse: EntryParser): ParseResult {
	const read = readDocument(text, file, (value) => {
		const { servers, faults } = check(value, parse);
		return { value: { servers }, faults: faults.map((fault) => ({ ...fault, pointer: jsonPointer(fault.path) })) };
	});
	return read.ok ? { ok: true, registry: read.value } : read;
}

/**
 * Parses a registry: JSON (comments and trailing commas allowed) or YAML 1.2, in the gateway's own format, with
 * `mcpServers` or with `servers`. Pure; never throws on any text. `file` is for messages and, by its ending, for
 * telling JSON from YAML. At most 100 faults are told, in the order of the file; none repeats a value.
 */
export function parseRegistry(text: string, file: string): ParseResult {
	return parseWith(text, file, parseEntry);
}

/** A parser that remembers: a server whose entry did not change is the same object in the next registry. */
export interface RegistryParser {
	parse(text: string, file: string): ParseResult;
}

interface Remembered {
	/**
	 * The text it was read from, where the registry could be cut into pieces; else empty. Always a part of the newest
	 * text: a part of an older one would keep the whole of that in memory.
	 */
	text: string;
	/** Its value: another text of the same value is the same server. */
	readonly value: string;
	readonly result: EntryResult;
}

type Memory = ReadonlyMap<string, Remembered>;

function remember(
	before: Remembered | undefined,
	text: string,
	id: string,
	value: unknown,
	wrapper: Wrapper,
): Remembered {
	const written = `${wrapper ?? ""} ${JSON.stringify(value)}`;
	const result = before?.value === written ? before.result : parseEntry(id, value, wrapper);
	return { text, value: written, result };
}

/** Reads what has changed and nothing else; undefined where the text must be read as a whole, as for any fault. */
function parsePieces(text: string, file: string, memory: Memory): Memory | undefined {
	if (text.length > MAX_TEXT || text.includes("\0")) return undefined;
	const pieces = cutRegistry(text, file);
	if (pieces === undefined) return undefined;
	const next = new Map<string, Remembered>();
	for (const piece of pieces.byId.values()) {
		const own = text.slice(piece.from, piece.to);
		let entry = memory.get(piece.id);
		if (entry?.text === own) entry.text = own;
		else entry = remember(entry, own, piece.id, readPiece(text, piece, pieces.language), undefined);
		if (!entry.result.ok) return undefined;
		next.set(piece.id, entry);
	}
	return next;
}

function registryOf(memory: Memory): ParseResult {
	const servers = new Map<string, Server>();
	for (const [id, { result }] of memory) if (result.ok && result.server !== undefined) servers.set(id, result.server);
	return { ok: true, registry: { servers } };
}

/** Makes a parser with a memory of its last good registry; see {@link RegistryParser}. */
export function createRegistryParser(): RegistryParser {
	let memory: Memory = new Map();
	let last: { readonly text: string; readonly file: string; readonly result: ParseResult } | undefined;
	const parse = (text: string, file: string): ParseResult => {
		const quick = parsePieces(text, file, memory);
		if (quick !== undefined) {
			memory = quick;
			return registryOf(quick);
		}
		const next = new Map<string, Remembered>();
		const result = parseWith(text, file, (id, value, wrapper) => {
			const entry = remember(memory.get(id), "", id, value, wrapper);
			if (entry.result.ok) next.set(id, entry);
			return entry.result;
		});
		if (result.ok) memory = next;
		return result;
	};
	return {
		parse(text, file) {
			if (last?.text === text && last.file === file) return last.result;
			const result = parse(text, file);
			last = result.ok ? { text, file, result } : undefined;
			return result;
		},
	};
}
