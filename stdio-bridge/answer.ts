import type { IncomingMessage, ServerResponse } from "node:http";
import { catalogue, type ErrorContext, errorBody, type Reason } from "../control-plane/errors/catalogue.ts";

/** Answers with JSON. */
export function sendJson(
	response: ServerResponse,
	status: number,
	body: unknown,
	headers: Readonly<Record<string, string>> = {},
): void {
	if (response.destroyed || response.headersSent) return;
	const text = JSON.stringify(body);
	response.writeHead(status, {
		"content-type": "application/json",
		"content-length": Buffer.byteLength(text),
		...headers,
	});
	response.end(text);
}

/** Answers with an error of the catalogue. */
export function sendError(
	response: ServerResponse,
	reason: Reason,
	context: ErrorContext,
	headers: Readonly<Record<string, string>> = {},
): void {
	sendJson(response, catalogue[reason].status, errorBody(reason, context), headers);
}

/**
 * Answers a body or header that MCP cannot take, with the status and code that MCP and JSON-RPC have for it.
 * https://www.jsonrpc.org/specification#error_object
 */
export function sendProtocolError(
	response: ServerResponse,
	fault: { readonly status: number; readonly code: number },
	context: ErrorContext,
): void {
	const body = errorBody("bad_request", context);
	sendJson(response, fault.status, { ...body, error: { ...body.error, code: fault.code } });
}

/** `x-request-id`, which Envoy sets on every request. */
export function requestIdOf(request: IncomingMessage): string | undefined {
	const value = request.headers["x-request-id"];
	return Array.isArray(value) ? value[0] : value;
}
