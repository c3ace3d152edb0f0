/**
 * Every error that the gateway itself makes, in one place: what Envoy answers for it, what the bridge answers,
 * what the documentation lists. An upstream's own errors pass untouched and are not here.
 *
 * Clients tell a server's MCP revision from 400, 404 and 405 bodies, so faults of the infrastructure are 5xx
 * (or 401, 403); the exceptions are an unknown server, a lost session and requests that are themselves at fault.
 */

export interface GatewayError {
	/** HTTP status of the answer. */
	readonly status: number;
	/** JSON-RPC error code: https://www.jsonrpc.org/specification#error_object leaves -32000 to -32099 to servers. */
	readonly code: number;
	/** What happened and what to do about it. */
	readonly message: string;
}

export const catalogue = {
	unknown_server: {
		status: 404,
		code: -32070,
		message:
			"No server of this name is in the gateway's registry. Check the first part of the path, or list the names with `mcp-gateway servers list`.",
	},
	session_lost: {
		status: 404,
		code: -32001,
		message:
			"This session has ended because its replica or process is gone. Send `initialize` again, without Mcp-Session-Id; over HTTP+SSE, open the stream again.",
	},
	session_required: {
		status: 400,
		code: -32071,
		message: "This request needs the Mcp-Session-Id header that the answer to `initialize` carried.",
	},
	events_lost: {
		status: 400,
		code: -32095,
		message:
			"The events after this Last-Event-ID are not kept any more. The session goes on: open its stream again without Last-Event-ID.",
	},
	server_unavailable: {
		status: 503,
		code: -32072,
		message: "This server is in the registry but cannot be served now. `mcp-gateway status` tells why.",
	},
	no_healthy_replica: {
		status: 503,
		code: -32073,
		message: "No replica of this server is healthy. Try again shortly; `mcp-gateway status` shows each replica.",
	},
	cannot_connect: {
		status: 502,
		code: -32074,
		message: "The gateway could not connect to this server. The request was not sent, so it may be repeated.",
	},
	replica_died: {
		status: 502,
		code: -32075,
		message:
			"The connection to the server broke before it answered. The request may have been carried out: repeat it only if that does no harm.",
	},
	bad_answer: {
		status: 502,
		code: -32090,
		message: "The server answered with something that is not HTTP. Check that `endpoint` is an MCP server's URL.",
	},
	foreign_endpoint: {
		status: 502,
		code: -32092,
		message:
			"The server's `endpoint` event names an address that is not the server's own, so messages are not passed on. Let the server name a path, or its own origin.",
	},
	process_died: {
		status: 502,
		code: -32076,
		message: "The server's process ended before it answered. Send `initialize` again to get a new one.",
	},
	process_failed_to_start: {
		status: 503,
		code: -32077,
		message: "The server's process could not be started. `mcp-gateway status` shows its last lines of stderr.",
	},
	too_many_sessions: {
		status: 503,
		code: -32078,
		message:
			"This server has as many sessions as its pool allows. End one, or raise `pool.maxSessions` in the registry.",
	},
	pool_busy: {
		status: 503,
		code: -32094,
		message:
			"All processes of this server are in use and none came free in time. Try again shortly, or raise `pool.max`, `pool.maxQueue` or `pool.queueTimeout` in the registry.",
	},
	timeout: {
		status: 504,
		code: -32079,
		message: "The server did not answer within the time that the registry allows (`timeouts`).",
	},
	request_timeout: {
		status: 408,
		code: -32091,
		message: "The request's headers did not arrive within 30 seconds.",
	},
	body_too_large: {
		status: 413,
		code: -32080,
		message: "The request's body is larger than the gateway accepts. Send less, or raise `--max-body`.",
	},
	bad_path: {
		status: 400,
		code: -32081,
		message: "The path holds a dot segment or a disguised slash, which the gateway refuses. Send the path without it.",
	},
	bad_request: {
		status: 400,
		code: -32082,
		message: "This is not a request that the gateway can read as HTTP.",
	},
	bad_message: {
		status: 400,
		code: -32600,
		message: "This is not a message that this server's transport takes; `data.detail` says what is wrong with it.",
	},
	headers_too_large: {
		status: 431,
		code: -32083,
		message: "The request's headers are larger than the gateway accepts (60 KiB, 100 headers).",
	},
	method_not_allowed: {
		status: 405,
		code: -32084,
		message: "This endpoint takes POST, GET and DELETE.",
	},
	not_acceptable: {
		status: 406,
		code: -32085,
		message: "The Accept header must list both application/json and text/event-stream.",
	},
	origin_denied: {
		status: 403,
		code: -32086,
		message: "Browsers of this Origin may not use the gateway. Allow it with `--allow-origin`.",
	},
	host_denied: {
		status: 403,
		code: -32087,
		message: "The Host header names a host that this gateway does not answer for. Allow it with `--allow-host`.",
	},
	unauthorized: {
		status: 401,
		code: -32088,
		message: "This gateway needs an API key: send it as `Authorization: Bearer KEY` or `x-api-key: KEY`.",
	},
	key_denied: {
		status: 403,
		code: -32093,
		message: "This API key is not for what is asked for. Use another one, or add the server to the key's `servers`.",
	},
	overloaded: {
		status: 503,
		code: -32089,
		message: "The gateway is at its limit of memory. Try again shortly.",
	},
	internal: {
		status: 500,
		code: -32603,
		message: "The gateway failed at this request. Its log has the details under the request id.",
	},
} as const satisfies Record<string, GatewayError>;

/** Stable, machine-readable name of an error; clients find it in `error.data.reason`. */
export type Reason = keyof typeof catalogue;

/** JSON-RPC id of the request that failed; null where it is not known. */
export type RequestId = string | number | null;

export interface ErrorContext {
	readonly id?: RequestId;
	readonly server?: string | undefined;
	readonly requestId?: string | undefined;
	/** One sentence more about this very case; never a secret. */
	readonly detail?: string | undefined;
}

/** The body of an error answer: a JSON-RPC error response whose `data` names reason, server and request. */
export function errorBody(reason: Reason, context: ErrorContext = {}) {
	const { code, message } = catalogue[reason];
	const data: Record<string, string> = { reason };
	if (context.server !== undefined) data["server"] = context.server;
	if (context.requestId !== undefined) data["requestId"] = context.requestId;
	if (context.detail !== undefined) data["detail"] = context.detail;
	return { jsonrpc: "2.0" as const, id: context.id ?? null, error: { code, message, data } };
}
