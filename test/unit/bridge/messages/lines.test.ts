import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineSplitter } from "../../../../stdio-bridge/messages/lines.ts";
import { Stderr } from "../../../../stdio-bridge/processes/stderr.ts";

function split(chunks: readonly Buffer[], maxBytes: number): [string, boolean][] {
	const lines: [string, boolean][] = [];
	const splitter = new LineSplitter(maxBytes, (line, truncated) => lines.push([line.toString("utf8"), truncated]));
	for (const chunk of chunks) splitter.push(chunk);
	splitter.end();
	return lines;
}

describe("LineSplitter", () => {
	it("finds the same lines however the bytes are cut", () => {
		const text = fc.array(fc.string({ unit: fc.constantFrom("a", "é", "\u{1f600}", " ", "{") }), { minLength: 1 });
		fc.assert(
			fc.property(text, fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (lines, sizes) => {
				const bytes = Buffer.from(`${lines.join("\n")}\n`);
				const chunks: Buffer[] = [];
				for (let at = 0, i = 0; at < bytes.length; i++) {
					const size = sizes[i % sizes.length] ?? 1;
					chunks.push(bytes.subarray(at, at + size));
					at += size;
				}
				expect(split(chunks, 1000).map(([line]) => line)).toEqual(lines);
			}),
		);
	});

	it("cuts a line that is too long once, skips its rest, and goes on", () => {
		const chunks = ["12345", "678", "9\nok\n", "exactly\n", "no newline"].map((text) => Buffer.from(text));
		expect(split(chunks, 7)).toEqual([
			["1234567", true],
			["ok", false],
			["exactly", false],
			["no newl", true],
		]);
	});

	it("hands out a line of one chunk as a view of it", () => {
		const chunk = Buffer.from("whole\nhalf");
		const lines: Buffer[] = [];
		const splitter = new LineSplitter(100, (line) => lines.push(line));
		splitter.push(chunk);
		splitter.push(Buffer.from("way\n\n"));
		expect(lines.map(String)).toEqual(["whole", "halfway", ""]);
		expect([lines[0]?.buffer === chunk.buffer, lines[0]?.byteOffset]).toEqual([true, chunk.byteOffset]);
	});

	it("keeps no chunk: a line of a million small ones costs no more than its bytes", () => {
		const chunk = Buffer.alloc(1);
		let got = "";
		const splitter = new LineSplitter(2_000_000, (line) => {
			got = line.toString();
		});
		for (let i = 0; i < 1_000_000; i++) {
			chunk[0] = 0x30 + (i % 10);
			splitter.push(chunk);
		}
		splitter.push(Buffer.from("\n"));
		expect(got === "0123456789".repeat(100_000)).toBe(true);
	});

	it("does not change a line that it has handed out", () => {
		const lines: Buffer[] = [];
		const splitter = new LineSplitter(100, (line) => lines.push(line));
		for (const text of ["a", "b\nc", "d\n", "e", "f\n"]) splitter.push(Buffer.from(text));
		expect(lines.map(String)).toEqual(["ab", "cd", "ef"]);
	});

	it("takes CRLF for a line end", () => {
		expect(split([Buffer.from("a\r"), Buffer.from("\nb\r\n")], 10)).toEqual([
			["a", false],
			["b", false],
		]);
	});
});

describe("Stderr", () => {
	it("leaves out what could take a terminal over", () => {
		const lines: string[] = [];
		const stderr = new Stderr((line) => lines.push(line));
		stderr.push(Buffer.from("\u001b[31mred\u001b[0m\u001b[2J \u001b]0;title\u0007a\tb\rc\u0000\n"));
		stderr.end();
		expect([lines, stderr.tail]).toEqual([["red a\tb c "], "red a\tb c "]);
	});

	it("keeps the last 2 kB and limits the lines of a second", () => {
		const lines: string[] = [];
		const stderr = new Stderr((line) => lines.push(line));
		for (let i = 0; i < 2000; i++) stderr.push(Buffer.from(`line ${i}\n`));
		stderr.end();
		expect(stderr.tail.length).toBeLessThanOrEqual(2048);
		expect(stderr.tail).toMatch(/line 1998\nline 1999$/);
		expect(lines.length).toBeLessThan(2000);
		expect(lines.at(-1)).toMatch(/lines of stderr left out/);
	});
});
