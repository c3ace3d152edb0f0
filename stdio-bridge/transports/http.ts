import type { IncomingMessage, ServerResponse } from "node:http";
import type { ProbeResult } from "../../control-plane/detection/finding.ts";
import type { StdioServer } from "../../control-plane/registry/model.ts";
import type { Listen } from "../listen.ts";
import type { Log } from "../log.ts";
import type { ProcessPool } from "../pool/contract.ts";
import type { BridgeStatus } from "../status.ts";
import { type AnswerContext, requestIdOf, sendError, sendJson } from "./answer.ts";
import type { DuplexSession } from "./duplex.ts";
import type { Session } from "./session.ts";
import { isSsePath, openSse, postSse, sseSessionOf } from "./sse.ts";
import { handleDelete, handleGet, handlePost, isJson, whileOpen } from "./streamable.ts";

/** A server's pool, and the entry that it serves. */
export type Served = ProcessPool & { readonly server: StdioServer };

/** What the transports need to know of the bridge. */
export interface TransportDeps {
	readonly log: Log;
	/** Largest body or WebSocket message. */
	readonly maxBodyBytes: number;
	/** False until a registry was read, and again once the bridge is closing. */
	serving(): boolean;
	pool(server: string): Served | undefined;
	/** Open sessions over Streamable HTTP by their ids. */
	readonly sessions: Map<string, Session>;
	/** Open streams of HTTP+SSE by their sessions' ids. */
	readonly sseSessions: Map<string, DuplexSession>;
	/** Which of the bridge's workers this is. */
	readonly worker: number;
	/** Where another worker is reached. */
	peer(worker: number): Listen | undefined;
}

export interface HandlerDeps extends TransportDeps {
	status(): BridgeStatus;
	/** Finds out what a server's command speaks, in a process of its own; undefined where there is no such server. */
	probe(server: string, signal: AbortSignal): Promise<ProbeResult | undefined>;
}

/**
 * Answers one HTTP request: `/<server-id>` and anything below it is the server's endpoint.
 * `/~bridge/` cannot clash with it, since an id holds no tilde.
 */
export async function handle(request: IncomingMessage, response: ServerResponse, deps: HandlerDeps): Promise<void> {
	const path = request.url ?? "/";
	if (path.startsWith("/~bridge/")) return handleOwn(request, response, deps);
	const server = serverOf(path);
	const context: AnswerContext = { server, requestId: requestIdOf(request) };
	const pool = server === undefined ? undefined : deps.pool(server);
	if (!pool) return sendError(response, deps.serving() ? "unknown_server" : "server_unavailable", context);

	const accept = request.headers.accept ?? "";
	switch (request.method) {
		case "POST": {
			const named = request.headers["mcp-session-id"] === undefined ? sseSessionOf(path) : undefined;
			if (named) return postSse(request, response, pool, named, context, deps);
			return handlePost(request, response, pool, context, deps);
		}
		case "GET":
			if (!accept.includes("text/event-stream")) {
				return sendError(response, "not_acceptable", { ...context, detail: "GET needs text/event-stream alone." });
			}
			if (isSsePath(path) && !request.headers["mcp-session-id"] && !request.headers["last-event-id"]) {
				return openSse(response, pool, context, deps);
			}
			return handleGet(request, response, pool, context, deps);
		case "DELETE":
			return handleDelete(request, response, pool, context, deps);
		default:
			return sendError(response, "method_not_allowed", context, { allow: "GET, POST, DELETE" });
	}
}

/** The server that a path names. */
export function serverOf(path: string): string | undefined {
	return /^\/([A-Za-z0-9._-]+)(?:[/?]|$)/.exec(path)?.[1];
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
