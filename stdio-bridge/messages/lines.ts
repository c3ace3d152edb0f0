/**
 * Cuts a byte stream into lines. The SDK's ReadBuffer is not used: it copies all it holds at every chunk (quadratic
 * for large messages) and clears itself for good at 10 MiB.
 *
 * A line that lies within one chunk is a view of it; one of several chunks is gathered in a buffer that doubles, so it
 * costs time and memory in proportion to its bytes, even where each chunk is one byte. A line's bytes belong to who
 * gets it. A line over `maxBytes` is handed out once, cut to that size and marked, and its rest is skipped.
 */
export class LineSplitter {
	readonly #maxBytes: number;
	readonly #onLine: (line: Buffer, truncated: boolean) => void;
	#held: Buffer = nothing;
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
			const piece = chunk.subarray(start, newline === -1 ? chunk.length : newline);
			if (!this.#skipping) this.#add(piece, newline !== -1);
			if (newline === -1) return;
			this.#skipping = false;
			start = newline + 1;
		}
	}

	/** Hands out what came after the last newline. */
	end(): void {
		if (this.#size > 0) this.#flush(false);
	}

	#add(piece: Buffer, last: boolean): void {
		const room = this.#maxBytes - this.#size;
		const truncated = piece.length > room;
		const fitting = truncated ? piece.subarray(0, room) : piece;
		if (this.#size === 0 && (last || truncated)) this.#give(fitting, truncated);
		else {
			this.#hold(fitting);
			if (last || truncated) this.#flush(truncated);
		}
		this.#skipping = truncated;
	}

	#hold(piece: Buffer): void {
		const size = this.#size + piece.length;
		if (size > this.#held.length) {
			const grown = Buffer.allocUnsafe(Math.min(this.#maxBytes, Math.max(1024, 2 * size)));
			this.#held.copy(grown, 0, 0, this.#size);
			this.#held = grown;
		}
		piece.copy(this.#held, this.#size);
		this.#size = size;
	}

	#flush(truncated: boolean): void {
		const line = this.#held.subarray(0, this.#size);
		this.#held = nothing;
		this.#size = 0;
		this.#give(line, truncated);
	}

	#give(line: Buffer, truncated: boolean): void {
		this.#onLine(line.at(-1) === 0x0d ? line.subarray(0, -1) : line, truncated);
	}
}

const nothing = Buffer.alloc(0);
