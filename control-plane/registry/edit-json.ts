/** Edits of JSON text that touch nothing but what changes; jsonc-parser's own reformat the lines around. */
import { findNodeAtLocation, type Node, parseTree } from "jsonc-parser";

/** A value to put at a path; undefined removes what is there. */
export interface Change {
	readonly path: readonly string[];
	readonly value: unknown;
}

interface Style {
	readonly unit: string;
	readonly eol: string;
}

const splice = (text: string, from: number, to: number, put: string) => text.slice(0, from) + put + text.slice(to);
const end = (node: Node) => node.offset + node.length;

/** The whitespace that a line begins with. */
function indentAt(text: string, offset: number): string {
	const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);
	return /^[ \t]*/.exec(line)?.[0] ?? "";
}

const beginsLine = (text: string, offset: number) =>
	/^[ \t]*$/.test(text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset));

function inline(value: unknown): string {
	if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
	if (typeof value !== "object" || value === null) return JSON.stringify(value);
	const entries = Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${inline(one)}`);
	return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}

const block = (value: unknown, indent: string, { unit, eol }: Style) =>
	JSON.stringify(value, null, unit).replaceAll("\n", `${eol}${indent}`);

function insert(text: string, parent: Node, key: string, value: unknown, style: Style): string {
	const { unit, eol } = style;
	const name = `${JSON.stringify(key)}: `;
	const last = parent.children?.at(-1);
	if (last === undefined) {
		const outer = indentAt(text, parent.offset);
		const put = `${eol}${outer}${unit}${name}${block(value, outer + unit, style)}`;
		// Behind comments, if the empty map holds any.
		const close = parent.offset + text.slice(parent.offset, end(parent) - 1).trimEnd().length;
		return splice(text, close, end(parent) - 1, `${put}${eol}${outer}`);
	}
	if (!beginsLine(text, last.offset)) return splice(text, end(last), end(last), `, ${name}${inline(value)}`);
	const indent = indentAt(text, last.offset);
	const put = `${eol}${indent}${name}${block(value, indent, style)}`;
	// A comment at the end of the last property's line stays with it.
	const rest = /^[ \t]*(,?)[ \t]*(?:\/\/[^\r\n]*)?(?=\r?\n)/.exec(text.slice(end(last)));
	if (rest === null) return splice(text, end(last), end(last), `,${put}`);
	const after = end(last) + rest[0].length;
	if (rest[1] === ",") return splice(text, after, after, `${put},`);
	return splice(splice(text, after, after, put), end(last), end(last), ",");
}

function remove(text: string, property: Node): string {
	const siblings = property.parent?.children ?? [];
	const index = siblings.indexOf(property);
	const next = siblings[index + 1];
	if (next !== undefined) return splice(text, property.offset, next.offset, "");
	const previous = siblings[index - 1];
	const comma = /^\s*,/.exec(text.slice(end(property)))?.[0].length ?? 0;
	if (previous === undefined) {
		const close = end(property.parent ?? property) - 1;
		const blank = text.slice(end(property) + comma, close).trim() === "";
		const from = property.parent!.offset + text.slice(property.parent!.offset, property.offset).trimEnd().length;
		return splice(text, from, blank ? close : end(property) + comma, "");
	}
	// What stands between the two, a comment for example, belongs to the one that stays.
	const gap = text.slice(end(previous), property.offset);
	const kept = (comma > 0 ? gap : gap.replace(",", "")).trimEnd();
	const broken = kept.includes("//") && !/^[ \t]*\r?\n/.test(text.slice(end(property) + comma));
	return splice(text, end(previous), end(property) + comma, broken ? `${kept}\n` : kept);
}

function apply(text: string, { path, value }: Change, style: Style): string {
	const root = parseTree(text, [], { allowTrailingComma: true });
	const existing = root && findNodeAtLocation(root, [...path]);
	if (existing !== undefined) {
		if (value === undefined) return existing.parent === undefined ? text : remove(text, existing.parent);
		const multiline = text.slice(existing.offset, end(existing)).includes("\n");
		const put = multiline ? block(value, indentAt(text, existing.offset), style) : inline(value);
		return splice(text, existing.offset, end(existing), put);
	}
	const parent = root && findNodeAtLocation(root, path.slice(0, -1));
	const key = path.at(-1);
	if (value === undefined || parent?.type !== "object" || key === undefined) return text;
	return insert(text, parent, key, value, style);
}

/** Applies the changes one after the other. An empty text is taken for `{}`. The result is to be checked by parsing. */
export function editJson(text: string, changes: readonly Change[]): string {
	const style = { unit: /\n([ \t]+)\S/.exec(text)?.[1] ?? "  ", eol: text.includes("\r\n") ? "\r\n" : "\n" };
	let edited = text.trim() === "" ? "{}\n" : text;
	for (const change of changes) edited = apply(edited, change, style);
	return edited;
}
