import { isUtf8 } from "node:buffer";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Message, Scanned, Span } from "../../../../stdio-bridge/messages/message.ts";
import { replaceSpans, textOf } from "../../../../stdio-bridge/messages/rewrite.ts";
import { scan } from "../../../../stdio-bridge/messages/scan.ts";

/** `FUZZ_SEED` and `FUZZ_RUNS` (a factor) look further than the fixed, short run: see test/unit/fuzz. */
const seed = Number(process.env["FUZZ_SEED"] ?? 20_260_728);
const factor = Number(process.env["FUZZ_RUNS"] ?? 1);
const runs = (numRuns: number) => ({ seed, numRuns: Math.ceil(numRuns * factor) });
const timeout = 60_000 * Math.max(1, factor);

const SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId";
const VERSION = "io.modelcontextprotocol/protocolVersion";

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
	typeof value === "object" && value !== null && !Array.isArray(value);
const isId = (value: unknown) => typeof value === "string" || typeof value === "number";
const only = (value: unknown) => (isId(value) ? value : undefined);

/** What the scanner should say of a message, by way of JSON.parse; undefined where it is not JSON-RPC. */
function expected(value: unknown): Json | undefined {
	if (!isObject(value) || value["jsonrpc"] !== "2.0") return undefined;
	const has = (key: string) => Object.hasOwn(value, key);
	const { id, method, params, result, error } = value;
	if (has("method")) {
		if (typeof method !== "string" || has("result") || has("error")) return undefined;
		if (has("id") && !isId(id)) return undefined;
		if (has("params") && (typeof params !== "object" || params === null)) return undefined;
		const kind = has("id") ? "request" : "notification";
		const own: Json = isObject(params) ? params : {};
		const meta = isObject(own["_meta"]) ? own["_meta"] : undefined;
		const note = (name: string) => kind === "notification" && method === `notifications/${name}`;
		return {
			kind,
			id,
			method,
			params,
			meta,
			progressToken: only(note("progress") ? own["progressToken"] : meta?.["progressToken"]),
			requestId: note("cancelled") ? only(own["requestId"]) : undefined,
			subscriptionId: kind === "notification" ? only(meta?.[SUBSCRIPTION]) : undefined,
			protocolVersion: typeof meta?.[VERSION] === "string" ? meta[VERSION] : undefined,
		};
	}
	if (has("result") === has("error")) return undefined;
	const errorCode = isObject(error) ? error["code"] : undefined;
	if (has("error") && (!Number.isInteger(errorCode) || typeof (error as Json)["message"] !== "string"))
		return undefined;
	if (!isId(id) && !(has("error") && (id === null || !has("id")))) return undefined;
	const meta = isObject(result) && isObject(result["_meta"]) ? result["_meta"] : {};
	return { kind: "response", id: id ?? undefined, method: "", errorCode, subscriptionId: only(meta[SUBSCRIPTION]) };
}

/** A message with its spans parsed, to be compared with {@link expected}. */
function seen(message: Message): Json {
	const { bytes: _, kind, method, errorCode, protocolVersion, ...spans } = message;
	const parsed = Object.entries(spans).map(([name, span]) => [name, JSON.parse(textOf(message, span as Span))]);
	return { kind, method, errorCode, protocolVersion, ...Object.fromEntries(parsed) };
}

function parse(text: Buffer): { value: unknown } | undefined {
	try {
		return isUtf8(text) ? { value: JSON.parse(text.toString("utf8")) } : undefined;
	} catch {
		return undefined;
	}
}

/** Some messages hold members twice where JSON.parse takes the last: there, refusing is as good as agreeing. */
function expectAgreement(text: Buffer): Scanned {
	const parsed = parse(text);
	const before = Buffer.from(text);
	const scanned = scan(text);
	if (parsed === undefined) {
		expect(scanned).toMatchObject({ ok: false, fault: "parse" });
		return scanned;
	}
	const values: unknown[] = Array.isArray(parsed.value) ? parsed.value : [parsed.value];
	const wanted = values.map(expected);
	if (!scanned.ok) {
		expect(scanned.fault, scanned.detail).toBe("invalid");
		if (/twice/.test(scanned.detail)) return scanned;
		expect(wanted.length === 0 || wanted.includes(undefined), scanned.detail).toBe(true);
		return scanned;
	}
	expect(scanned.batch).toBe(Array.isArray(parsed.value));
	expect(scanned.messages.map(seen)).toEqual(wanted);
	for (const { bytes } of scanned.messages) {
		expect(bytes.includes(0x0a) || bytes.includes(0x0d)).toBe(false);
		expect([bytes.at(0), bytes.at(-1)]).toEqual([0x7b, 0x7d]);
		expect(before.toString("latin1").replaceAll(/[\r\n]/g, " ")).toContain(bytes.toString("latin1"));
	}
	return scanned;
}

/** Numbers and strings as JSON.stringify would never spell them. */
const odd = fc.constantFrom(
	..."1.0 1e400 -1E-400 12345678901234567890 -0 0.10 1e+2 true false null {} [] [{}]".split(" "),
	...['"\\u00e9"', '"é"', '"\\ud83d"', '"\\/\\b\\f\\n\\r\\t\\"\\\\"', '"\u2028\u0000x"'.replace("\0", "\\u0000")],
	...['"é\u{1f600}"', `"${"long ".repeat(80)}"`, `"${"long ".repeat(80)}\\n${"é".repeat(200)}\\\\"`],
);
const goodId = fc.constantFrom("1", "0", "-7", "1.0", '"1"', '"a\\u0062"', '"é"', '"2.0"', "12345678901234567890");
const id = fc.oneof({ weight: 8, arbitrary: goodId }, { weight: 1, arbitrary: odd });
const leaf = fc.oneof(
	odd,
	fc.json({ maxDepth: 3 }),
	fc.string({ unit: "grapheme" }).map((text) => JSON.stringify(text)),
);
const blank = fc.oneof(
	{ weight: 6, arbitrary: fc.constant("") },
	{ weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(" ", "\t", "\r", "\n") }) },
);

/** A key, now and then with an escape, or one that nobody asked for. */
const key = (name: string): fc.Arbitrary<string> =>
	fc.oneof(
		{ weight: 12, arbitrary: fc.constant(JSON.stringify(name)) },
		{
			weight: 1,
			arbitrary: fc.nat(name.length - 1).map((i) => {
				const code = name.charCodeAt(i).toString(16).padStart(4, "0");
				return `"${name.slice(0, i)}\\u${code}${name.slice(i + 1)}"`;
			}),
		},
	);
const other = fc.oneof(
	fc.constantFrom('"Id"', '"id2"', '"i"', '""', '"__proto__"', '"_meta"', '"progressToken"', '"method "', '"\\""'),
	fc.string({ unit: "grapheme" }).map((text) => JSON.stringify(text)),
);

interface Wish {
	readonly name: string;
	readonly value: fc.Arbitrary<string>;
	/** Of 10. */
	readonly often: number;
}

/** An object as text: the members wished for, some left out, some more, in any order, with blanks anywhere. */
function object(wishes: readonly Wish[]): fc.Arbitrary<string> {
	const wished = wishes.map(({ name, value, often }) =>
		fc.tuple(fc.integer({ min: 1, max: 10 }), key(name), value).map(([roll, k, v]) => (roll <= often ? [[k, v]] : [])),
	);
	const more = fc.array(
		fc.tuple(other, leaf).map(([k, v]) => [k, v]),
		{ maxLength: 3 },
	);
	return fc
		.tuple(fc.tuple(...wished), more, fc.infiniteStream(blank), fc.infiniteStream(fc.nat()))
		.map(([own, extra, blanks, dice]) => {
			const b = () => blanks.next().value as string;
			const members = [...own.flat(), ...extra];
			for (let i = members.length - 1; i > 0; i--) {
				const j = (dice.next().value as number) % (i + 1);
				[members[i], members[j]] = [members[j]!, members[i]!];
			}
			return `{${b()}${members.map(([k, v]) => `${k}${b()}:${b()}${v}${b()}`).join(`,${b()}`)}}`;
		});
}

const rarely = (value: fc.Arbitrary<string>) =>
	fc.oneof({ weight: 15, arbitrary: value }, { weight: 1, arbitrary: leaf });
const meta = object([
	{ name: "progressToken", value: id, often: 6 },
	{ name: SUBSCRIPTION, value: id, often: 4 },
	{ name: VERSION, value: rarely(fc.constantFrom('"2026-07-28"', '"2026\\u002d07-28"')), often: 4 },
]);
const params = object([
	{ name: "_meta", value: rarely(meta), often: 6 },
	{ name: "progressToken", value: id, often: 3 },
	{ name: "requestId", value: id, often: 3 },
]);
const version: Wish = {
	name: "jsonrpc",
	value: fc.oneof(
		{ weight: 30, arbitrary: fc.constantFrom('"2.0"', '"\\u0032.0"') },
		{ weight: 1, arbitrary: fc.constantFrom('"1.0"', "2.0", '"2.0 "', "null") },
	),
	often: 10,
};
const methods = ["tools/call", "notifications/progress", "notifications/cancelled", "caf\\u00e9", "é"];
const request = object([
	version,
	{ name: "id", value: id, often: 5 },
	{ name: "method", value: rarely(fc.constantFrom(...methods.map((name) => `"${name}"`))), often: 10 },
	{ name: "params", value: rarely(params), often: 8 },
]);
const result = object([
	version,
	{ name: "id", value: id, often: 10 },
	{ name: "result", value: rarely(params), often: 10 },
]);
const code = rarely(fc.constantFrom("-32603", "-32600.0", "1e2", "1.5", "1e400", '"1"'));
const error = object([
	version,
	{ name: "id", value: id, often: 7 },
	{
		name: "error",
		value: rarely(
			object([
				{ name: "code", value: code, often: 10 },
				{ name: "message", value: rarely(fc.constantFrom('"no"', '"n\\u006f"')), often: 10 },
			]),
		),
		often: 10,
	},
	{ name: "result", value: leaf, often: 1 },
]);
const message = fc.oneof(request, result, error);
const batch = fc.array(message, { maxLength: 3 }).map((list) => `[${list.join(",")}]`);
const texts = fc
	.tuple(
		blank,
		fc.oneof({ weight: 8, arbitrary: message }, { weight: 2, arbitrary: batch }, { weight: 1, arbitrary: leaf }),
		blank,
	)
	.map((parts) => Buffer.from(parts.join("")));

/** One change of some bytes: one is set, left out, doubled, or the rest is cut off. */
const slip = fc.tuple(
	fc.nat(),
	fc.constantFrom("set", "drop", "add", "cut"),
	fc.oneof(
		fc.integer({ min: 0, max: 255 }),
		fc.constantFrom(...Buffer.from('{}[]:,"\\0123456789+-.eEu \t\r\n\0tfn\u{feff}')),
	),
);
const slips = fc.array(slip, { minLength: 1, maxLength: 3 });

function slipped(text: Buffer, list: readonly (readonly [number, string, number])[]): Buffer {
	let bytes = Buffer.from(text);
	for (const [roll, what, byte] of list) {
		const at = roll % (bytes.length + 1);
		const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
		const one = Buffer.of(byte);
		if (what === "set") bytes = Buffer.concat([head, one, tail.subarray(1)]);
		else if (what === "drop") bytes = Buffer.concat([head, tail.subarray(1)]);
		else if (what === "add") bytes = Buffer.concat([head, one, tail]);
		else bytes = Buffer.from(head);
	}
	return bytes;
}

describe("scan and JSON.parse", () => {
	test(
		"agree on what is a message, and where its parts are",
		() => {
			const kinds = new Map<string, number>();
			fc.assert(
				fc.property(texts, (text) => {
					const scanned = expectAgreement(text);
					for (const name of scanned.ok ? scanned.messages.map(({ kind }) => kind) : [scanned.fault]) {
						kinds.set(name, (kinds.get(name) ?? 0) + 1);
					}
				}),
				runs(3000),
			);
			for (const name of ["request", "notification", "response", "invalid"]) {
				expect(kinds.get(name), `texts that are a ${name}`).toBeGreaterThan(100);
			}
		},
		timeout,
	);

	test(
		"agree on what is JSON after slips of a few bytes, wherever in memory the text begins",
		() => {
			fc.assert(
				fc.property(texts, slips, fc.nat(7), (text, list, offset) => {
					const bytes = slipped(text, list);
					const home = Buffer.alloc(offset + bytes.length + 5, '"');
					bytes.copy(home, offset);
					expectAgreement(home.subarray(offset, offset + bytes.length));
					expect(
						home.subarray(0, offset).every((byte) => byte === 0x22),
						"bytes before",
					).toBe(true);
					expect(
						home.subarray(-5).every((byte) => byte === 0x22),
						"bytes behind",
					).toBe(true);
				}),
				runs(10_000),
			);
		},
		timeout,
	);
});

describe("replaceSpans", () => {
	test(
		"changes the spans and nothing else, and back again gives the same bytes",
		() => {
			let edited = 0;
			fc.assert(
				fc.property(texts, goodId, goodId, (text, newId, newToken) => {
					const scanned = scan(text);
					for (const found of scanned.ok ? scanned.messages : []) {
						const edits = [
							...(found.progressToken ? [{ span: found.progressToken, text: newToken }] : []),
							...(found.id ? [{ span: found.id, text: Buffer.from(newId) }] : []),
						];
						edited += edits.length;
						const original = Buffer.from(found.bytes);
						const there = replaceSpans(found.bytes, edits);
						expect(found.bytes.equals(original)).toBe(true);
						expect(there.toString("latin1")).toBe(sliced(found.bytes, edits));
						const again = scan(Buffer.from(there));
						if (!again.ok) throw new Error(again.detail);
						const [now] = again.messages;
						const back = [
							...(found.id ? [{ span: now!.id!, text: textOf(found, found.id) }] : []),
							...(found.progressToken ? [{ span: now!.progressToken!, text: textOf(found, found.progressToken) }] : []),
						];
						expect(replaceSpans(now!.bytes, back).equals(original)).toBe(true);
					}
				}),
				runs(2000),
			);
			expect(edited).toBeGreaterThan(500);
		},
		timeout,
	);
});

/** What {@link replaceSpans} does, by way of strings; `edits` have no order. */
function sliced(bytes: Buffer, edits: readonly { span: Span; text: Buffer | string }[]): string {
	let text = bytes.toString("latin1");
	for (const edit of edits.toSorted((a, b) => b.span.start - a.span.start)) {
		const value = Buffer.from(edit.text as string).toString("latin1");
		text = text.slice(0, edit.span.start) + value + text.slice(edit.span.end);
	}
	return text;
}
