import { classifyInboundRequest } from "@modelcontextprotocol/server";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Message } from "../../../stdio-bridge/messages/message.ts";
import { scan } from "../../../stdio-bridge/messages/scan.ts";
import { paramHeaders, paramHeadersFault } from "../../../stdio-bridge/transports/param-headers.ts";
import {
	calledTool,
	decodeHeader,
	isStateless,
	requestFault,
	wantsLogs,
} from "../../../stdio-bridge/transports/request-headers.ts";

const VERSION = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";
const INFO = "io.modelcontextprotocol/clientInfo";
const LEVEL = "io.modelcontextprotocol/logLevel";

const META = { [VERSION]: "2026-07-28", [CAPABILITIES]: {} };
const HEADERS = { "mcp-protocol-version": "2026-07-28" };

function read(text: string): Message {
	const scanned = scan(Buffer.from(text));
	if (!scanned.ok || scanned.messages.length !== 1) throw new Error(`not one message: ${text}`);
	return scanned.messages[0]!;
}

function message(body: object): Message {
	return read(JSON.stringify({ jsonrpc: "2.0", ...body }));
}

function faultOf(method: string, params: object, headers: Record<string, string>) {
	return requestFault(message({ id: 1, method, params: { ...params, _meta: META } }), {
		...HEADERS,
		"mcp-method": method,
		...headers,
	});
}

describe("the decision between the eras", () => {
	const version = fc.constantFrom("2026-07-28", "2026-12-01", "2025-11-25", "v999.0.0");
	const meta = fc.record(
		{
			[VERSION]: version,
			[CAPABILITIES]: fc.constantFrom({}, { sampling: {} }, null, "none"),
			[INFO]: fc.constantFrom({ name: "a", version: "1" }, { name: "a" }, "a"),
			[LEVEL]: fc.constantFrom("info", "loud"),
			progressToken: fc.constantFrom<unknown>("t", 7, 1.5, null, true),
			other: fc.constant(1),
		},
		{ requiredKeys: [] },
	);
	const params = fc.oneof(
		fc.record({ _meta: fc.oneof(meta, fc.constant(7)), name: fc.constant("x") }, { requiredKeys: [] }),
		fc.constant(undefined),
	);
	const method = fc.constantFrom("tools/list", "initialize", "server/discover", "notifications/x", "constructor");
	const body = fc.oneof(
		fc.record({ jsonrpc: fc.constant("2.0"), id: fc.constantFrom(1, "a"), method, params }),
		fc.record({ jsonrpc: fc.constant("2.0"), method, params }),
		fc.constant({ jsonrpc: "2.0", id: 1, result: {} }),
		fc.constant({ jsonrpc: "2.0", id: 1, error: { code: 1, message: "" } }),
	);

	it("is the official SDK's, with its error codes, for any message and headers", () => {
		const headers = fc.record({ version: fc.option(version), method: fc.option(method) });
		fc.assert(
			fc.property(body, headers, (body, headers) => {
				const scanned = read(JSON.stringify(body));
				const own = {
					...(headers.version !== null && { "mcp-protocol-version": headers.version }),
					...(headers.method !== null && { "mcp-method": headers.method }),
				};
				const sdk = classifyInboundRequest({
					httpMethod: "POST",
					...(headers.version !== null && { protocolVersionHeader: headers.version }),
					...(headers.method !== null && { mcpMethodHeader: headers.method }),
					body: JSON.parse(JSON.stringify(body)),
				});
				// Shapes that the SDK refuses in every revision are the process's to judge.
				fc.pre(sdk.kind !== "reject" || sdk.cell !== "invalid-json-rpc-body");
				expect(isStateless(scanned, own)).toBe(sdk.kind !== "legacy");
				if (sdk.kind === "legacy") return;
				const fault = requestFault(scanned, own);
				if (sdk.kind === "reject") expect(fault?.code).toBe(sdk.code);
				// What the SDK demands of headers beyond this, it checks in a later step.
				else if (fault && sdk.classification.era === "modern") {
					expect(fault).toMatchObject({ code: -32020, data: { mismatch: { header: "(missing)" } } });
				}
			}),
			{ numRuns: 3000, seed: 20260728 },
		);
	});

	it("lets the body decide, not the header alone", () => {
		expect(isStateless(message({ id: 1, method: "tools/list", params: { _meta: META } }), {})).toBe(true);
		expect(isStateless(message({ id: 1, method: "tools/list" }), HEADERS)).toBe(true);
		expect(isStateless(message({ id: 1, method: "tools/list" }), { "mcp-protocol-version": "2025-11-25" })).toBe(false);
		expect(isStateless(message({ id: 1, method: "initialize", params: {} }), {})).toBe(false);
		expect(isStateless(message({ id: 1, result: {} }), HEADERS)).toBe(false);
	});
});

describe("the headers of a request", () => {
	it.each([
		["MCP-Protocol-Version", { "mcp-method": "tools/list" }],
		["Mcp-Method", { "mcp-protocol-version": "2026-07-28" }],
	])("needs %s", (name, headers) => {
		const fault = requestFault(message({ id: 1, method: "tools/list", params: { _meta: META } }), headers);
		expect(fault).toMatchObject({ code: -32020, message: expect.stringContaining(name) });
	});

	it.each([
		["tools/call", { name: "größe" }],
		["prompts/get", { name: "größe" }],
		["resources/read", { uri: "größe" }],
		["tasks/get", { taskId: "größe" }],
	])("compares Mcp-Name of %s, decoded", (method, params) => {
		const encoded = `=?base64?${Buffer.from("größe").toString("base64")}?=`;
		expect(faultOf(method, params, { "mcp-name": encoded })).toBeUndefined();
		expect(faultOf(method, params, {})).toMatchObject({ code: -32020 });
		expect(faultOf(method, params, { "mcp-name": "other" })).toMatchObject({ code: -32020 });
		expect(faultOf(method, params, { "mcp-name": "=?base64?gr?=" })).toMatchObject({ code: -32020 });
	});

	it("needs no Mcp-Name where there is nothing to name", () => {
		expect(faultOf("tools/list", { name: "x" }, {})).toBeUndefined();
		expect(faultOf("tools/call", { name: 7 }, {})).toBeUndefined();
		expect(faultOf("constructor", { name: "x" }, {})).toBeUndefined();
	});

	it("reads names however they are spelled, and refuses two of them", () => {
		const twice = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","n\\u0061me":"b","_meta":${JSON.stringify(META)}}}`;
		const once = twice.replace('"name":"a",', "");
		const headers = { ...HEADERS, "mcp-method": "tools/call", "mcp-name": "b" };
		expect(requestFault(read(once), headers)).toBeUndefined();
		expect(calledTool(read(once), headers)).toBe("b");
		expect(requestFault(read(twice), headers)).toMatchObject({ code: -32020 });
		expect(requestFault(read(twice), { ...headers, "mcp-name": "a" })).toMatchObject({ code: -32020 });
	});

	it("demands none of a notification", () => {
		const notification = message({ method: "notifications/x", params: { _meta: META } });
		expect(requestFault(notification, {})).toBeUndefined();
		expect(requestFault(notification, { "mcp-method": "other" })).toMatchObject({ code: -32020 });
	});

	it("knows who wants log messages", () => {
		expect(wantsLogs(message({ id: 1, method: "x", params: { _meta: { ...META, [LEVEL]: "info" } } }))).toBe(true);
		expect(wantsLogs(message({ id: 1, method: "x", params: { _meta: META } }))).toBe(false);
		expect(wantsLogs(message({ id: 1, method: "x" }))).toBe(false);
	});
});

describe("a header's value", () => {
	it.each([
		["plain", "plain"],
		["=?base64?SGVsbG8sIOS4lueVjA==?=", "Hello, 世界"],
		["=?base64?IHBhZGRlZCA=?=", " padded "],
		["=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", "=?base64?literal?="],
		["=?base64??=", ""],
		["=?BASE64?eA==?=", "=?BASE64?eA==?="],
		["=?base64?eA?=", undefined], // no padding
		["=?base64?eA==\n?=", undefined],
		["=?base64?_-8=?=", undefined], // of URLs
		["=?base64?/w==?=", undefined], // not UTF-8
	])("%j stands for %j", (value, expected) => {
		expect(decodeHeader(value)).toBe(expected);
	});
});

describe("headers that repeat arguments", () => {
	const schema = {
		type: "object",
		properties: {
			region: { type: "string", "x-mcp-header": "Region" },
			limit: { type: "integer", "x-mcp-header": "Limit" },
			where: { type: "object", properties: { dry: { type: "boolean", "x-mcp-header": "Dry-Run" } } },
			query: { type: "string" },
		},
	};
	const declared = paramHeaders(schema);
	const faultOf = (args: unknown, headers: Record<string, string>) => paramHeadersFault(declared, args, headers);

	it("are found at properties alone", () => {
		expect(declared).toEqual([
			{ path: ["region"], header: "Region", type: "string" },
			{ path: ["limit"], header: "Limit", type: "integer" },
			{ path: ["where", "dry"], header: "Dry-Run", type: "boolean" },
		]);
	});

	it.each([
		["an empty name", { a: { type: "string", "x-mcp-header": "" } }],
		["a name that is no token", { a: { type: "string", "x-mcp-header": "a b" } }],
		["a name that is no text", { a: { type: "string", "x-mcp-header": 7 } }],
		["an object", { a: { type: "object", "x-mcp-header": "A" } }],
		["no type", { a: { "x-mcp-header": "A" } }],
		["the same name twice", { a: { type: "string", "x-mcp-header": "A" }, b: { type: "string", "x-mcp-header": "a" } }],
		["an item", { a: { type: "array", items: { type: "string", "x-mcp-header": "A" } } }],
		["a branch", { a: { oneOf: [{ type: "string", "x-mcp-header": "A" }] } }],
	])("count for nothing in a schema with one at %s", (_, properties) => {
		const ok = { type: "string", "x-mcp-header": "Ok" };
		expect(paramHeaders({ type: "object", properties: { ok, ...properties } })).toEqual([]);
	});

	it("survive schemas that no person wrote", () => {
		let deep: object = { type: "string", "x-mcp-header": "A" };
		for (let i = 0; i < 5000; i++) deep = { type: "object", properties: { a: deep } };
		expect(paramHeaders(deep)).toEqual([]);
		for (const schema of [undefined, null, 7, [], { properties: [] }, { properties: { a: null } }]) {
			expect(paramHeaders(schema)).toEqual([]);
		}
	});

	it("must be there, and say what the arguments say", () => {
		expect(faultOf({ region: "eu" }, { "mcp-param-region": "eu" })).toBeUndefined();
		expect(faultOf({ region: "größe" }, { "mcp-param-region": "=?base64?Z3LDtsOfZQ==?=" })).toBeUndefined();
		expect(faultOf({ region: "eu" }, {})).toMatchObject({ code: -32020 });
		expect(faultOf({ region: "eu" }, { "mcp-param-region": "us" })).toMatchObject({ code: -32020 });
		expect(faultOf({ region: "eu" }, { "mcp-param-region": "=?base64?!?=" })).toMatchObject({ code: -32020 });
		expect(faultOf({ where: { dry: true } }, { "mcp-param-dry-run": "true" })).toBeUndefined();
		expect(faultOf({ where: { dry: true } }, { "mcp-param-dry-run": "True" })).toMatchObject({ code: -32020 });
	});

	it("are compared as numbers where they are some", () => {
		expect(faultOf({ limit: 42 }, { "mcp-param-limit": "42.0" })).toBeUndefined();
		expect(faultOf({ limit: 42 }, { "mcp-param-limit": "0x2a" })).toMatchObject({ code: -32020 });
		expect(faultOf({ limit: 42 }, { "mcp-param-limit": "43" })).toMatchObject({ code: -32020 });
	});

	it("are not expected where there is nothing to repeat", () => {
		for (const args of [{}, { region: null }, undefined, [], 7, { where: "x" }, { limit: 2 ** 60 }]) {
			expect(faultOf(args, { "mcp-param-region": "eu" })).toBeUndefined();
		}
	});
});
