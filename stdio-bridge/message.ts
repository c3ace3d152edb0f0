import {
	isJSONRPCErrorResponse,
	isJSONRPCResultResponse,
	type JSONRPCMessage,
} from "@modelcontextprotocol/sdk/types.js";

export type Id = string | number;

export function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isId(value: unknown): value is Id {
	return typeof value === "string" || typeof value === "number";
}

/**
 * Whether a process's message is a request, a notification or a response, told by the members that JSON-RPC names.
 * The SDK's schemas are stricter and would refuse a message for a member that they do not know.
 */
export function isMessage(value: unknown): value is JSONRPCMessage {
	if (!isObject(value)) return false;
	return typeof value["method"] === "string" || (isId(value["id"]) && ("result" in value || "error" in value));
}

/** The id that an error about this body carries: that of its only request, else null. */
export function callerId(body: unknown): Id | null {
	return isObject(body) && typeof body["method"] === "string" && isId(body["id"]) ? body["id"] : null;
}

/** The requests of a body: one, none, or (revision 2025-03-26) several. */
export function requestsOf(body: unknown): { id: Id; method: string; message: Record<string, unknown> }[] {
	const found: { id: Id; method: string; message: Record<string, unknown> }[] = [];
	for (const message of Array.isArray(body) ? body : [body]) {
		if (isObject(message) && typeof message["method"] === "string" && isId(message["id"])) {
			found.push({ id: message["id"], method: message["method"], message });
		}
	}
	return found;
}

/** `params._meta.progressToken` of a request, or `params.progressToken` of a progress notification. */
export function progressToken(message: { method: string; params?: unknown }): Id | undefined {
	const { params } = message;
	if (!isObject(params)) return undefined;
	const meta = params["_meta"];
	const token =
		message.method === "notifications/progress"
			? params["progressToken"]
			: isObject(meta)
				? meta["progressToken"]
				: undefined;
	return isId(token) ? token : undefined;
}

/**
 * A process's answer in the form that the SDK's transport takes for one; undefined where it cannot be. The transport
 * knows an answer by strict schemas, and would take one with a member too many for a message without an address.
 */
export function asResponse(message: { id?: unknown; result?: unknown; error?: unknown }): JSONRPCMessage | undefined {
	const { id, result, error } = message;
	const response: unknown = "error" in message ? { jsonrpc: "2.0", id, error } : { jsonrpc: "2.0", id, result };
	return isJSONRPCResultResponse(response) || isJSONRPCErrorResponse(response) ? response : undefined;
}
