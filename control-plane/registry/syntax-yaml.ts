/** Syntax trees of YAML 1.2. */
import { type ErrorCode, isAlias, isMap, isScalar, isSeq, type Node, parseDocument } from "yaml";
import {
	firstAtEachPlace,
	MAX_DEPTH,
	type SyntaxEntry,
	SyntaxFault,
	type SyntaxNode,
	type TextFault,
	TOO_DEEP,
} from "./syntax.ts";

/** Nodes that a file may have once its aliases are written out; without a limit ten lines make billions. */
const MAX_SIZE = 2_000_000;

const BAD_ALIAS = "This alias (`*name`) names no anchor that stands before it. Put the text into quotes if it is none.";

const WORDS: Readonly<Partial<Record<ErrorCode, string>>> = {
	ALIAS_PROPS: "An alias (`*name`) cannot have a tag or an anchor.",
	BAD_ALIAS,
	BAD_DQ_ESCAPE: "YAML has no such escape in double quotes. Use single quotes, or write the backslash twice.",
	BAD_INDENT: "This line's indentation fits nothing before it.",
	BAD_PROP_ORDER: "Anchors and tags go before the value.",
	BAD_SCALAR_START: "A text cannot begin with this character. Put it into quotes.",
	BLOCK_AS_IMPLICIT_KEY:
		"A map cannot begin here. Put the text into quotes if it holds `: `, or check the indentation.",
	BLOCK_IN_FLOW: "Inside of `{}` or `[]` everything is written in that style.",
	DUPLICATE_KEY: "This key is there already.",
	IMPOSSIBLE: "This is not YAML.",
	KEY_OVER_1024_CHARS: "A key must have 1024 characters at the most.",
	MISSING_CHAR: "A character is missing here: a `:`, a `,`, or the end of quotes or of a bracket.",
	MULTILINE_IMPLICIT_KEY: "A key must be on one line, with a `:` after it. Is the `:` missing?",
	MULTIPLE_ANCHORS: "A value has one anchor at the most.",
	MULTIPLE_DOCS: "The file is one YAML document. Remove the `---` and what follows.",
	MULTIPLE_TAGS: "A value has one tag at the most.",
	NON_STRING_KEY: "A key must be plain text.",
	TAB_AS_INDENT: "YAML takes no tabs for indentation. Use spaces.",
	TAG_RESOLVE_FAILED: "This tag (`!name`) is unknown. Remove it.",
	UNEXPECTED_TOKEN: "This is not expected here. Check the indentation, or put the text into quotes.",
};

/** Anchors seen so far; undefined for one whose node is not complete, so an alias to it would be a circle. */
type Anchors = Map<string, SyntaxNode | undefined>;

function convertAlias(name: string, offset: number, anchors: Anchors): SyntaxNode {
	const target = anchors.get(name);
	if (target !== undefined) return target;
	if (anchors.has(name)) throw new SyntaxFault(offset, "This alias (`*name`) refers to what it is itself a part of.");
	throw new SyntaxFault(offset, BAD_ALIAS);
}

function convert(node: Node | null, fallback: number, depth: number, anchors: Anchors): SyntaxNode {
	const offset = node?.range?.[0] ?? fallback;
	if (depth > MAX_DEPTH) throw new SyntaxFault(offset, TOO_DEEP);
	if (isAlias(node)) return convertAlias(node.source, offset, anchors);
	const anchor = isMap(node) || isSeq(node) || isScalar(node) ? node.anchor : undefined;
	if (anchor !== undefined) anchors.set(anchor, undefined);
	const found = convertPlain(node, offset, depth, anchors);
	if (found.size > MAX_SIZE) throw new SyntaxFault(offset, "The aliases in here make too large a document.");
	if (anchor !== undefined) anchors.set(anchor, found);
	return found;
}

const asNode = (value: unknown): Node | null =>
	isMap(value) || isSeq(value) || isScalar(value) || isAlias(value) ? value : null;

function convertPlain(node: Node | null, offset: number, depth: number, anchors: Anchors): SyntaxNode {
	if (isSeq(node)) {
		const items = node.items.map((item) => convert(asNode(item), offset, depth + 1, anchors));
		return { kind: "list", offset, items, size: items.reduce((sum, item) => sum + item.size, 1) };
	}
	if (!isMap(node)) return { kind: "scalar", offset, value: isScalar(node) ? node.value : null, size: 1 };
	const entries: SyntaxEntry[] = [];
	let size = 1;
	for (const pair of node.items) {
		const keyNode = convert(asNode(pair.key), offset, depth + 1, anchors);
		const keyOffset = isAlias(pair.key) ? (pair.key.range?.[0] ?? offset) : keyNode.offset;
		if (keyNode.kind !== "scalar") throw new SyntaxFault(keyOffset, "A key must be plain text.");
		const value = convert(asNode(pair.value), keyOffset, depth + 1, anchors);
		size += value.size;
		entries.push({ key: keyNode.value === null ? "" : String(keyNode.value), keyOffset, value });
	}
	return { kind: "map", offset, entries, size };
}

/** Reads YAML 1.2 into a tree (undefined for an empty document), or tells every fault of its syntax. */
export function yamlTree(text: string): SyntaxNode | undefined | readonly TextFault[] {
	// Duplicates are found with the tree, where the first one's line is known; pretty errors would quote the text.
	const doc = parseDocument(text, {
		version: "1.2",
		uniqueKeys: false,
		stringKeys: true,
		prettyErrors: false,
		// "silent" would also hide a second document.
		logLevel: "error",
	});
	const found = [...doc.errors, ...doc.warnings];
	// Where exactly the stack had its end is chance.
	if (found.some(({ code }) => code === "RESOURCE_EXHAUSTION")) throw new SyntaxFault(0, TOO_DEEP);
	if (found.length > 0) {
		return firstAtEachPlace(
			found.map(({ code, pos }) => ({ offset: pos[0], message: WORDS[code] ?? "This is not YAML." })),
		);
	}
	const root = asNode(doc.contents);
	if (root === null || (isScalar(root) && root.value === null && root.source === "")) return undefined;
	return convert(root, 0, 1, new Map());
}
