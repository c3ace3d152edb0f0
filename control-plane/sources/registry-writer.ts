/** Changes of a registry's text that take effect at once. */
import { hash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Registry } from "../registry/model.ts";
import { changedNames } from "../snapshot/overlay.ts";
import { type EditableSource, RegistryStoreError, type StoredText } from "./registry-source.ts";

/** The text at one moment; undefined where there is none. */
export type RegistryText = { readonly text: string; readonly digest: string } | undefined;

/** What a change came to: ids of servers, and the name of the new content. */
export interface RegistryChange {
	readonly digest: string;
	readonly added: readonly string[];
	readonly changed: readonly string[];
	readonly removed: readonly string[];
}

export interface RegistryWriter {
	readonly path: string;
	/** @throws RegistryStoreError where there is a text that cannot be read. */
	read(): Promise<RegistryText>;
	/**
	 * Gives the text as it is to `edit`, writes what that returns and makes it the registry in force. One change at a
	 * time; when somebody else changes the text meanwhile, `edit` is asked again with the new one. What `edit` throws
	 * ends it, with nothing changed. @throws RegistryStoreError
	 */
	update(edit: (now: RegistryText) => string): Promise<RegistryChange>;
}

/** Others write rarely; who writes all the time keeps everyone else from it. */
const MOST_ATTEMPTS = 20;

/** Makes the writer of a source; the source takes up what it writes before it notices by itself. */
export function createRegistryWriter(source: EditableSource): RegistryWriter {
	let last: Promise<unknown> = Promise.resolve();

	const write = async (edit: (now: RegistryText) => string): Promise<RegistryChange> => {
		const before = source.state.registry;
		for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
			const stored = await source.read();
			const now = textOf(stored);
			const text = edit(now);
			if (text !== now?.text && !(await source.put(text, stored.version))) continue;
			await source.reload();
			return { digest: hash("sha256", text), ...difference(before, source.state.registry) };
		}
		throw new RegistryStoreError(`The registry in ${source.path} changes all the time.`);
	};

	return {
		path: source.path,
		read: async () => textOf(await source.read()),
		update(edit) {
			const mine = last.then(() => write(edit));
			last = mine.catch(() => {});
			return mine;
		},
	};
}

function textOf({ text, digest }: StoredText): RegistryText {
	return text === undefined || digest === undefined ? undefined : { text, digest };
}

/** Ids that differ. A server that did not change is the same object, so this costs little. */
function difference(before: Registry | undefined, after: Registry | undefined): Omit<RegistryChange, "digest"> {
	const old: Registry["servers"] = before?.servers ?? new Map();
	const now: Registry["servers"] = after?.servers ?? new Map();
	const added: string[] = [];
	const changed: string[] = [];
	const removed: string[] = [];
	for (const id of changedNames(old, now) ?? new Set([...old.keys(), ...now.keys()])) {
		const was = old.get(id);
		const server = now.get(id);
		if (server === undefined) removed.push(id);
		else if (was === undefined) added.push(id);
		else if (was !== server && !isDeepStrictEqual(was, server)) changed.push(id);
	}
	return { added, changed, removed };
}
