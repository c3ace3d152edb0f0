import { describe, expect, it } from "vitest";
import { MAX_DEPTH } from "../../../../stdio-bridge/messages/json.ts";
import { memberOf } from "../../../../stdio-bridge/messages/member.ts";
import type { Message, Span } from "../../../../stdio-bridge/messages/message.ts";
import { textOf } from "../../../../stdio-bridge/messages/rewrite.ts";
import { scan } from "../../../../stdio-bridge/messages/scan.ts";

/** A message as text, with its spans as texts. */
function shown({ bytes, ...parts }: Message): Record<string, unknown> {
	const spelled = Object.entries(parts).map(([name, part]) => [
		name,
		typeof part === "object" ? bytes.toString("utf8", (part as Span).start, (part as Span).end) : part,
	]);
	return { bytes: bytes.toString(), ...Object.fromEntries(spelled) };
}

function good(text: string | Buffer): Record<string, unknown>[] {
	const scanned = scan(Buffer.from(text));
	if (!scanned.ok) throw new Error(`${scanned.fault}: ${scanned.detail}`);
	expect(scanned.batch).toBe(text.toString().trimStart().startsWith("["));
	return scanned.messages.map(shown);
}

function bad(text: string | Buffer): string {
	const scanned = scan(Buffer.from(text));
	return scanned.ok ? "ok" : `${scanned.fault}: ${scanned.detail}`;
}

const V = '"jsonrpc":"2.0"';
const subscription = '"io.modelcontextprotocol/subscriptionId"';
const version = '"io.modelcontextprotocol/protocolVersion"';

describe("scan finds", () => {
	it.each<[string, string, object]>([
		["a request", `{${V},"id":1,"method":"ping"}`, { kind: "request", id: "1", method: "ping" }],
		[
			"an id after all else",
			`{"method":"ping",${V},"x":{"id":2},"id":"é"}`,
			{ kind: "request", id: '"é"', method: "ping" },
		],
		["an id with spelling", `{${V},"id":-1.50E+3,"method":""}`, { kind: "request", id: "-1.50E+3", method: "" }],
		["an escaped key", `{${V},"\\u0069d":1,"m\\u0065thod":"m"}`, { kind: "request", id: "1", method: "m" }],
		["an escaped value", `{"jsonrpc":"2\\u002e0","method":"a\\/\\u00e9"}`, { kind: "notification", method: "a/é" }],
		["params in an array", `{${V},"method":"m","params":[1]}`, { kind: "notification", method: "m", params: "[1]" }],
		[
			"what a request's _meta holds",
			`{${V},"id":1,"method":"m","params":{"_meta":{"progressToken":"t",${version}:"2026\\u002d07-28",${subscription}:1}}}`,
			{
				kind: "request",
				id: "1",
				method: "m",
				params: `{"_meta":{"progressToken":"t",${version}:"2026\\u002d07-28",${subscription}:1}}`,
				meta: `{"progressToken":"t",${version}:"2026\\u002d07-28",${subscription}:1}`,
				progressToken: '"t"',
				protocolVersion: "2026-07-28",
			},
		],
		[
			"the token of a progress notification",
			`{${V},"params":{"progressToken":1,"_meta":{"progressToken":2}},"method":"notifications/progress"}`,
			{
				kind: "notification",
				method: "notifications/progress",
				params: '{"progressToken":1,"_meta":{"progressToken":2}}',
				meta: '{"progressToken":2}',
				progressToken: "1",
			},
		],
		[
			"the request of a cancellation",
			`{${V},"params":{"requestId":"r"},"method":"notifications\\/cancelled"}`,
			{ kind: "notification", method: "notifications/cancelled", params: '{"requestId":"r"}', requestId: '"r"' },
		],
		[
			"the subscription of a notification",
			`{${V},"method":"m","params":{"_meta":{"io.modelcontextprotocol\\/subscriptionId":7}}}`,
			{
				kind: "notification",
				method: "m",
				params: '{"_meta":{"io.modelcontextprotocol\\/subscriptionId":7}}',
				meta: '{"io.modelcontextprotocol\\/subscriptionId":7}',
				subscriptionId: "7",
			},
		],
		[
			"the subscription of a response",
			`{${V},"id":1,"result":{"_meta":{${subscription}:1}}}`,
			{ kind: "response", id: "1", method: "", subscriptionId: "1" },
		],
		["a response of any result", `{${V},"id":"","result":null}`, { kind: "response", id: '""', method: "" }],
		[
			"an error's code",
			`{${V},"id":1,"error":{"message":"","data":[],"code":-32601}}`,
			{ kind: "response", id: "1", method: "", errorCode: -32601 },
		],
		[
			"an error for nobody",
			`{${V},"id":null,"error":{"code":1e2,"message":""}}`,
			{ kind: "response", method: "", errorCode: 100 },
		],
		["an error without id", `{${V},"error":{"code":0,"message":""}}`, { kind: "response", method: "", errorCode: 0 }],
		[
			"nothing of other methods, kinds and types",
			`{${V},"id":1,"method":"notifications/cancelled","params":{"requestId":1,"progressToken":1,"_meta":null}}`,
			{
				kind: "request",
				id: "1",
				method: "notifications/cancelled",
				params: '{"requestId":1,"progressToken":1,"_meta":null}',
			},
		],
		[
			"no token that MCP has no type for",
			`{${V},"id":1,"method":"m","params":{"_meta":{"progressToken":{},${version}:1}}}`,
			{
				kind: "request",
				id: "1",
				method: "m",
				params: `{"_meta":{"progressToken":{},${version}:1}}`,
				meta: `{"progressToken":{},${version}:1}`,
			},
		],
		[
			"no member of a member",
			`{${V},"method":"m","x":{"id":1,"method":2,"params":3},"params":{"a":{"_meta":{}},"id":null}}`,
			{ kind: "notification", method: "m", params: '{"a":{"_meta":{}},"id":null}' },
		],
	])("%s", (_, text, parts) => {
		expect(good(text)).toEqual([{ bytes: text, ...parts }]);
		const bytes = ` ${text}\t`;
		expect(good(bytes), "between blanks").toEqual([{ bytes: text, ...parts }]);
		expect(good(`[${bytes},${text}]`), "in a batch").toEqual([
			{ bytes: text, ...parts },
			{ bytes: text, ...parts },
		]);
	});

	it("newlines between tokens and makes them blanks, in place, and leaves all else as it came", () => {
		const text = `\r\n[\r\n{ ${V} ,\n\t"method"\n:"m",\r"params":{"n":[1.0,\n1e400,12345678901234567890,-0,"\\u00e9é\\n","\\ud83d"],"b":\n1,"a":2},"z":\n{ } }\n]\r\n`;
		const scanned = scan(Buffer.from(text));
		if (!scanned.ok) throw new Error(scanned.detail);
		const blank = text.replaceAll(/[\r\n]/g, " ");
		expect(scanned.messages[0]?.bytes.toString()).toBe(blank.slice(blank.indexOf("{"), blank.lastIndexOf("}") + 1));
	});

	it("an id behind megabytes of result, whatever these hold and wherever in memory they begin", () => {
		const parts = [
			"x".repeat(1 << 20),
			"é".repeat(1 << 18),
			'\\"\\\\{['.repeat(1 << 16),
			`${"\\u00e9"}`.repeat(1 << 15),
		];
		for (let offset = 0; offset < 4; offset++) {
			const text = `${" ".repeat(offset)}{${V},"result":{"content":[${parts.map((part) => `"${part}"`)}]},"id":17}`;
			expect(good(text)).toMatchObject([{ kind: "response", id: "17" }]);
		}
	});

	it("views of the text, no copies", () => {
		const text = Buffer.from(`[{${V},"method":"a"}, {${V},"method":"b"}]`);
		const scanned = scan(text);
		if (!scanned.ok) throw new Error(scanned.detail);
		for (const { bytes } of scanned.messages) expect(bytes.buffer).toBe(text.buffer);
	});
});

describe("scan refuses what is not JSON:", () => {
	const inMessage = (value: string) => `{${V},"method":"m","params":[${value}]}`;
	it.each<[string, string | Buffer]>([
		["nothing", ""],
		["blanks", " \n\t"],
		["a byte order mark", `\u{feff}{${V},"method":"m"}`],
		["a second value", `{${V},"method":"m"}{}`],
		["a zero byte behind", `{${V},"method":"m"}\0`],
		["a blank of Unicode", `{\u00a0${V},"method":"m"}`],
		["a form feed", `{\f${V},"method":"m"}`],
		["a comment", `{${V},"method":"m"/**/}`],
		["a comma too many", `{${V},"method":"m",}`],
		["a comma too many in an array", inMessage("1,")],
		["no comma", inMessage("1 2")],
		["no colon", `{${V},"method""m"}`],
		["a key without quotes", `{${V},method:"m"}`],
		["other quotes", `{${V},'method':"m"}`],
		["an object closed as an array", `{${V},"method":"m"]`],
		["an array closed as an object", inMessage("[}")],
		["an end in a string", `{${V},"method":"m`],
		["an end in a long string", `{${V},"method":"${"m".repeat(1000)}`],
		["an end in an escape", `{${V},"method":"\\`],
		["an end in hex digits", `{${V},"method":"\\u00`],
		["an end in an object", `{${V},"method":"m"`],
		["an end behind a key", `{${V},"method"`],
		["an end in a batch", `[{${V},"method":"m"},`],
		["an end in a literal", `{${V},"method":tru`],
		...["tru", "True", "nul", "undefined", "NaN", "Infinity", "-Infinity", "'a'", "`a`", "0x1"].map(
			(value): [string, string] => [value, inMessage(value)],
		),
		...["01", "-", "-01", "+1", "1.", ".5", "1.e2", "1e", "1e+", "1E-", "1_0", "--1", "1.2.3", "١"].map(
			(value): [string, string] => [`the number ${value}`, inMessage(value)],
		),
		...["\\x41", "\\u12g4", "\\u123", "\\'", "\\0", "\\U0041", "\\u+123"].map((value): [string, string] => [
			`the escape ${value}`,
			inMessage(`"${value}"`),
		]),
		...[0, 1, 8, 9, 10, 13, 31].flatMap((code): [string, string][] =>
			[0, 1, 255, 256, 257, 258, 259, 260, 500].map((at) => [
				`the control character ${code} behind ${at} bytes of a string`,
				inMessage(`"${"x".repeat(at)}${String.fromCharCode(code)}${"x".repeat(600)}"`),
			]),
		),
		...["c0af", "eda080", "f4908080", "ff", "c3", "e28228", "80"].map((hex): [string, Buffer] => [
			`the bytes ${hex} in a string`,
			Buffer.concat([Buffer.from(`{${V},"method":"`), Buffer.from(hex, "hex"), Buffer.from('"}')]),
		]),
	])("%s", (_, text) => {
		expect(bad(text)).toMatch(/^parse: Not JSON: [^"]*\.$/);
		const wrapped = Buffer.concat([Buffer.from("[7,"), Buffer.from(text), Buffer.from("]")]);
		if (text.toString().trim() !== "") expect(bad(wrapped), "though more is wrong").toMatch(/^parse: /);
	});

	it("what is nested too deep, not a level earlier", () => {
		const nested = (depth: number, open = "[", close = "]") =>
			`{${V},"method":"m","params":${open.repeat(depth - 1)}${close.repeat(depth - 1)}}`;
		expect(good(nested(MAX_DEPTH))).toHaveLength(1);
		expect(bad(nested(MAX_DEPTH + 1))).toBe("parse: Nested deeper than 10000.");
		const within = (depth: number) =>
			`{${V},"method":"m","params":{"_meta":{"a":${"[".repeat(depth - 3)}${"]".repeat(depth - 3)}}}}`;
		expect(good(within(MAX_DEPTH))).toHaveLength(1);
		expect(bad(within(MAX_DEPTH + 1))).toBe("parse: Nested deeper than 10000.");
		expect(bad(nested(1_000_000))).toBe("parse: Nested deeper than 10000.");
		expect(bad(`{${V},"method":"m","x":${'{"a":'.repeat(MAX_DEPTH)}0${"}".repeat(MAX_DEPTH)}}`)).toMatch(/deeper/);
		expect(bad("[".repeat(MAX_DEPTH + 1))).toMatch(/deeper/);
		expect(bad(`[${nested(MAX_DEPTH)}]`)).toMatch(/deeper/);
	});
});

describe("scan refuses what is not JSON-RPC:", () => {
	it.each<[string, string]>([
		['"x"', "A message is an object."],
		["17", "A message is an object."],
		["null", "A message is an object."],
		["{}", '"jsonrpc" is not "2.0".'],
		['{"jsonrpc":"1.0","method":"m"}', '"jsonrpc" is not "2.0".'],
		['{"jsonrpc":2.0,"method":"m"}', '"jsonrpc" is not "2.0".'],
		['{"method":"m"}', '"jsonrpc" is not "2.0".'],
		[`{${V}}`, "A message has a method, a result or an error."],
		[`{${V},"id":1}`, "A message has a method, a result or an error."],
		[`{${V},"id":1,"method":null}`, '"method" is not a string.'],
		[`{${V},"id":1,"method":["m"]}`, '"method" is not a string.'],
		...["null", "true", "{}", "[]"].flatMap((id): [string, string][] => [
			[`{${V},"id":${id},"method":"m"}`, '"id" is neither a string nor a number.'],
			[`{${V},"id":${id},"result":{}}`, '"id" is neither a string nor a number.'],
		]),
		[`{${V},"id":true,"error":{"code":1,"message":""}}`, '"id" is neither a string nor a number.'],
		[`{${V},"result":{}}`, '"id" is neither a string nor a number.'],
		...["null", "1", '"x"', "false"].map((params): [string, string] => [
			`{${V},"method":"m","params":${params}}`,
			'"params" is neither an object nor an array.',
		]),
		[`{${V},"id":1,"method":"m","result":{}}`, "A message with a method has no result and no error."],
		[`{${V},"id":1,"method":"m","error":{}}`, "A message with a method has no result and no error."],
		[`{${V},"id":1,"result":{},"error":null}`, "A response has a result or an error, not both."],
		[`{${V},"id":1,"error":null}`, '"error" is not an object.'],
		[`{${V},"id":1,"error":[]}`, '"error" is not an object.'],
		[`{${V},"id":1,"error":{"message":""}}`, '"error.code" is not an integer.'],
		[`{${V},"id":1,"error":{"code":"1","message":""}}`, '"error.code" is not an integer.'],
		[`{${V},"id":1,"error":{"code":1.5,"message":""}}`, '"error.code" is not an integer.'],
		[`{${V},"id":1,"error":{"code":1e400,"message":""}}`, '"error.code" is not an integer.'],
		[`{${V},"id":1,"error":{"code":1}}`, '"error.message" is not a string.'],
		[`{${V},"id":1,"error":{"code":1,"message":null}}`, '"error.message" is not a string.'],
	])("%s", (text, detail) => {
		expect(bad(text)).toBe(`invalid: ${detail}`);
		expect(bad(`[{${V},"method":"m"},${text},{}]`), "in a batch").toBe(`invalid: [1]: ${detail}`);
	});

	it.each<[string, string]>([
		["jsonrpc", `{${V},"jsonrpc":"1.0","method":"m"}`],
		["id", `{${V},"id":1,"method":"m","\\u0069d":2}`],
		["method", `{${V},"method":"a","method":"a"}`],
		["params", `{${V},"method":"m","params":{},"params":[]}`],
		["result", `{${V},"id":1,"result":{},"result":1}`],
		["error", `{${V},"id":1,"error":1,"error":{"code":1,"message":""}}`],
		["code", `{${V},"id":1,"error":{"code":1,"message":"","code":2}}`],
		["message", `{${V},"id":1,"error":{"code":1,"message":"","message":""}}`],
		["_meta", `{${V},"method":"m","params":{"_meta":{},"_met\\u0061":{}}}`],
		["_meta", `{${V},"id":1,"result":{"_meta":1,"_meta":{}}}`],
		["progressToken", `{${V},"method":"m","params":{"progressToken":1,"progressToken":1}}`],
		["requestId", `{${V},"method":"m","params":{"requestId":1,"requestId":2}}`],
		["progressToken", `{${V},"method":"m","params":{"_meta":{"progressToken":1,"progressToken":2}}}`],
		[
			"io.modelcontextprotocol/subscriptionId",
			`{${V},"method":"m","params":{"_meta":{${subscription}:1,${subscription}:2}}}`,
		],
		[
			"io.modelcontextprotocol/protocolVersion",
			`{${V},"method":"m","params":{"_meta":{${version}:"a",${version}:"b"}}}`,
		],
	])("%s twice, as in %s", (name, text) => {
		expect(bad(text)).toBe(`invalid: "${name}" is there twice.`);
	});

	it("not what is there twice and nobody looks at", () => {
		const text = `{${V},"x":1,"x":2,"method":"m","params":{"a":1,"a":2,"id":1,"id":1,"_meta":{"id":1,"id":2}}}`;
		expect(good(text)).toMatchObject([{ kind: "notification", method: "m" }]);
	});

	it("an empty batch, a batch in a batch, and one of too many", () => {
		const notification = `{${V},"method":"m"}`;
		const batch = (size: number) => `[${Array<string>(size).fill(notification).join(",")}]`;
		expect(bad("[ \n]")).toBe("invalid: A batch holds at least one message.");
		expect(bad(`[[${notification}]]`)).toBe("invalid: [0]: A message is an object.");
		expect(good(batch(10_000))).toHaveLength(10_000);
		expect(bad(batch(10_001))).toBe("invalid: A batch holds at most 10000 messages.");
	});

	it("in words that repeat nothing of the text", () => {
		const secret = "s3cr3t";
		for (const text of [
			`{${V},"method":["${secret}"]}`,
			`{${V},"id":{"${secret}":1},"method":"m"}`,
			`{${V},"${secret}":s3cr3t}`,
			`[{"jsonrpc":"${secret}"}]`,
		]) {
			expect(bad(text)).not.toContain(secret);
		}
	});
});

describe("a key", () => {
	it("as long as a message is none that is looked for", () => {
		const key = "\\u0069".repeat(1 << 18);
		expect(good(`{${V},"method":"m","${key}":1,"id":1}`)).toMatchObject([{ kind: "request", id: "1" }]);
	});

	it("is one that is looked for even if each of its characters is escaped", () => {
		const escaped = [...version.slice(1, -1)]
			.map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
			.join("");
		const [message] = good(`{${V},"method":"m","params":{"_meta":{"${escaped}":"2026-07-28"}}}`);
		expect(message).toMatchObject({ protocolVersion: "2026-07-28" });
	});

	it.each(["é", "\u{1f600}", "x".repeat(1000), 'a"\\', ""])("is found whatever it says: %j", (name) => {
		const object = JSON.stringify({ a: 1, [name]: "here", b: 2 });
		const found = memberOf(Buffer.from(object), { start: 0, end: Buffer.byteLength(object) }, name);
		expect(found).toMatchObject({ twice: false });
		expect(Buffer.from(object).toString("utf8", found?.start, found?.end)).toBe('"here"');
	});
});

it("two ids are the same only if they are spelled the same", () => {
	const spelled = ["1", "1.0", '"1"', "12345678901234567890", "12345678901234567891", '"é"', '"\\u00e9"', '"e\u0301"'];
	const keys = spelled.map((id) => {
		const scanned = scan(Buffer.from(`{${V},"id":${id},"method":"m"}`));
		if (!scanned.ok) throw new Error(scanned.detail);
		return textOf(scanned.messages[0]!, scanned.messages[0]!.id!);
	});
	expect(keys).toEqual(spelled);
});
