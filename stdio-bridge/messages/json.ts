/**
 * Steps over the values of a JSON text (RFC 8259, strictly) without building any. Each function takes the offset of a
 * token and returns the one behind it, or throws a {@link JsonFault}. The text is known to be UTF-8, and belongs to
 * the caller, since newlines between tokens become blanks in it.
 *
 * Plain functions and no reads behind the end: both halve the time that small tokens take on V8.
 */

/** Containers within containers; what is deeper would break the stack of many a parser at the other end. */
export const MAX_DEPTH = 10_000;

/** Text that is not JSON. No Error: nobody needs its stack, and its making would be most of the cost of a bad text. */
export class JsonFault {
	/** One sentence that repeats nothing of the text. */
	readonly detail: string;

	constructor(detail: string) {
		this.detail = detail;
	}
}

export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
const COLON = 0x3a;
export const BACKSLASH = 0x5c;
export const MINUS = 0x2d;
const ZERO = 0x30;

/** After so many plain bytes of a string the next are read by words: a view is not worth its making for less. */
const SHORT_RUN = 256;

/** 1 for each byte that is not a plain part of a string: quote, backslash, control characters. */
const SPECIAL = table([QUOTE, BACKSLASH, ...Array(0x20).keys()]);

/** 1 for each byte that makes an escape with the backslash before it. */
const SIMPLE_ESCAPE = table(Buffer.from('"\\/bfnrt'));

function table(bytes: Iterable<number>): Uint8Array {
	const marks = new Uint8Array(256);
	for (const byte of bytes) marks[byte] = 1;
	return marks;
}

/** Turns newlines into blanks on its way. */
export function skipBlanks(bytes: Buffer, start: number): number {
	const { length } = bytes;
	let at = start;
	for (; at < length; at++) {
		const byte = bytes[at]!;
		if (byte > 0x20) break;
		if (byte === 0x0a || byte === 0x0d) bytes[at] = 0x20;
		else if (byte !== 0x20 && byte !== 0x09) break;
	}
	return at;
}

/** From a key's quote to its value, over the colon. */
export function skipKey(bytes: Buffer, at: number): number {
	const end = skipBlanks(bytes, skipString(bytes, at));
	if (bytes[end] !== COLON) fault(bytes, end);
	return skipBlanks(bytes, end + 1);
}

/** `depth`: how many containers are open around the value. */
export function skipValue(bytes: Buffer, at: number, depth: number): number {
	const first = bytes[at];
	if (first === QUOTE) return skipString(bytes, at);
	if (first === OPEN_BRACE || first === OPEN_BRACKET) return skipContainer(bytes, at, depth);
	return skipScalar(bytes, at);
}

/** Throws the fault of a byte that is not what the grammar wants at its place. */
export function fault(bytes: Buffer, at: number): never {
	const why = at < bytes.length ? `an unexpected byte at offset ${at}` : "the text ends too early";
	throw new JsonFault(`Not JSON: ${why}.`);
}

function skipContainer(bytes: Buffer, start: number, depth: number): number {
	const closers: number[] = [];
	let closer = 0;
	let at = start;
	for (;;) {
		const first = bytes[at];
		if (first === QUOTE) at = skipString(bytes, at);
		else if (first === OPEN_BRACE || first === OPEN_BRACKET) {
			if (depth + closers.length === MAX_DEPTH) throw new JsonFault(`Nested deeper than ${MAX_DEPTH}.`);
			closer = first === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
			closers.push(closer);
			at = skipBlanks(bytes, at + 1);
			if (bytes[at] !== closer) {
				if (closer === CLOSE_BRACE) at = skipKey(bytes, at);
				continue;
			}
		} else at = skipScalar(bytes, at);
		for (;;) {
			at = skipBlanks(bytes, at);
			const next = bytes[at];
			if (next === COMMA) {
				at = skipBlanks(bytes, at + 1);
				if (closer === CLOSE_BRACE) at = skipKey(bytes, at);
				break;
			}
			if (next !== closer) fault(bytes, at);
			at++;
			closers.pop();
			if (closers.length === 0) return at;
			closer = closers[closers.length - 1]!;
		}
	}
}

function skipString(bytes: Buffer, start: number): number {
	if (bytes[start] !== QUOTE) fault(bytes, start);
	const { length } = bytes;
	let at = start + 1;
	for (;;) {
		const end = Math.min(at + SHORT_RUN, length);
		while (at < end && SPECIAL[bytes[at]!] === 0) at++;
		if (at === length) fault(bytes, at);
		if (at === end) {
			at = skipWords(bytes, at);
			continue;
		}
		const byte = bytes[at]!;
		if (byte === QUOTE) return at + 1;
		if (byte !== BACKSLASH) fault(bytes, at);
		at = SIMPLE_ESCAPE[bytes[at + 1]!] === 1 ? at + 2 : skipHexEscape(bytes, at);
	}
}

/**
 * Behind all whole words (4 bytes) from here on that hold no quote, backslash or control character, which is 4 times
 * as fast as by bytes. A byte's top bit is set after the subtraction only where the byte was too small:
 * https://graphics.stanford.edu/~seander/bithacks.html#HasLessInWord
 */
function skipWords(bytes: Buffer, start: number): number {
	const { buffer, byteOffset, length } = bytes;
	const aligned = (byteOffset + start) & ~3;
	const words = new Int32Array(buffer, aligned, (byteOffset + length - aligned) >>> 2);
	const count = words.length;
	let at = 0;
	while (at < count) {
		const word = words[at]!;
		const quote = word ^ 0x22222222;
		const backslash = word ^ 0x5c5c5c5c;
		const found =
			((word - 0x20202020) & ~word) | ((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash);
		if ((found & 0x80808080) !== 0) break;
		at++;
	}
	return Math.max(start, aligned + at * 4 - byteOffset);
}

function skipHexEscape(bytes: Buffer, at: number): number {
	if (bytes[at + 1] !== 0x75) fault(bytes, at + 1);
	for (let i = at + 2; i < at + 6; i++) if (!isHexDigit(bytes[i])) fault(bytes, i);
	return at + 6;
}

/** A number, or true, false or null. */
function skipScalar(bytes: Buffer, at: number): number {
	switch (bytes[at]) {
		case 0x74:
			return skipWord(bytes, at, "true");
		case 0x66:
			return skipWord(bytes, at, "false");
		case 0x6e:
			return skipWord(bytes, at, "null");
		default:
			return skipNumber(bytes, at);
	}
}

function skipWord(bytes: Buffer, at: number, word: string): number {
	for (let i = 1; i < word.length; i++) if (bytes[at + i] !== word.charCodeAt(i)) fault(bytes, at + i);
	return at + word.length;
}

function skipNumber(bytes: Buffer, start: number): number {
	let at = bytes[start] === MINUS ? start + 1 : start;
	at = bytes[at] === ZERO ? at + 1 : skipDigits(bytes, at);
	if (bytes[at] === 0x2e) at = skipDigits(bytes, at + 1);
	if (bytes[at] === 0x65 || bytes[at] === 0x45) {
		at++;
		if (bytes[at] === 0x2b || bytes[at] === MINUS) at++;
		at = skipDigits(bytes, at);
	}
	return at;
}

/** At least one. */
function skipDigits(bytes: Buffer, start: number): number {
	let at = start;
	while (isDigit(bytes[at])) at++;
	if (at === start) fault(bytes, at);
	return at;
}

export function isDigit(byte: number | undefined): boolean {
	return byte !== undefined && byte >= ZERO && byte <= 0x39;
}

function isHexDigit(byte: number | undefined): boolean {
	if (byte === undefined) return false;
	const lower = byte | 0x20;
	return isDigit(byte) || (lower >= 0x61 && lower <= 0x66);
}
