/** Slips of the pen in a text: what is there is flipped, dropped, doubled, moved, or something is put in. */
import fc from "fast-check";

const tokens = [
	..."{}[]:,\"'&*!|>#%@`?-\\\n\t \0\r\u{feff}\u2028",
	...["\ud83d", "- ", "? ", ": ", "<<", "__proto__", "&a ", "*a", "!!binary ", "!x ", "---\n", "...\n", "%YAML 1.1\n"],
	...["null", "1e999", "-0", "0x10", "'''", '"""', "\\u0000", "${", "${file:/", "}}", "//", "/*", "*/", "|\n", ">-\n"],
	...["{".repeat(150), "[".repeat(150), "- ".repeat(150), "a: ".repeat(40)],
];

type Slip = (text: string) => string;

const at = (fraction: number, text: string) => Math.floor(fraction * (text.length + 1));
const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

const slip: fc.Arbitrary<Slip> = fc.oneof(
	fc.tuple(place, fc.constantFrom(...tokens)).map(([p, token]): Slip => {
		return (text) => text.slice(0, at(p, text)) + token + text.slice(at(p, text));
	}),
	fc.tuple(place, fc.integer({ min: 1, max: 8 })).map(([p, length]): Slip => {
		return (text) => text.slice(0, at(p, text)) + text.slice(at(p, text) + length);
	}),
	fc.tuple(place, fc.integer({ min: 0, max: 7 })).map(([p, bit]): Slip => {
		return (text) => {
			const i = at(p, text);
			return i >= text.length
				? text
				: text.slice(0, i) + String.fromCharCode(text.charCodeAt(i) ^ (1 << bit)) + text.slice(i + 1);
		};
	}),
	fc.tuple(place, place, place).map(([from, to, p]): Slip => {
		return (text) => {
			const [start = 0, end = 0] = [at(from, text), at(to, text)].sort((a, b) => a - b);
			return text.slice(0, at(p, text)) + text.slice(start, end) + text.slice(at(p, text));
		};
	}),
	place.map(
		(p): Slip =>
			(text) =>
				text.slice(0, at(p, text)),
	),
);

/** One to five slips, one after the other. */
export const slips: fc.Arbitrary<Slip> = fc
	.array(slip, { minLength: 1, maxLength: 5 })
	.map((list) => (text: string) => list.reduce((so, one) => one(so), text));
