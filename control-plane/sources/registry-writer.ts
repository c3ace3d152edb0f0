/** Changes of a registry file that take effect at once. */
import { hash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Registry } from "../registry/model.ts";
import { fileState, writeFileAtomic } from "../registry/write-file-atomic.ts";
import { changedNames } from "../snapshot/overlay.ts";
import { type FileSource, registryWords } from "./file-source.ts";
import { readTextFile } from "./read-file.ts";

/** The file at one moment; undefined where it does not exist. */
export type RegistryText = { readonly text: string; readonly digest: string } | undefined;

/** What a change came to: ids of servers, and the name of the file's new content. */
export interface RegistryChange {
	readonly digest: string;
	readonly added: readonly string[];
	readonly changed: readonly string[];
	readonly removed: readonly string[];
}

/** The file cannot be read or written; the message says why. */
export class RegistryFileError extends Error {}

export interface RegistryWriter {
	readonly path: string;
	/** @throws RegistryFileError where there is a file that cannot be read. */
	read(): RegistryText;
	/**
	 * Gives the file as it is to `edit`, writes what that returns and makes it the registry in force. One change at a
	 * time; when another process changes the file meanwhile, `edit` is asked again with the new text. What `edit` throws
	 * ends it, with nothing changed. @throws RegistryFileError
	 */
	update(edit: (now: RegistryText) => string): Promise<RegistryChange>;
}

const WRITE_REASONS: Readonly<Record<string, string>> = {
	EACCES: "The registry's file or its folder may not be written by the gateway.",
	EPERM: "The registry's file or its folder may not be written by the gateway.",
	EROFS: "The registry's file is on a read-only file system.",
	EBUSY: "The registry's file is mounted by itself, so it cannot be replaced. Mount its folder instead.",
	ENOSPC: "There is no space left for the registry's file.",
};

/** Others write rarely; who writes all the time keeps everyone else from it. */
const MOST_ATTEMPTS = 20;

/** Makes the writer of a source's file; the source takes up what it writes before the watcher notices. */
export function createRegistryWriter(source: FileSource): RegistryWriter {
	let last: Promise<unknown> = Promise.resolve();

	const read = (): RegistryText => {
		const content = readTextFile(source.path, registryWords);
		if (content.ok) return content;
		if (content.absent === true) return undefined;
		throw new RegistryFileError(content.message);
	};

	const write = async (edit: (now: RegistryText) => string): Promise<RegistryChange> => {
		const before = source.state.registry;
		for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
			const state = fileState(source.path);
			const now = read();
			const text = edit(now);
			if (text !== now?.text && !(await put(source.path, text, state))) continue;
			await source.reload();
			return { digest: hash("sha256", text), ...difference(before, source.state.registry) };
		}
		throw new RegistryFileError("The registry's file changes all the time.");
	};

	return {
		path: source.path,
		read,
		update(edit) {
			const mine = last.then(() => write(edit));
			last = mine.catch(() => {});
			return mine;
		},
	};
}

async function put(path: string, text: string, expected: string): Promise<boolean> {
	try {
		return await writeFileAtomic(path, text, expected);
	} catch (error) {
		const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
		throw new RegistryFileError(WRITE_REASONS[code] ?? `The registry's file cannot be written (${code}).`);
	}
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
