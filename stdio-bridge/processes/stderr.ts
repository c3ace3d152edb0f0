import { stripVTControlCharacters } from "node:util";
import { LineSplitter } from "../messages/lines.ts";
import { LineLimit } from "./rate-limit.ts";

const maxLineBytes = 8 * 1024;
const tailBytes = 2 * 1024;
/** A server that floods stderr must cost the bridge neither its CPU nor the operator the log's disk. */
const maxLinesPerSecond = 500;

/**
 * A child's stderr: each line goes to `onLine`, bounded in length and rate, and the last 2 kB are kept for errors. It
 * ends up on terminals, so what could take one over (colours too) is left out.
 * Stderr is a log, not a sign of failure: https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#stdio
 */
export class Stderr {
	readonly #splitter: LineSplitter;
	readonly #onLine: (line: string) => void;
	#tail = "";
	readonly #limit: LineLimit;

	constructor(onLine: (line: string) => void) {
		this.#onLine = onLine;
		this.#limit = new LineLimit(maxLinesPerSecond, (count) =>
			onLine(`(${count} lines of stderr left out: over ${maxLinesPerSecond} a second)`),
		);
		this.#splitter = new LineSplitter(maxLineBytes, (line) => this.#line(plain(line.toString("utf8"))));
	}

	push(chunk: Buffer): void {
		this.#splitter.push(chunk);
	}

	end(): void {
		this.#splitter.end();
		this.#limit.end();
	}

	/** The last lines, 2 kB at the most. */
	get tail(): string {
		return this.#tail;
	}

	#line(line: string): void {
		const text = this.#tail === "" ? line : `${this.#tail}\n${line}`;
		this.#tail = text.length > tailBytes ? text.slice(-tailBytes) : text;
		if (this.#limit.pass()) this.#onLine(line);
	}
}

const plain = (line: string) => stripVTControlCharacters(line).replace(/[^\P{Cc}\t]+/gu, " ");
