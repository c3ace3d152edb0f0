/** The smallest edits that make one value of another, and how they are made in YAML. */
import { isDeepStrictEqual } from "node:util";
import { type Document, isAlias, isCollection, isNode, isMap as isYamlMap, type Node, parseDocument } from "yaml";
import { isMap } from "./dialect.ts";
import type { Change } from "./edit-json.ts";

/** The smallest changes that turn one value into the other: what stays untouched keeps its comments. */
export function changes(path: readonly string[], before: unknown, after: unknown): readonly Change[] {
	if (isDeepStrictEqual(before, after)) return [];
	if (!isMap(before) || !isMap(after) || Object.keys(after).length === 0) return [{ path, value: after }];
	const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
	return [...keys].flatMap((key) => {
		const inner = [...path, key];
		if (!Object.hasOwn(after, key)) return [{ path: inner, value: undefined }];
		return Object.hasOwn(before, key) ? changes(inner, before[key], after[key]) : [{ path: inner, value: after[key] }];
	});
}

/** The first key of a document that is a map. */
function headOf(doc: Document): Node | undefined {
	const key = isYamlMap(doc.contents) ? doc.contents.items[0]?.key : undefined;
	return isNode(key) ? key : undefined;
}

const joined = (...comments: readonly (string | null | undefined)[]) => comments.filter(Boolean).join("\n") || null;

/** Applies changes to YAML text; `like` is the text whose layout new lines take. The result is to be checked by parsing. */
export function editYaml(text: string, list: readonly Change[], like = text): string {
	const doc = parseDocument(text, { version: "1.2", uniqueKeys: false, stringKeys: true });
	for (const { path, value } of list) {
		if (value === undefined) {
			const top = path.length === 1 ? headOf(doc) : undefined;
			doc.deleteIn(path);
			// The comment above the first key may be about the whole file.
			if (top && headOf(doc) !== top) doc.commentBefore = joined(doc.commentBefore, top.commentBefore);
			continue;
		}
		const parent = path.length === 1 ? doc.contents : doc.getIn(path.slice(0, -1), true);
		// An empty map is written `{}`; left so, it would make what is put into it one long line.
		if (isYamlMap(parent) && parent.items.length === 0) parent.flow = false;
		const was = doc.getIn(path, true);
		const node = doc.createNode(value);
		// A list on one line stays on one line.
		if (isCollection(node) && isCollection(was) && was.flow === true) node.flow = true;
		if (isNode(was) && !isAlias(was)) {
			node.comment = was.comment ?? null;
			node.commentBefore = was.commentBefore ?? null;
		}
		doc.setIn(path, node);
	}
	const indent = /\n( +)[^\s#-]/.exec(like)?.[1]?.length ?? 2;
	const edited = doc.toString({ lineWidth: 0, indent, flowCollectionPadding: !/\{\S/.test(like) });
	return like.includes("\r\n") ? edited.replace(/\r?\n/g, "\r\n") : edited;
}
