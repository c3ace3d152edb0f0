/**
 * Cuts a byte stream into lines. The SDK's ReadBuffer is not used: it copies all it holds at every chunk (quadratic
 * for large messages) and clears itself for good at 10 MiB.
 *
 * A line over `maxBytes` is handed out once, cut to that size and marked, and its rest is skipped.
 */
export class LineSplitter {
	readonly #maxBytes: number;
	readonly #onLine: (line: Buffer, truncated: boolean) => void;
	#parts: Buffer[] = [];
	#size = 0;
	#skipping = false;

	constructor(maxBytes: number, onLine: (line: Buffer, truncated: boolean) => void) {
		this.#maxBytes = maxBytes;
		this.#onLine = onLine;
	}

	push(chunk: Buffer): void {
		let start = 0;
		while (start < chunk.length) {
			const newline = chunk.indexOf(0x0a, start);
			const end = newline === -1 ? chunk.length : newline;
			if (!this.#skipping) this.#add(chunk.subarray(start, end));
			if (newline === -1) return;
			if (this.#skipping) this.#skipping = false;
			else this.#flush(false);
			start = newline + 1;
		}
	}

	/** Hands out what came after the last newline. */
	end(): void {
		if (this.#size > 0) this.#flush(false);
	}

	#add(piece: Buffer): void {
		const room = this.#maxBytes - this.#size;
		if (piece.length <= room) {
			this.#parts.push(piece);
			this.#size += piece.length;
			return;
		}
		this.#parts.push(piece.subarray(0, room));
		this.#size += room;
		this.#flush(true);
		this.#skipping = true;
	}

	#flush(truncated: boolean): void {
		const [first] = this.#parts;
		const line = this.#parts.length === 1 && first ? first : Buffer.concat(this.#parts, this.#size);
		this.#parts = [];
		this.#size = 0;
		this.#onLine(line.at(-1) === 0x0d ? line.subarray(0, -1) : line, truncated);
	}
}
