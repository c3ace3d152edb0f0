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

/** Strings are read byte by byte up to here, then by words: short ones are not worth the view's making. */
const SHORT_STRING = 32;

/**
 * Steps over the values of a JSON text (RFC 8259, strictly) without building any. Each method takes the offset of a
 * token and returns the one behind it, or throws a {@link JsonFault}. The text is known to be UTF-8, and belongs to
 * the caller, since newlines between tokens become blanks in it.
 */
export class JsonText {
	readonly bytes: Buffer;
	#words: Int32Array | undefined;

	constructor(bytes: Buffer) {
		this.bytes = bytes;
	}

	/** Throws the fault of a byte that is not what the grammar wants at its place. */
	fault(at: number): never {
		const why = at < this.bytes.length ? `an unexpected byte at offset ${at}` : "the text ends too early";
		throw new JsonFault(`Not JSON: ${why}.`);
	}

	skipBlanks(at: number): number {
		const { bytes } = this;
		for (let i = at; ; i++) {
			const byte = bytes[i];
			if (byte === 0x0a || byte === 0x0d) bytes[i] = 0x20;
			else if (byte !== 0x20 && byte !== 0x09) return i;
		}
	}

	/** From a key's quote to its value, over the colon. */
	skipKey(at: number): number {
		const end = this.skipBlanks(this.skipString(at));
		if (this.bytes[end] !== COLON) this.fault(end);
		return this.skipBlanks(end + 1);
	}

	/** `depth`: how many containers are open around the value. */
	skipValue(at: number, depth: number): number {
		const first = this.bytes[at];
		if (first === QUOTE) return this.skipString(at);
		if (first === OPEN_BRACE || first === OPEN_BRACKET) return this.#skipContainer(at, depth);
		return this.#skipScalar(at);
	}

	#skipContainer(start: number, depth: number): number {
		const { bytes } = this;
		const closers: number[] = [];
		let closer = 0;
		let at = start;
		for (;;) {
			const first = bytes[at];
			if (first === QUOTE) at = this.skipString(at);
			else if (first === OPEN_BRACE || first === OPEN_BRACKET) {
				if (depth + closers.length === MAX_DEPTH) throw new JsonFault(`Nested deeper than ${MAX_DEPTH}.`);
				closer = first === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
				closers.push(closer);
				at = this.skipBlanks(at + 1);
				if (bytes[at] !== closer) {
					if (closer === CLOSE_BRACE) at = this.skipKey(at);
					continue;
				}
			} else at = this.#skipScalar(at);
			for (;;) {
				at = this.skipBlanks(at);
				const next = bytes[at];
				if (next === COMMA) {
					at = this.skipBlanks(at + 1);
					if (closer === CLOSE_BRACE) at = this.skipKey(at);
					break;
				}
				if (next !== closer) this.fault(at);
				at++;
				closers.pop();
				const outer = closers.at(-1);
				if (outer === undefined) return at;
				closer = outer;
			}
		}
	}

	skipString(at: number): number {
		const { bytes } = this;
		if (bytes[at] !== QUOTE) this.fault(at);
		const { byteOffset, length } = bytes;
		let i = at + 1;
		for (;;) {
			const aligned = ((byteOffset + i + SHORT_STRING) & ~3) - byteOffset;
			const near = aligned < length ? aligned : length;
			while (i < near) {
				const byte = bytes[i]!;
				if (byte === QUOTE) return i + 1;
				if (byte === BACKSLASH) i = this.#skipEscape(i);
				else if (byte < 0x20) this.fault(i);
				else i++;
			}
			if (i >= length) this.fault(length);
			if (i === aligned) i = this.#skipPlain(i);
		}
	}

	/**
	 * Behind all words (4 bytes) from here on that hold no quote, backslash or control character, which is 4 times as
	 * fast as by bytes. A byte's top bit stays set after the subtraction only where the byte was too small:
	 * https://graphics.stanford.edu/~seander/bithacks.html#HasLessInWord
	 */
	#skipPlain(at: number): number {
		const { buffer, byteOffset, length } = this.bytes;
		this.#words ??= new Int32Array(buffer, 0, buffer.byteLength >>> 2);
		const words = this.#words;
		const end = (byteOffset + length) >>> 2;
		let i = (byteOffset + at) >>> 2;
		while (i < end) {
			const word = words[i]!;
			const quote = word ^ 0x22222222;
			const backslash = word ^ 0x5c5c5c5c;
			const found =
				((word - 0x20202020) & ~word) | ((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash);
			if ((found & 0x80808080) !== 0) break;
			i++;
		}
		return i * 4 - byteOffset;
	}

	#skipEscape(at: number): number {
		switch (this.bytes[at + 1]) {
			case QUOTE:
			case BACKSLASH:
			case 0x2f: // /
			case 0x62: // b
			case 0x66: // f
			case 0x6e: // n
			case 0x72: // r
			case 0x74: // t
				return at + 2;
			case 0x75: // u
				for (let i = at + 2; i < at + 6; i++) if (!isHexDigit(this.bytes[i])) this.fault(i);
				return at + 6;
			default:
				return this.fault(at + 1);
		}
	}

	/** A number, or true, false or null. */
	#skipScalar(at: number): number {
		switch (this.bytes[at]) {
			case 0x74:
				return this.#skipWord(at, "true");
			case 0x66:
				return this.#skipWord(at, "false");
			case 0x6e:
				return this.#skipWord(at, "null");
			default:
				return this.#skipNumber(at);
		}
	}

	#skipWord(at: number, word: string): number {
		for (let i = 1; i < word.length; i++) if (this.bytes[at + i] !== word.charCodeAt(i)) this.fault(at + i);
		return at + word.length;
	}

	#skipNumber(start: number): number {
		const { bytes } = this;
		let at = bytes[start] === MINUS ? start + 1 : start;
		at = bytes[at] === ZERO ? at + 1 : this.#skipDigits(at);
		if (bytes[at] === 0x2e) at = this.#skipDigits(at + 1);
		if (bytes[at] === 0x65 || bytes[at] === 0x45) {
			at++;
			if (bytes[at] === 0x2b || bytes[at] === MINUS) at++;
			at = this.#skipDigits(at);
		}
		return at;
	}

	/** At least one. */
	#skipDigits(start: number): number {
		let at = start;
		while (isDigit(this.bytes[at])) at++;
		if (at === start) this.fault(at);
		return at;
	}
}

export function isDigit(byte: number | undefined): boolean {
	return byte !== undefined && byte >= ZERO && byte <= 0x39;
}

function isHexDigit(byte: number | undefined): boolean {
	if (byte === undefined) return false;
	const lower = byte | 0x20;
	return isDigit(byte) || (lower >= 0x61 && lower <= 0x66);
}
