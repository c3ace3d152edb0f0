import type { IncomingMessage, ServerResponse } from "node:http";
import { catalogue, type ErrorContext, errorBody, type Reason } from "../../control-plane/errors/catalogue.ts";

export interface AnswerContext extends ErrorContext {
	/** The caller's id as it is spelled; takes the place of `id`. */
	readonly idText?: string | undefined;
}

/** From here on a second write costs less than the copy. */
const largeBody = 16 * 1024;

/** Answers with JSON. */
export function sendJson(
	response: ServerResponse,
	status: number,
	body: unknown,
	headers: Readonly<Record<string, string>> = {},
): void {
	sendBytes(response, status, Buffer.from(JSON.stringify(body)), headers);
}

/** Answers with JSON that is written already. */
export function sendBytes(
	response: ServerResponse,
	status: number,
	json: Buffer,
	headers: Readonly<Record<string, string>> = {},
): void {
	if (response.destroyed || response.headersSent) return;
	response.writeHead(status, { "content-type": "application/json", "content-length": json.length, ...headers });
	// Node sends head and body in one write where the body is a string; as Latin-1 its bytes stay what they are.
	if (json.length < largeBody) response.end(json.toString("latin1"), "latin1");
	else response.end(json);
}

/** Answers with an error of the catalogue. */
export function sendError(
	response: ServerResponse,
	reason: Reason,
	context: AnswerContext,
	headers: Readonly<Record<string, string>> = {},
): void {
	sendBytes(response, catalogue[reason].status, errorMessage(reason, context), headers);
}

/** An error of the catalogue as one JSON-RPC message. */
export function errorMessage(reason: Reason, context: AnswerContext): Buffer {
	return spelled(errorBody(reason, { ...context, id: null }), context);
}

/**
 * Answers a body or header that MCP cannot take, with the status and code that MCP and JSON-RPC have for it.
 * https://www.jsonrpc.org/specification#error_object
 */
export function sendProtocolError(
	response: ServerResponse,
	fault: { readonly status: number; readonly code: number },
	context: AnswerContext,
): void {
	const body = errorBody("bad_message", { ...context, id: null });
	sendBytes(response, fault.status, spelled({ ...body, error: { ...body.error, code: fault.code } }, context));
}

/** `x-request-id`, which Envoy sets on every request. */
export function requestIdOf(request: IncomingMessage): string | undefined {
	const value = request.headers["x-request-id"];
	return Array.isArray(value) ? value[0] : value;
}

/** The body with the caller's id. */
function spelled({ error }: { readonly error: object }, { idText, id }: AnswerContext): Buffer {
	const own = idText ?? JSON.stringify(id ?? null);
	return Buffer.from(`{"jsonrpc":"2.0","id":${own},"error":${JSON.stringify(error)}}`);
}
