import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { catalogue } from "../../../control-plane/errors/catalogue.ts";
import { eventually } from "../../support/gateway.ts";
import { type Answer, oneConnection, send } from "./client.ts";
import { recordedServer } from "./recorded.ts";

/**
 * What Envoy reads in bodies, against `JSON.parse` as the referee. Errors of an unknown server tell the id, the access
 * log tells method and tool.
 */

const running = recordedServer();

/** What may be told of a body; undefined where nothing may be. */
interface Told {
	readonly method?: unknown;
	readonly id?: unknown;
	readonly name?: unknown;
}

const isScalar = (value: unknown) => ["string", "number", "boolean"].includes(typeof value);

/** Envoy's parser takes a zero byte for the end of the text. */
function referee(body: Buffer): Told {
	let parsed: unknown;
	try {
		const zero = body.indexOf(0);
		const text = body.subarray(0, zero < 0 ? body.length : zero);
		parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text));
	} catch {
		return {};
	}
	const field = (of: unknown, key: string) => {
		if (typeof of !== "object" || of === null || Array.isArray(of) || !Object.hasOwn(of, key)) return undefined;
		const value = (of as Record<string, unknown>)[key];
		return isScalar(value) ? value : undefined;
	};
	const params = typeof parsed === "object" && parsed !== null ? (parsed as { params?: unknown }).params : undefined;
	return { method: field(parsed, "method"), id: field(parsed, "id"), name: field(params, "name") };
}

const headers = { "content-type": "application/json" };
let counter = 0;

/** Sends bodies over one connection; for each, what was told of it. */
async function told(bodies: readonly Buffer[], more: Record<string, string> = {}): Promise<Told[]> {
	const agent = oneConnection();
	const ids: string[] = [];
	const answers: Answer[] = [];
	for (const body of bodies) {
		const requestId = `envelope-${counter++}`;
		ids.push(requestId);
		const call = { method: "POST", headers: { ...headers, ...more, "x-request-id": requestId }, body, agent };
		answers.push(await send(running.gateway.url, "/nosuch", call));
	}
	agent.destroy();
	const lines = new Map<unknown, Record<string, unknown>>();
	await eventually("all requests are logged", () => {
		for (const line of running.gateway.events()) lines.set(line["requestId"], line);
		return ids.every((id) => lines.has(id));
	});
	return answers.map(({ status, text }, index) => {
		expect(status).toBe(catalogue.unknown_server.status);
		const line = lines.get(ids[index]);
		return { method: line?.["mcpMethod"], id: JSON.parse(text).id, name: line?.["mcpTool"] };
	});
}

/** That everything told is true, and, with `valid`, that everything was told. */
function compare(body: Buffer, { method, id, name }: Told, valid: boolean): void {
	const right = referee(body);
	// Envoy takes no text with an integer beyond 63 bits, wherever it stands.
	const all = valid && !/\d{19}/.test(body.toString("latin1"));
	const what = JSON.stringify(body.toString("latin1"));
	if (all || id !== null) expect(id, `id of ${what}`).toEqual(right.id ?? null);
	for (const [got, wanted] of [
		[method, right.method],
		[name, right.name],
	]) {
		// The log's fields are texts, whatever stood in the body.
		const value = ["number", "boolean"].includes(typeof wanted) && got !== "" ? JSON.parse(String(got)) : (got ?? "");
		if (all || (got ?? "") !== "") expect(value, `method or name of ${what}`).toBe(wanted ?? "");
	}
}

const space = fc.stringMatching(/^[ \t\r\n]{0,2}$/);

/** A JSON string in one of its spellings. */
const spelt = (text: string) =>
	fc.array(fc.nat(3), { minLength: text.length, maxLength: text.length }).map((ways) => {
		const raw = JSON.stringify(text);
		// Half a surrogate pair in escapes would be no Unicode, and what needs an escape has one already.
		if (raw.length !== text.length + 2 || /[\ud800-\udfff]/.test(text)) return raw;
		const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
		return `"${text.replace(/./g, (unit, n) => (ways[n] === 0 ? escaped(unit) : ways[n] === 1 && unit === "/" ? "\\/" : unit))}"`;
	});
const words = fc.string({
	unit: fc.oneof(
		fc.constantFrom('"', "\\", "/", "\n", "\x7f", "{", "}", ","),
		fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }),
	),
	maxLength: 12,
});
const string = words.chain(spelt);
const method = fc.constantFrom("tools/call", "prompts/get", "tools/list", "initialize", "").chain(spelt);
const numbers = fc.constantFrom(
	"0",
	"-1",
	"1.0",
	"1e2",
	"1E+2",
	"-0.5",
	"4711",
	"1099511627776",
	"9007199254740991",
	"9007199254740993",
	"1.7976931348623157e308",
	"0.1",
	"5e-324",
);
const anyNumber = fc.oneof(
	numbers,
	fc.maxSafeInteger().map(String),
	fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
);
const nested = fc.jsonValue({ maxDepth: 5 }).map((value) => JSON.stringify(value));
const scalar = fc.oneof(string, anyNumber, fc.constantFrom("true", "false", "null"));
const id = fc.oneof(
	{ weight: 6, arbitrary: fc.oneof(string, anyNumber) },
	fc.constantFrom("true", "null", "[]", '{"id":1}'),
);

/** An object of these members in any order and spacing; a key may come twice. */
function object(members: readonly fc.Arbitrary<readonly [string, string]>[]): fc.Arbitrary<string> {
	const chosen = fc.array(fc.oneof(...members), { maxLength: 8 });
	return fc.tuple(chosen, fc.array(space, { minLength: 40, maxLength: 40 })).chain(([entries, spaces]) => {
		let n = 0;
		const gap = () => spaces[n++] ?? "";
		return fc.tuple(...entries.map(([key]) => spelt(key))).map((keys) => {
			const parts = entries.map(([, value], index) => `${gap()}${keys[index]}${gap()}:${gap()}${value}${gap()}`);
			return `{${parts.join(",") || gap()}}`;
		});
	});
}

const member = (key: string, value: fc.Arbitrary<string>) => fc.tuple(fc.constant(key), value);
const params = object([
	member("name", fc.oneof({ weight: 4, arbitrary: string }, nested)),
	member("arguments", nested),
	member("_meta", nested),
	fc.tuple(words, scalar),
]);
const request = object([
	member("jsonrpc", fc.constant('"2.0"')),
	member("method", fc.oneof({ weight: 4, arbitrary: method }, nested)),
	member("id", id),
	member("params", fc.oneof({ weight: 4, arbitrary: params }, nested)),
	fc.tuple(words, nested),
]).map((text) => Buffer.from(text));

/** A request that something happened to on the way. */
const damaged = fc
	.tuple(request, request, fc.nat(), fc.uint8Array({ maxLength: 3 }), fc.nat(3))
	.map(([body, other, where, bytes, kind]) => {
		const at = where % (body.length + 1);
		if (kind === 0) return body.subarray(0, at);
		if (kind === 1) return Buffer.concat([body.subarray(0, at), bytes, body.subarray(at)]);
		if (kind === 2) return Buffer.concat([body.subarray(0, at), bytes, body.subarray(at + bytes.length)]);
		return Buffer.concat([body, bytes, other]);
	});
const garbage = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
const batch = fc.array(request, { maxLength: 3 }).map((list) => Buffer.from(`[${list.join(",")}]`));

test.each([
	["requests in any spelling", request, true],
	["damaged ones, garbage and batches", fc.oneof({ weight: 4, arbitrary: damaged }, garbage, batch), false],
] as const)("%s: what is told is true", async (_what, bodies, all) => {
	await fc.assert(
		fc.asyncProperty(fc.array(bodies, { minLength: 150, maxLength: 150, size: "max" }), async (list) => {
			const results = await told(list);
			for (const [index, result] of results.entries()) compare(list[index] as Buffer, result, all);
		}),
		{ numRuns: 3, endOnFailure: true },
	);
});

const call = (bytes = 0) => {
	const message = { jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "echo", arguments: { text: "" } } };
	message.params.arguments.text = "x".repeat(Math.max(0, bytes - JSON.stringify(message).length));
	return Buffer.from(JSON.stringify(message));
};
const known = { method: "tools/call", id: 7, name: "echo" };

describe("a body is read", () => {
	test("up to 99,999 bytes", async () => {
		const [within, beyond] = await told([call(99_999), call(100_000)]);
		expect(within).toEqual(known);
		expect(beyond).toMatchObject({ id: null });
		expect(beyond?.method ?? "").toBe("");
	});

	test.each(["application/json", "application/json; charset=utf-8", "Application/JSON"])("as %s", async (type) => {
		expect(await told([call()], { "content-type": type })).toEqual([known]);
	});

	test("not in another type, and not where the headers tell it", async () => {
		for (const more of [{ "content-type": "text/plain" }, { "content-type": "application/jsonx" }]) {
			expect((await told([call()], more))[0]?.id).toBeNull();
		}
		const [modern] = await told([call()], { "mcp-method": "tools/list", "mcp-name": "other" });
		expect(modern).toEqual({ method: "tools/list", id: null, name: "other" });
	});

	test("however it is nested, and passed on as it was", async () => {
		const deep = [
			["[", "]"],
			['{"a":', "}"],
		].map(([open, close]) => `${open?.repeat(15_000)}1${close?.repeat(15_000)}`);
		for (const body of deep) {
			running.upstream.clear();
			expect((await send(running.gateway.url, "/s", { method: "POST", headers, body })).status).toBe(200);
			expect((await running.upstream.next()).body.toString()).toBe(body);
		}
		expect(await told([call()])).toEqual([known]);
	});
});
