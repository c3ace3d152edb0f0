/** A file of JSON or YAML whose every fault has its place. */
import type { Fault } from "./fault.ts";
import { lineIndex } from "./lines.ts";
import type { RegistryError } from "./model.ts";
import { readText } from "./read.ts";
import { locate, type TextFault } from "./syntax.ts";

export const MAX_ERRORS = 100;

export type DocumentResult<T> =
	| { readonly ok: true; readonly value: T }
	| { readonly ok: false; readonly errors: readonly RegistryError[] };

/**
 * Reads a text and has its plain value checked. Pure; never throws on any text. At most 100 faults are told, in the
 * order of the file. `file` is for messages and, by its ending, for telling JSON from YAML; `emptyMessage` is told of
 * a text that holds nothing, instead of the registry's words.
 */
export function readDocument<T>(
	text: string,
	file: string,
	check: (value: unknown) => { readonly value: T; readonly faults: readonly Fault[] },
	emptyMessage?: string,
): DocumentResult<T> {
	const clean = text.startsWith("\uFEFF") ? text.slice(1) : text;
	let index: ReturnType<typeof lineIndex> | undefined;
	const place = (offset: number) => {
		index ??= lineIndex(clean);
		return index(offset);
	};
	const failed = (faults: readonly TextFault[]): DocumentResult<T> => {
		// A value may break one rule in two ways, as a number that is too large for its range and for any.
		const distinct = new Map(faults.map((fault) => [`${fault.offset} ${fault.message}`, fault]));
		const once = [...distinct.values()].sort((a, b) => a.offset - b.offset).slice(0, MAX_ERRORS);
		const errors = once.map(({ offset, ...fault }): RegistryError => ({ file, ...place(offset), ...fault }));
		return { ok: false, errors };
	};
	const read = readText(clean, file, (offset) => place(offset).line);
	if ("fatal" in read) {
		return failed(read.empty && emptyMessage !== undefined ? [{ offset: 0, message: emptyMessage }] : read.fatal);
	}
	const { value, faults } = check(read.value);
	if (faults.length === 0 && read.faults.length === 0) return { ok: true, value };
	const tree = read.tree();
	const placed = faults.map(({ path, at, ...fault }) => ({ offset: locate(tree, path, at), ...fault }));
	return failed([...read.faults, ...placed]);
}
