import type { Readable } from "node:stream";

/** Longest line that is put together; a longer one is passed on in pieces rather than held in memory. */
const MAX_LINE = 1024 * 1024;

/** Calls `take` with each line of a stream, the last one without its end included. */
export function readLines(stream: Readable, take: (line: string) => void): void {
	let rest = "";
	stream.setEncoding("utf8");
	stream.on("data", (chunk: string) => {
		const lines = (rest + chunk).split("\n");
		rest = lines.pop() ?? "";
		for (const line of lines) if (line !== "") take(line);
		if (rest.length > MAX_LINE) {
			take(rest);
			rest = "";
		}
	});
	stream.on("end", () => {
		if (rest !== "") take(rest);
	});
	stream.on("error", () => {});
}

/**
 * Passes a stream on in chunks that end at a line's end. Access logs take this way: one write for many lines, and no
 * line of another writer in the middle of one.
 */
export function passLines(stream: Readable, out: NodeJS.WritableStream): void {
	let rest: Buffer = Buffer.alloc(0);
	stream.on("data", (chunk: Buffer) => {
		const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
		const end = all.lastIndexOf(10) + 1;
		rest = all.subarray(end);
		if (end > 0 && !out.write(all.subarray(0, end))) {
			stream.pause();
			out.once("drain", () => stream.resume());
		}
	});
	stream.on("error", () => {});
}
