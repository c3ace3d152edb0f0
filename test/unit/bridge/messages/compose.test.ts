import { expect, it } from "vitest";
import { cancelled, errorResponse, request, response } from "../../../../stdio-bridge/messages/compose.ts";
import type { Message } from "../../../../stdio-bridge/messages/message.ts";
import { jsonOf, replaceSpans, textOf } from "../../../../stdio-bridge/messages/rewrite.ts";
import { scan } from "../../../../stdio-bridge/messages/scan.ts";

function one(bytes: Buffer): Message {
	const scanned = scan(bytes);
	if (!scanned.ok || scanned.messages.length !== 1) throw new Error(bytes.toString());
	return scanned.messages[0]!;
}

it.each<[string, Buffer, object, object]>([
	[
		"a cancellation",
		cancelled('"\\u00e9"', 'two\nlines, "quoted" é'),
		{ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "é", reason: 'two\nlines, "quoted" é' } },
		{ kind: "notification", method: "notifications/cancelled" },
	],
	[
		"a cancellation without a reason",
		cancelled("7"),
		{ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 7 } },
		{ kind: "notification" },
	],
	[
		"a request",
		request("1", "a/é\n", '{"b":[]}'),
		{ jsonrpc: "2.0", id: 1, method: "a/é\n", params: { b: [] } },
		{ kind: "request", method: "a/é\n" },
	],
	["a response", response('"x"', "{}"), { jsonrpc: "2.0", id: "x", result: {} }, { kind: "response" }],
	[
		"an error",
		errorResponse("1.0", -32603, 'no\n"', { exitCode: 1 }),
		{ jsonrpc: "2.0", id: 1, error: { code: -32603, message: 'no\n"', data: { exitCode: 1 } } },
		{ kind: "response", errorCode: -32603 },
	],
	[
		"an error for nobody, without data",
		errorResponse("null", -32700, "no"),
		{ jsonrpc: "2.0", id: null, error: { code: -32700, message: "no" } },
		{ kind: "response", errorCode: -32700 },
	],
])("%s is one message on one line", (_, bytes, value, parts) => {
	expect(JSON.parse(bytes.toString())).toEqual(value);
	expect(bytes.includes(0x0a)).toBe(false);
	expect(one(bytes)).toMatchObject(parts);
});

it("an id keeps its spelling", () => {
	const message = one(Buffer.from('{"jsonrpc":"2.0","id":12345678901234567890,"method":"m"}'));
	const id = textOf(message, message.id!);
	expect(response(id, "{}").toString()).toContain('"id":12345678901234567890,');
	expect(cancelled(id).toString()).toContain('"requestId":12345678901234567890}');
});

it("edits come in any order, as strings or bytes, longer or shorter, and leave the original alone", () => {
	const message = one(
		Buffer.from('{"jsonrpc":"2.0","id":"é","method":"m","params":{"_meta":{"progressToken":"token"},"z":1.0}}'),
	);
	const edits = [
		{ span: message.progressToken!, text: Buffer.from("3") },
		{ span: message.id!, text: '"größer"' },
	];
	const copy = '{"jsonrpc":"2.0","id":"größer","method":"m","params":{"_meta":{"progressToken":3},"z":1.0}}';
	expect(replaceSpans(message.bytes, edits).toString()).toBe(copy);
	expect(replaceSpans(message.bytes, edits.toReversed()).toString()).toBe(copy);
	expect(replaceSpans(message.bytes, []).equals(message.bytes)).toBe(true);
	expect(jsonOf(message, message.params!)).toEqual({ _meta: { progressToken: "token" }, z: 1 });
});
