/** Reads a registry's file, or says why it cannot be read. */
import { hash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { MAX_TEXT } from "../registry/read.ts";

/** The text and a name for its content, or what is wrong with the file. */
export type FileContent =
	| { readonly ok: true; readonly text: string; readonly digest: string }
	| { readonly ok: false; readonly message: string };

const REASONS: Readonly<Record<string, string>> = {
	ENOENT: "The registry file does not exist. Create it, or name another one with `--registry FILE`.",
	EACCES: "The registry file may not be read. Check its permissions and those of its folders.",
	ELOOP: "The registry file is a symbolic link that leads to itself.",
	ENOTDIR: "A part of the registry file's path is not a folder.",
};

function reason(error: unknown): string {
	const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
	return REASONS[code] ?? `The registry file cannot be read (${code}).`;
}

/**
 * Reads the file at once, without a way back to the event loop: a small file takes microseconds, and nothing happens
 * in between that would have to be thought of.
 */
export function readRegistryFile(path: string): FileContent {
	try {
		const found = statSync(path);
		if (found.isDirectory()) return { ok: false, message: "The registry file is a folder. Name a file in it." };
		// A FIFO or a device would block for ever.
		if (!found.isFile()) return { ok: false, message: "The registry file is not a regular file." };
		if (found.size > MAX_TEXT) return { ok: false, message: "The file is larger than 64 MiB." };
		const bytes = readFileSync(path);
		const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
		return { ok: true, text, digest: hash("sha256", bytes) };
	} catch (error) {
		if (error instanceof TypeError) return { ok: false, message: "The file is not UTF-8. Save it as UTF-8." };
		return { ok: false, message: reason(error) };
	}
}
