import { Connection } from "./connection.ts";

/** A POST as an MCP client sends it, as bytes. */
export function postBytes(
	path: string,
	message: object,
	session?: string,
	revision = "2025-11-25",
	more: readonly string[] = [],
): Buffer {
	const body = JSON.stringify(message);
	return Buffer.from(
		[
			`POST ${path} HTTP/1.1`,
			"host: 127.0.0.1",
			"user-agent: mcp-gateway-bench/1",
			"content-type: application/json",
			"accept: application/json, text/event-stream",
			"authorization: Bearer 0123456789abcdef0123456789abcdef",
			`mcp-protocol-version: ${revision}`,
			...more,
			...(session === undefined ? [] : [`mcp-session-id: ${session}`]),
			`content-length: ${Buffer.byteLength(body)}`,
			"",
			body,
		].join("\r\n"),
	);
}

/** A call of a tool, about 200 bytes of JSON. */
export function callBytes(path: string, session?: string, call: ToolCall = toolCall): Buffer {
	return postBytes(path, call, session);
}

export interface ToolCall {
	readonly params: { readonly name: string; readonly [more: string]: unknown };
	readonly [more: string]: unknown;
}

/** A call that the conformance fixture, a server of the official SDK, answers. */
export const fixtureCall: ToolCall = {
	jsonrpc: "2.0",
	id: 4711,
	method: "tools/call",
	params: { name: "test_simple_text", arguments: {} },
};

export const toolCall: ToolCall = {
	jsonrpc: "2.0",
	id: 4711,
	method: "tools/call",
	params: {
		name: "search_documents",
		arguments: { query: "how to measure a gateway", limit: 10, language: "en", filter: { tags: ["bench", "envoy"] } },
		_meta: { progressToken: 4711 },
	},
};

export const initialize = {
	jsonrpc: "2.0",
	id: 1,
	method: "initialize",
	params: {
		protocolVersion: "2025-11-25",
		capabilities: {},
		clientInfo: { name: "bench", version: "1" },
	},
};

/** Starts a session, whose id a gateway may have changed, and returns the bytes of a call within it. */
export async function callInSession(port: number, path: string, call: ToolCall = toolCall): Promise<Buffer> {
	const connection = new Connection(port);
	try {
		const answer = await connection.request(postBytes(path, initialize));
		const session = /\nmcp-session-id: *(.+)\r?/i.exec(answer?.head ?? "")?.[1];
		if (session === undefined) throw new Error(`no session at ${port}${path}: ${answer?.status} ${answer?.body}`);
		return callBytes(path, session.trim(), call);
	} finally {
		connection.close();
	}
}

/** The same call as a client of 2026-07-28 sends it: no session, method and name in headers too. */
export function modernCallBytes(path: string, call: ToolCall = toolCall): Buffer {
	const _meta = {
		...(call.params["_meta"] ?? {}),
		"io.modelcontextprotocol/protocolVersion": "2026-07-28",
		"io.modelcontextprotocol/clientCapabilities": {},
	};
	const headers = ["mcp-method: tools/call", `mcp-name: ${call.params.name}`];
	return postBytes(path, { ...call, params: { ...call.params, _meta } }, undefined, "2026-07-28", headers);
}
