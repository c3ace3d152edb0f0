import { randomUUID } from "node:crypto";
import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import type { Listen } from "../listen.ts";
import { scan } from "../messages/scan.ts";
import { type AnswerContext, sendError, sendProtocolError } from "./answer.ts";
import { readBody } from "./body.ts";
import { DuplexSession } from "./duplex.ts";
import { EventStream, messageEvent } from "./event-stream.ts";
import type { Served, TransportDeps } from "./http.ts";
import { faultStatus, isJson, tooLarge } from "./streamable.ts";

/**
 * HTTP+SSE, revision 2024-11-05: a GET opens the stream that all answers come on, and its first event says where
 * messages are to be POSTed. https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse
 */

/** What a session's id is made of: the worker that has its stream, since a POST may reach another one. */
const sessionId = /[?&]sessionId=((\d{1,5})\.[0-9a-f-]{36})(?:&|$)/;

/** Whether a GET of an old client opens a stream here; those of newer ones name a session. */
export function isSsePath(path: string): boolean {
	return /^\/[^/?]+(\/sse)?\/?(\?|$)/.test(path);
}

/** The session that a POST's address names. */
export function sseSessionOf(path: string): { readonly id: string; readonly worker: number } | undefined {
	const [, id, worker] = sessionId.exec(path) ?? [];
	return id === undefined ? undefined : { id, worker: Number(worker) };
}

/** Opens a stream, and with it a session, which ends with it. */
export function openSse(response: ServerResponse, pool: Served, context: AnswerContext, deps: TransportDeps): void {
	if (!deps.serving()) {
		sendError(response, "server_unavailable", context);
		return;
	}
	const id = `${deps.worker}.${randomUUID()}`;
	const flow = { slow: () => session.slow(), flowing: () => session.flowing() };
	const session: DuplexSession = new DuplexSession({
		pool,
		current: () => deps.pool(pool.server.id),
		log: deps.log,
		context,
		send: (message) => stream.write(messageEvent(message)),
		onEnd: () => {
			deps.sseSessions.delete(id);
			stream.end();
		},
	});
	const stream = new EventStream(response, flow, () => {
		deps.sseSessions.delete(id);
		session.close();
	});
	deps.sseSessions.set(id, session);
	// The query alone is right behind any prefix, and within whatever path the client used.
	stream.write(`event: endpoint\ndata: ?sessionId=${id}\n\n`);
}

/** Takes a message; what it is answered comes on the session's stream. */
export async function postSse(
	request: IncomingMessage,
	response: ServerResponse,
	pool: Served,
	named: { readonly id: string; readonly worker: number },
	context: AnswerContext,
	deps: TransportDeps,
): Promise<void> {
	if (named.worker !== deps.worker) {
		const peer = deps.peer(named.worker);
		return peer === undefined
			? sendError(response, "session_lost", context)
			: passOn(request, response, peer, () => sendError(response, "session_lost", context));
	}
	if (!isJson(request)) {
		const detail = "Content-Type must be application/json.";
		return sendProtocolError(response, { status: 415, code: -32000 }, { ...context, detail });
	}
	const session = deps.sseSessions.get(named.id);
	if (session === undefined || session.server !== pool.server.id) return sendError(response, "session_lost", context);
	await session.ready();
	const body = await readBody(request, deps.maxBodyBytes);
	if (body === "too_large") return tooLarge(response, context, deps);
	const scanned = scan(body);
	if (!scanned.ok) {
		return sendProtocolError(response, faultStatus(scanned.fault), { ...context, detail: scanned.detail });
	}
	for (const message of scanned.messages) session.receive(message);
	response.writeHead(202, { "content-length": 0 }).end();
}

/** Passes a request on to the worker that it is for, as it is. */
function passOn(request: IncomingMessage, response: ServerResponse, peer: Listen, failed: () => void): void {
	const { method, url, headers } = request;
	const where = "path" in peer ? { socketPath: peer.path } : peer;
	const outgoing = httpRequest({ ...where, method, path: url, headers }, (incoming) => {
		response.writeHead(incoming.statusCode ?? 502, incoming.headers);
		pipeline(incoming, response, () => {});
	});
	outgoing.once("error", failed);
	response.once("close", () => outgoing.destroy());
	request.pipe(outgoing);
}
