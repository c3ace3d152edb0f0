/** Edits of a registry's text that leave the rest of it, comments included, as it is. */
import { isDeepStrictEqual } from "node:util";
import { isMap as isYamlMap, parseDocument } from "yaml";
import { isMap, wrapperOf } from "./dialect.ts";
import { type Change, editJson } from "./edit-json.ts";
import type { RawEntry } from "./kind.ts";
import type { RegistryError } from "./model.ts";
import { parseRegistry } from "./parse.ts";
import { isJson, readText } from "./read.ts";
import { didYouMean } from "./suggest.ts";

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

/** The smallest changes that turn one value into the other: what stays untouched keeps its comments. */
function changes(path: readonly string[], before: unknown, after: unknown): readonly Change[] {
	if (isDeepStrictEqual(before, after)) return [];
	if (!isMap(before) || !isMap(after) || Object.keys(after).length === 0) return [{ path, value: after }];
	const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
	return [...keys].flatMap((key) => {
		const inner = [...path, key];
		if (!Object.hasOwn(after, key)) return [{ path: inner, value: undefined }];
		return Object.hasOwn(before, key) ? changes(inner, before[key], after[key]) : [{ path: inner, value: after[key] }];
	});
}

function editYaml(text: string, list: readonly Change[]): string {
	const doc = parseDocument(text, { version: "1.2", uniqueKeys: false, stringKeys: true });
	for (const { path, value } of list) {
		if (value === undefined) {
			doc.deleteIn(path);
			continue;
		}
		const parent = path.length === 1 ? doc.contents : doc.getIn(path.slice(0, -1), true);
		// An empty map is written `{}`; left so, it would make what is put into it one long line.
		if (isYamlMap(parent) && parent.items.length === 0) parent.flow = false;
		doc.setIn(path, doc.createNode(value));
	}
	const indent = /\n( +)[^\s#-]/.exec(text)?.[1]?.length ?? 2;
	const edited = doc.toString({ lineWidth: 0, indent, flowCollectionPadding: !/\{\S/.test(text) });
	return text.includes("\r\n") ? edited.replace(/\r?\n/g, "\r\n") : edited;
}

function edit(text: string, file: string, id: string, entry: RawEntry | undefined): string {
	const mark = text.startsWith("\uFEFF") ? "\uFEFF" : "";
	const clean = text.slice(mark.length);
	const read = readText(clean, file, () => 1);
	const empty = "fatal" in read && read.empty === true;
	const parsed = empty ? undefined : parseRegistry(text, file);
	if (parsed?.ok === false && ("fatal" in read || !isMap(read.value))) {
		throw new RegistryEditError("faulty", "The registry has faults; repair them first.", parsed.errors);
	}
	const top = "fatal" in read || !isMap(read.value) ? {} : read.value;
	const wrapper = wrapperOf(top);
	const prefix = wrapper === undefined ? [] : [wrapper];
	const inner = wrapper === undefined ? top : top[wrapper];
	const servers = isMap(inner) ? inner : {};
	if (entry === undefined && !Object.hasOwn(servers, id)) {
		const hint = didYouMean(id, Object.keys(servers));
		throw new RegistryEditError("absent", `The registry has no server \`${id}\`.${hint}`);
	}
	const { [id]: before, ...others } = servers;
	const expected = entry === undefined ? others : { ...others, [id]: entry };
	const whole: readonly Change[] = [{ path: [...prefix, id], value: entry }];
	const small = entry === undefined || !isMap(before) ? whole : changes([...prefix, id], before, entry);
	// `{}` in a YAML file is what is left of YAML when its last server goes.
	const yaml = !isJson(clean, file) || (/\.ya?ml$/i.test(file) && Object.keys(top).length === 0);
	const apply = yaml ? editYaml : editJson;
	// Small changes keep more comments, but cannot reach into a YAML alias; then the entry is written anew.
	for (const list of small === whole ? [whole] : [small, whole]) {
		let edited: string;
		try {
			edited = list.length === 0 ? clean : apply(clean, list);
		} catch {
			continue;
		}
		const again = readText(edited, file, () => 1);
		const reached = wrapper === undefined ? expected : { ...top, [wrapper]: expected };
		if ("fatal" in again || !isDeepStrictEqual(again.value, reached)) continue;
		const result = parseRegistry(edited, file);
		if (result.ok) return mark + edited;
		throw new RegistryEditError("faulty", "The registry would have faults after this edit.", result.errors);
	}
	const message = `The server \`${id}\` shares a YAML anchor with another one. Edit the file by hand.`;
	throw new RegistryEditError("faulty", message);
}

/**
 * Adds a server or replaces its entry, in whichever of the formats the file is; an empty text becomes a new registry.
 * Returns the new text. Throws {@link RegistryEditError} if the result would not be a registry without fault.
 */
export function setServer(text: string, file: string, id: string, rawEntry: RawEntry): string {
	// What JSON cannot say (undefined, dates) would not come back from the file as it went in.
	const plain: unknown = JSON.parse(JSON.stringify(rawEntry));
	return edit(text, file, id, isMap(plain) ? plain : {});
}

/** Removes a server. Returns the new text; throws {@link RegistryEditError} (`absent`, `faulty`). */
export function removeServer(text: string, file: string, id: string): string {
	return edit(text, file, id, undefined);
}
