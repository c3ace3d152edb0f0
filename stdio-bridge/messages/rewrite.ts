import type { Message, Span } from "./message.ts";

/** One JSON value that takes the place of another, as it is to be spelled. */
export interface Edit {
	readonly span: Span;
	readonly text: Buffer | string;
}

/** A copy of `bytes` in which each span holds its new text. The edits come in any order and do not overlap. */
export function replaceSpans(bytes: Buffer, edits: readonly Edit[]): Buffer {
	const sorted = edits.length > 1 ? edits.toSorted((a, b) => a.span.start - b.span.start) : edits;
	let length = bytes.length;
	for (const { span, text } of sorted) length += Buffer.byteLength(text) - (span.end - span.start);
	const copy = Buffer.allocUnsafe(length);
	let from = 0;
	let to = 0;
	for (const { span, text } of sorted) {
		to += bytes.copy(copy, to, from, span.start);
		to += typeof text === "string" ? copy.write(text, to) : text.copy(copy, to);
		from = span.end;
	}
	bytes.copy(copy, to, from);
	return copy;
}

/**
 * A value as it is spelled, to be compared, kept as a Map's key, and put back by {@link replaceSpans}. No two values
 * share a spelling, while one may have several: `1` and `1.0`, `"a"` and `"\u0061"`. A client that spells its id
 * differently in a cancellation names no call of its own by it; parsed ids would be worse, since then
 * 12345678901234567890 and 12345678901234567891 are one. The bytes are UTF-8, so nothing is lost in the string.
 */
export function textOf(message: Message, span: Span): string {
	return message.bytes.toString("utf8", span.start, span.end);
}

/** A value, parsed. */
export function jsonOf(message: Message, span: Span): unknown {
	return JSON.parse(textOf(message, span));
}
