/** From a registry's text to the model, or to every fault in it. */
import { changedMap, changedNames } from "../snapshot/overlay.ts";
import { besideWrapper, isMap, type Wrapper, wrapperOf } from "./dialect.ts";
import { MAX_ERRORS, readDocument } from "./document.ts";
import { type EntryResult, parseEntry } from "./entry.ts";
import { type Fault, jsonPointer } from "./fault.ts";
import type { ParseResult, Registry, Server } from "./model.ts";
import { type CutText, changedPieces, cutRegistry, ownCopy, readPiece } from "./pieces.ts";
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
	/** The text it was read from, where the registry could be cut into pieces; else empty. */
	readonly text: string;
	/** Its value: another text of the same value is the same server. */
	readonly value: string;
	readonly result: EntryResult;
}

type Servers = ReadonlyMap<string, Remembered>;

/** The last good registry, in the order of its text; how that was cut, where it could be. */
interface Memory {
	readonly servers: Servers;
	readonly cut?: CutText;
}

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
	const cut = { text, pieces };
	const { goneIds, come, last } = differences(memory, cut);
	const changes = new Map<string, Remembered | undefined>();
	for (const piece of come) {
		const own = text.slice(piece.from, piece.to);
		const known = memory.servers.get(piece.id);
		if (known?.text === own) continue;
		const value = readPiece(text, piece, pieces.language);
		const entry = remember(known, ownCopy(own), piece.id, value, undefined);
		if (!entry.result.ok) return undefined;
		changes.set(piece.id, entry);
	}
	const stay = goneIds.filter((id) => pieces.byId.has(id));
	for (const id of goneIds) if (!pieces.byId.has(id)) changes.set(id, undefined);
	const servers = changedMap(memory.servers, changes);
	// What is new comes last in the map.
	const inOrder = stay.every((id, place) => come[place]?.id === id) && (last || stay.length === come.length);
	return { cut, servers: inOrder ? servers : inOrderOf(pieces.byId.keys(), servers) };
}

/** Ids that have to be looked for in a text, and the pieces of it that have to be looked at. */
function differences(memory: Memory, cut: CutText) {
	if (memory.cut === undefined) {
		return { goneIds: [...memory.servers.keys()], come: [...cut.pieces.byId.values()], last: true };
	}
	const { before, after, last } = changedPieces(memory.cut, cut);
	return { goneIds: before.map(({ id }) => id), come: after, last };
}

function inOrderOf(ids: Iterable<string>, servers: Servers): Servers {
	return new Map(
		[...ids].flatMap((id) => {
			const entry = servers.get(id);
			return entry === undefined ? [] : [[id, entry]];
		}),
	);
}

/** The registry that a memory holds; made of the one before where the memory is. */
function registryOf(memory: Servers, before?: { readonly memory: Servers; readonly registry: Registry }): Registry {
	const names = before === undefined ? undefined : changedNames(before.memory, memory);
	// A server that was switched off has a place among the others that only a new map gives it.
	const wasOff = (id: string) => before?.memory.has(id) === true && !before.registry.servers.has(id);
	if (before !== undefined && names !== undefined && ![...names].some(wasOff)) {
		const changes = new Map([...names].map((id) => [id, serverOf(memory.get(id))] as const));
		return { servers: changedMap(before.registry.servers, changes) };
	}
	const servers = new Map<string, Server>();
	for (const [id, entry] of memory) {
		const server = serverOf(entry);
		if (server !== undefined) servers.set(id, server);
	}
	return { servers };
}

function serverOf(entry: Remembered | undefined): Server | undefined {
	return entry?.result.ok ? entry.result.server : undefined;
}

/** Makes a parser with a memory of its last good registry; see {@link RegistryParser}. */
export function createRegistryParser(): RegistryParser {
	let memory: Memory = { servers: new Map() };
	/** What {@link memory} was made into, where it was. */
	let made: { readonly memory: Servers; readonly registry: Registry } | undefined;
	let last: { readonly text: string; readonly file: string; readonly result: ParseResult } | undefined;
	const parse = (text: string, file: string): ParseResult => {
		const quick = parsePieces(text, file, memory);
		if (quick !== undefined) {
			memory = quick;
			made = { memory: memory.servers, registry: registryOf(memory.servers, made) };
			return { ok: true, registry: made.registry };
		}
		const next = new Map<string, Remembered>();
		const result = parseWith(text, file, (id, value, wrapper) => {
			const entry = remember(memory.servers.get(id), "", id, value, wrapper);
			if (entry.result.ok) next.set(id, entry);
			return entry.result;
		});
		if (result.ok) memory = { servers: next };
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
