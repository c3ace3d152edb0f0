/** Reads a file of a person's, or says why it cannot be read. */
import { hash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { MAX_TEXT } from "../registry/read.ts";

/** The text and a name for its content, or what is wrong with the file. */
export type FileContent =
	| { readonly ok: true; readonly text: string; readonly digest: string }
	| { readonly ok: false; readonly message: string; readonly absent?: true };

/** What messages call the file, and the option that names it. */
export interface FileWords {
	readonly noun: string;
	readonly option: string;
}

function reason(error: unknown, { noun, option }: FileWords): string {
	const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
	switch (code) {
		case "ENOENT":
			return `The ${noun} does not exist. Create it, or name another one with \`${option} FILE\`.`;
		case "EACCES":
			return `The ${noun} may not be read. Check its permissions and those of its folders.`;
		case "ELOOP":
			return `The ${noun} is a symbolic link that leads to itself.`;
		case "ENOTDIR":
			return `A part of the ${noun}'s path is not a folder.`;
		default:
			return `The ${noun} cannot be read (${code}).`;
	}
}

/** Bytes that were read and what they came to: a file that is read again mostly holds the same. */
interface LastRead {
	readonly bytes: Buffer;
	readonly content: FileContent;
}

/** Reads a file as {@link readTextFile} does; one that holds what it held costs no decoding, no hash and no second text. */
export function createTextFile(path: string, words: FileWords): () => FileContent {
	let last: LastRead | undefined;
	return () => {
		const { content, bytes } = readBytes(path, words, last);
		last = bytes === undefined ? undefined : { bytes, content };
		return content;
	};
}

/**
 * Reads the file at once, without a way back to the event loop: a small file takes microseconds, and nothing happens
 * in between that would have to be thought of.
 */
export function readTextFile(path: string, words: FileWords): FileContent {
	return readBytes(path, words).content;
}

function readBytes(
	path: string,
	words: FileWords,
	last?: LastRead,
): { readonly content: FileContent; readonly bytes?: Buffer } {
	const refused = (message: string) => ({ content: { ok: false, message } as const });
	try {
		const found = statSync(path);
		if (found.isDirectory()) return refused(`The ${words.noun} is a folder. Name a file in it.`);
		// A FIFO or a device would block for ever.
		if (!found.isFile()) return refused(`The ${words.noun} is not a regular file.`);
		if (found.size > MAX_TEXT) return refused("The file is larger than 64 MiB.");
		const bytes = readFileSync(path);
		if (last?.bytes.equals(bytes)) return last;
		const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
		return { bytes, content: { ok: true, text, digest: hash("sha256", bytes) } };
	} catch (error) {
		if (error instanceof TypeError) return refused("The file is not UTF-8. Save it as UTF-8.");
		const absent = error instanceof Error && "code" in error && error.code === "ENOENT";
		return { content: { ok: false, message: reason(error, words), ...(absent && { absent }) } };
	}
}
