import type { IncomingMessage, ServerResponse } from "node:http";
import { isInitializeRequest } from "@modelcontextprotocol/sdk/types.js";
import type { ProbeResult } from "../control-plane/detection/finding.ts";
import type { ErrorContext } from "../control-plane/errors/catalogue.ts";
import { readBody } from "./body.ts";
import type { Listen } from "./listen.ts";
import type { Log } from "./log.ts";
import { callerId, isId, isObject, requestsOf } from "./message.ts";
import type { Pool } from "./pool.ts";
import type { Session } from "./session.ts";
import type { BridgeStatus } from "./status.ts";
import { requestIdOf, sendError, sendJson, sendProtocolError } from "./transports/answer.ts";

/** What the handler needs to know of the bridge. */
export interface HandlerDeps {
	readonly log: Log;
	readonly maxBodyBytes: number;
	/** False until a registry was read, and again once the bridge is closing. */
	serving(): boolean;
	pool(server: string): Pool | undefined;
	session(id: string): Session | undefined;
	keep(session: Session): void;
	/** Which one of how many workers this is. */
	readonly worker: { readonly index: number; readonly count: number };
	/** Where another worker is reached; undefined where there is none of this number. */
	peer(worker: number): Listen | undefined;
	status(): BridgeStatus;
	/** Finds out what a server's command speaks, in a process of its own; undefined where there is no such server. */
	probe(server: string, signal: AbortSignal): Promise<ProbeResult | undefined>;
}

const parseError = { status: 400, code: -32700 };
const invalidRequest = { status: 400, code: -32600 };
const invalidParams = { status: 400, code: -32602 };
const unsupportedMediaType = { status: 415, code: -32000 };

/**
 * Answers one HTTP request: `/<server-id>` and anything below it is the server's endpoint.
 * `/~bridge/` cannot clash with it, since an id holds no tilde.
 */
export async function handle(request: IncomingMessage, response: ServerResponse, deps: HandlerDeps): Promise<void> {
	const path = request.url ?? "/";
	if (path.startsWith("/~bridge/")) return handleOwn(request, response, deps);
	const server = /^\/([A-Za-z0-9._-]+)(?:[/?]|$)/.exec(path)?.[1];
	const context: ErrorContext = { server, requestId: requestIdOf(request) };
	const pool = server === undefined ? undefined : deps.pool(server);
	if (!pool) return sendError(response, deps.serving() ? "unknown_server" : "server_unavailable", context);

	const accept = request.headers.accept ?? "";
	switch (request.method) {
		case "POST":
			if (!accept.includes("application/json") || !accept.includes("text/event-stream")) {
				return sendError(response, "not_acceptable", context);
			}
			return handlePost(request, response, pool, context, deps);
		case "GET":
			if (!accept.includes("text/event-stream")) {
				return sendError(response, "not_acceptable", { ...context, detail: "GET needs text/event-stream alone." });
			}
			return handleSession(request, response, pool, context, deps);
		case "DELETE":
			return handleSession(request, response, pool, context, deps);
		default:
			return sendError(response, "method_not_allowed", context, { allow: "GET, POST, DELETE" });
	}
}

async function handleOwn(request: IncomingMessage, response: ServerResponse, deps: HandlerDeps): Promise<void> {
	const path = request.url ?? "/";
	const probed = /^\/~bridge\/probe\/([A-Za-z0-9._-]+)$/.exec(path)?.[1];
	if (path === "/~bridge/status") sendJson(response, 200, deps.status());
	else if (path === "/~bridge/healthz") {
		const serving = deps.serving();
		sendJson(response, serving ? 200 : 503, { status: serving ? "ok" : "unavailable" });
	} else if (probed !== undefined && request.method === "POST" && isJson(request)) {
		const result = await deps.probe(probed, whileOpen(response));
		if (result === undefined) sendError(response, "unknown_server", { server: probed });
		else sendJson(response, 200, result);
	} else sendError(response, "unknown_server", {});
}

/** The session that the request names; undefined when the error has been answered. */
function findSession(
	request: IncomingMessage,
	response: ServerResponse,
	pool: Pool,
	context: ErrorContext,
	deps: HandlerDeps,
): Session | undefined {
	const id = sessionIdOf(request);
	const session = id === undefined ? undefined : deps.session(id);
	if (session && !session.ended && session.server === pool.server.id) return session;
	sendError(response, id === undefined ? "session_required" : "session_lost", context);
	return undefined;
}

async function handleSession(
	request: IncomingMessage,
	response: ServerResponse,
	pool: Pool,
	context: ErrorContext,
	deps: HandlerDeps,
): Promise<void> {
	const session = findSession(request, response, pool, context, deps);
	if (!session) return;
	const { method = "", headers } = request;
	await session.serve({ method, headers: toHeaders(headers), body: undefined, requestId: context.requestId, response });
	if (method === "DELETE" && response.statusCode === 200) void session.end("session_lost");
}

async function handlePost(
	request: IncomingMessage,
	response: ServerResponse,
	pool: Pool,
	context: ErrorContext,
	deps: HandlerDeps,
): Promise<void> {
	if (!isJson(request)) {
		return sendProtocolError(response, unsupportedMediaType, {
			...context,
			detail: "Content-Type must be application/json.",
		});
	}
	const sessionId = sessionIdOf(request);
	// Back-pressure: while the process does not read, neither does the bridge.
	if (sessionId !== undefined) await deps.session(sessionId)?.ready();
	const raw = await readBody(request, deps.maxBodyBytes);
	if (raw === "too_large") {
		const detail = `The limit is ${deps.maxBodyBytes} bytes.`;
		// The rest of the body is not read, so the connection is of no further use.
		return sendError(response, "body_too_large", { ...context, detail }, { connection: "close" });
	}
	let body: unknown;
	try {
		body = JSON.parse(raw.toString("utf8"));
	} catch {
		return sendProtocolError(response, parseError, { ...context, detail: "The body is not JSON." });
	}
	const known: ErrorContext = { ...context, id: callerId(body) };
	if (sessionId === undefined && isObject(body) && body["method"] === "initialize") {
		return openSession(request, response, pool, body, known, deps);
	}
	const session = findSession(request, response, pool, known, deps);
	if (!session) return;
	if (requestsOf(body).some(({ id }) => session.awaits(id))) {
		const detail = "A request of this id is already waiting for its answer in this session.";
		return sendProtocolError(response, invalidRequest, { ...known, detail });
	}
	const { method = "", headers } = request;
	await session.serve({ method, headers: toHeaders(headers), body, requestId: known.requestId, response });
}

async function openSession(
	request: IncomingMessage,
	response: ServerResponse,
	pool: Pool,
	body: Record<string, unknown>,
	context: ErrorContext,
	deps: HandlerDeps,
): Promise<void> {
	const id = body["id"];
	// The transport knows `initialize` by this schema, so one that does not fit is refused before a process starts.
	if (!isInitializeRequest(body) || !isId(id)) {
		const detail = "`initialize` needs an id, and protocolVersion, capabilities and clientInfo as parameters.";
		return sendProtocolError(response, invalidParams, { ...context, detail });
	}
	if (!deps.serving()) return sendError(response, "server_unavailable", context);
	const opened = await pool.open(body, id, whileOpen(response));
	if (opened.ok === "refused") return sendJson(response, 200, opened.answer);
	if (!opened.ok) return sendError(response, opened.reason, { ...context, detail: opened.detail });
	const { session, answer } = opened;
	// Retired or ended between the process's answer and now.
	if (session.ended) return sendError(response, "server_unavailable", context);
	deps.keep(session);
	const { method = "", headers } = request;
	await session.begin({ method, headers: toHeaders(headers), body, requestId: context.requestId, response }, answer);
}

/** No web page of another origin can say so without asking first, and nobody here would allow it. */
function isJson(request: IncomingMessage): boolean {
	return /^application\/json\s*(;|$)/i.test(request.headers["content-type"] ?? "");
}

/** Aborts when the one who asked has gone. */
function whileOpen(response: ServerResponse): AbortSignal {
	const gone = new AbortController();
	response.once("close", () => gone.abort());
	return gone.signal;
}

function sessionIdOf(request: IncomingMessage): string | undefined {
	const value = request.headers["mcp-session-id"];
	return typeof value === "string" && value !== "" ? value : undefined;
}

/** The headers that the SDK's transport looks at; all others stay behind, as copying them costs time. */
function toHeaders(headers: IncomingMessage["headers"]): Headers {
	const copied = new Headers();
	for (const name of ["accept", "content-type", "mcp-session-id", "mcp-protocol-version", "last-event-id"]) {
		const value = headers[name];
		if (typeof value === "string") copied.set(name, value);
	}
	return copied;
}
