/** Syntax trees of JSON with comments and trailing commas. */
import { type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import { firstAtEachPlace, MAX_DEPTH, SyntaxFault, type SyntaxNode, type TextFault, TOO_DEEP } from "./syntax.ts";

const WORDS: Readonly<Record<string, string>> = {
	InvalidSymbol: "This is not JSON. Texts and keys are in double quotes.",
	InvalidNumberFormat: "This is not a number of JSON.",
	PropertyNameExpected: "A key in double quotes is expected here.",
	ValueExpected: "A value is expected here.",
	ColonExpected: "A `:` is expected here, after the key.",
	CommaExpected: "A `,` is expected here, after the value before it.",
	CloseBraceExpected: "A `}` is expected here: a `{` before it is not closed.",
	CloseBracketExpected: "A `]` is expected here: a `[` before it is not closed.",
	EndOfFileExpected: "The file should end here, but goes on.",
	InvalidCommentToken: "Comments are not allowed here.",
	UnexpectedEndOfComment: "This comment is not closed with `*/`.",
	UnexpectedEndOfString: 'This text is not closed with `"` on its line.',
	UnexpectedEndOfNumber: "This number ends too early.",
	InvalidUnicode: "A `\\u` needs four hexadecimal digits.",
	InvalidEscapeCharacter: "JSON has no such escape. A backslash itself is `\\\\`.",
	InvalidCharacter: "A control character in a text must be written as an escape such as `\\n`.",
};

function convert(node: Node, depth: number): SyntaxNode {
	const { offset } = node;
	if (depth > MAX_DEPTH) throw new SyntaxFault(offset, TOO_DEEP);
	if (node.type === "array") {
		const items = (node.children ?? []).map((child) => convert(child, depth + 1));
		return { kind: "list", offset, items, size: items.reduce((sum, item) => sum + item.size, 1) };
	}
	if (node.type !== "object") return { kind: "scalar", offset, value: node.value, size: 1 };
	const entries = [];
	let size = 1;
	for (const property of node.children ?? []) {
		const [key, child] = property.children ?? [];
		if (key === undefined || child === undefined) continue;
		const value = convert(child, depth + 1);
		size += value.size;
		entries.push({ key: String(key.value), keyOffset: key.offset, value });
	}
	return { kind: "map", offset, entries, size };
}

/** Reads JSON (with comments and trailing commas) into a tree, or tells every fault of its syntax; no fault and no tree for nothing at all. */
export function jsonTree(text: string): SyntaxNode | readonly TextFault[] {
	const errors: ParseError[] = [];
	const root = parseTree(text, errors, { allowTrailingComma: true });
	// Comments alone: nothing is wrong, nothing is there.
	if (root === undefined && errors.every(({ error }) => printParseErrorCode(error) === "ValueExpected")) return [];
	if (errors.length > 0) {
		return firstAtEachPlace(
			errors.map(({ error, offset }) => ({
				offset,
				message: WORDS[printParseErrorCode(error)] ?? "This is not JSON.",
			})),
		);
	}
	return root === undefined ? [] : convert(root, 1);
}
