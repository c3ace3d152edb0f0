import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Message } from "../messages/message.ts";
import { textOf } from "../messages/rewrite.ts";
import { scan } from "../messages/scan.ts";
import { type AnswerContext, sendBytes, sendError, sendProtocolError } from "./answer.ts";
import { readBody } from "./body.ts";
import type { Served, TransportDeps } from "./http.ts";
import { initializeFault, revisionOf } from "./initialize.ts";
import { isStateless } from "./request-headers.ts";
import { Session } from "./session.ts";
import { handleStateless } from "./stateless.ts";

/**
 * Streamable HTTP with sessions, revisions 2025-03-26 to 2025-11-25. A POST of 2026-07-28 is found out here, and given
 * on. https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http
 */

const parseError = { status: 400, code: -32700 };
const invalidRequest = { status: 400, code: -32600 };
const invalidParams = { status: 400, code: -32602 };
const unsupportedMediaType = { status: 415, code: -32000 };

/** Revisions that a request of any session may name, whatever was agreed on: clients differ in that. */
const knownRevisions: readonly string[] = ["2025-03-26", "2025-06-18", "2025-11-25"];
/** The only one with batches. */
const batchRevision = "2025-03-26";

/** Answers a POST: one message, or a batch of them. */
export async function handlePost(
	request: IncomingMessage,
	response: ServerResponse,
	pool: Served,
	context: AnswerContext,
	deps: TransportDeps,
): Promise<void> {
	const accept = request.headers.accept ?? "";
	const json = accept.indexOf("application/json");
	const stream = accept.indexOf("text/event-stream");
	if (json === -1 || stream === -1) return sendError(response, "not_acceptable", context);
	if (!isJson(request)) {
		const detail = "Content-Type must be application/json.";
		return sendProtocolError(response, unsupportedMediaType, { ...context, detail });
	}
	const sessionId = sessionIdOf(request);
	const ready = sessionId === undefined ? undefined : deps.sessions.get(sessionId)?.ready();
	if (ready !== undefined) await ready;
	const body = await readBody(request, deps.maxBodyBytes);
	if (body === "too_large") return tooLarge(response, context, deps);
	const scanned = scan(body);
	if (!scanned.ok) {
		return sendProtocolError(response, faultStatus(scanned.fault), { ...context, detail: scanned.detail });
	}
	const { messages, batch } = scanned;
	const only = batch || messages.length > 1 ? undefined : messages[0];
	if (batch && messages.some(({ protocolVersion }) => protocolVersion !== undefined)) {
		const detail = "Revisions from 2026-07-28 on have no batches.";
		return sendProtocolError(response, invalidRequest, { ...context, detail });
	}
	if (only !== undefined && isStateless(only, request.headers)) {
		return handleStateless(request, response, pool, only, context);
	}
	const known: AnswerContext = { ...context, idText: only && idTextOf(only) };
	if (only !== undefined && sessionId === undefined && isInitialize(only)) {
		return openSession(response, pool, only, known, deps);
	}
	const session = findSession(request, response, pool, known, deps);
	if (session === undefined) return;
	const fault = faultOf(session, messages, batch);
	if (fault !== undefined) return sendProtocolError(response, invalidRequest, { ...known, detail: fault });
	const revision = revisionNamed(request) ?? session.revision;
	session.post({ response, messages, batch, context, revision, stream: stream < json });
}

/** Opens the standalone stream of a session, or goes on with any stream of it. */
export function handleGet(
	request: IncomingMessage,
	response: ServerResponse,
	pool: Served,
	context: AnswerContext,
	deps: TransportDeps,
): void {
	const session = findSession(request, response, pool, context, deps);
	if (session === undefined) return;
	const lastEventId = request.headers["last-event-id"];
	if (typeof lastEventId === "string" && lastEventId !== "") {
		if (!session.resume(response, lastEventId)) sendError(response, "events_lost", context);
	} else if (!session.listen(response)) {
		const detail = "A standalone stream of this session is open already, and there can be one only.";
		sendProtocolError(response, { status: 409, code: -32000 }, { ...context, detail });
	}
}

/** Ends a session. */
export function handleDelete(
	request: IncomingMessage,
	response: ServerResponse,
	pool: Served,
	context: AnswerContext,
	deps: TransportDeps,
): void {
	const session = findSession(request, response, pool, context, deps);
	if (session === undefined) return;
	session.end();
	response.writeHead(200, { "content-length": 0 }).end();
}

/** No web page of another origin can say so without asking first, and nobody here would allow it. */
export function isJson(request: IncomingMessage): boolean {
	return /^application\/json\s*(;|$)/i.test(request.headers["content-type"] ?? "");
}

/** Aborts when the one who asked has gone. */
export function whileOpen(response: ServerResponse): AbortSignal {
	const gone = new AbortController();
	response.once("close", () => gone.abort());
	return gone.signal;
}

/** Refuses a body over the limit; its rest is not read, so the connection is of no further use. */
export function tooLarge(response: ServerResponse, context: AnswerContext, { maxBodyBytes }: TransportDeps): void {
	const detail = `The limit is ${maxBodyBytes} bytes.`;
	sendError(response, "body_too_large", { ...context, detail }, { connection: "close" });
}

/** How a body is refused that is no JSON, or no JSON-RPC. */
export function faultStatus(fault: "parse" | "invalid"): { readonly status: number; readonly code: number } {
	return fault === "parse" ? parseError : invalidRequest;
}

/** The id of a request as it is spelled, for errors. */
export function idTextOf(message: Message): string | undefined {
	return message.kind === "request" && message.id ? textOf(message, message.id) : undefined;
}

export function isInitialize(message: Message): boolean {
	return message.kind === "request" && message.method === "initialize";
}

async function openSession(
	response: ServerResponse,
	pool: Served,
	initialize: Message,
	context: AnswerContext,
	deps: TransportDeps,
): Promise<void> {
	const fault = initializeFault(initialize);
	if (fault !== undefined) return sendProtocolError(response, invalidParams, { ...context, detail: fault });
	if (!deps.serving()) return sendError(response, "server_unavailable", context);
	const gone = whileOpen(response);
	const { id: server, pool: bounds } = pool.server;
	const session = new Session({
		id: randomUUID(),
		server,
		log: deps.log,
		idleTimeoutMs: bounds.idleTimeoutMs,
		onEnd: ({ id }) => void deps.sessions.delete(id),
	});
	const opened = await pool.openSession(initialize, session, gone);
	if (opened.ok === "refused") return sendBytes(response, 200, opened.answer);
	if (!opened.ok) {
		const now = deps.pool(server);
		// The server was changed while its process started: its new definition serves.
		const changed = opened.reason === "server_unavailable" && now !== undefined && now !== pool;
		if (changed) return openSession(response, now, initialize, context, deps);
		return sendError(response, opened.reason, { ...context, detail: opened.detail });
	}
	const { seat, answer } = opened;
	if (gone.aborted) return seat.leave();
	// Retired or ended between the process's answer and now.
	if (session.ended) return sendError(response, "server_unavailable", context);
	session.begin(seat, revisionOf(answer));
	deps.sessions.set(session.id, session);
	sendBytes(response, 200, answer, { "mcp-session-id": session.id });
}

/** The session that a request names; undefined when the error has been answered. */
function findSession(
	request: IncomingMessage,
	response: ServerResponse,
	pool: Served,
	context: AnswerContext,
	deps: TransportDeps,
): Session | undefined {
	const id = sessionIdOf(request);
	const session = id === undefined ? undefined : deps.sessions.get(id);
	if (session === undefined || session.ended || session.server !== pool.server.id) {
		sendError(response, id === undefined ? "session_required" : "session_lost", context);
		return undefined;
	}
	const revision = revisionNamed(request);
	if (revision === undefined || revision === session.revision || knownRevisions.includes(revision)) return session;
	const detail = `MCP-Protocol-Version is ${JSON.stringify(revision)}; this session takes ${knownRevisions.join(", ")}.`;
	sendProtocolError(response, { status: 400, code: -32000 }, { ...context, detail });
	return undefined;
}

/** Why a session does not take these messages; undefined where it does. */
function faultOf(session: Session, messages: readonly Message[], batch: boolean): string | undefined {
	if (batch && session.revision !== batchRevision) {
		return `Batches are of revision ${batchRevision}; this session has agreed on ${session.revision}.`;
	}
	const ids = new Set<string>();
	for (const message of messages) {
		if (isInitialize(message)) return "This session is initialized already.";
		const id = idTextOf(message);
		if (id === undefined) continue;
		if (ids.has(id) || session.awaits(id)) {
			return "A request of this id is already waiting for its answer in this session.";
		}
		ids.add(id);
	}
	return undefined;
}

function sessionIdOf(request: IncomingMessage): string | undefined {
	const value = request.headers["mcp-session-id"];
	return typeof value === "string" && value !== "" ? value : undefined;
}

function revisionNamed(request: IncomingMessage): string | undefined {
	const value = request.headers["mcp-protocol-version"];
	return typeof value === "string" ? value : undefined;
}
