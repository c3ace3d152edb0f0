import type { IncomingMessage, ServerResponse } from "node:http";
import type { Reason } from "../../control-plane/errors/catalogue.ts";
import { errorResponse } from "../messages/compose.ts";
import type { Message } from "../messages/message.ts";
import { textOf } from "../messages/rewrite.ts";
import type { CallListener, ProcessPool, Seat, SeatListener } from "../pool/contract.ts";
import { type AnswerContext, errorMessage, sendBytes, sendError } from "./answer.ts";
import { askServer } from "./ask-server.ts";
import { EventStream, messageEvent } from "./event-stream.ts";
import { calledTool, firstStateless, headerOf, type RequestFault, requestFault, wantsLogs } from "./request-headers.ts";
import { ToolHeaders } from "./tool-headers.ts";

const toolHeaders = new WeakMap<ProcessPool, ToolHeaders>();

/**
 * Answers one POST of revision 2026-07-28, of which `isStateless` is true: the bridge is the server's HTTP endpoint,
 * so it checks headers and maps errors to statuses as that revision demands. Resolves when the request is on its way;
 * never rejects.
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http
 */
export async function handleStateless(
	request: IncomingMessage,
	response: ServerResponse,
	pool: ProcessPool,
	message: Message,
	context: AnswerContext,
): Promise<void> {
	const known: AnswerContext = { ...context, idText: message.id && textOf(message, message.id) };
	const fault = requestFault(message, request.headers);
	if (fault) return refuse(response, fault, known);
	// Over HTTP a client cancels by closing the connection; an id here would be of another POST, maybe of another client.
	if (message.method === "notifications/cancelled") return accept(response);
	const gone = new AbortController();
	const abort = () => gone.abort();
	response.once("close", abort);
	const answer = new Answer(message, response, known);
	const taken = await pool.takeSeat(answer.seatListener, gone.signal);
	if (taken.ok === "legacy") return sendError(response, "session_required", known);
	if (!taken.ok) return answer.onFailure(taken.reason, taken.detail);
	const { seat } = taken;
	if (gone.signal.aborted) return seat.leave();
	// A disconnect cancels, and an answer that is still being sent keeps its seat.
	response.once("close", () => seat.leave());
	answer.seat = seat;
	const refused =
		(await revisionFault(message, request, seat, gone.signal)) ??
		(await toolFault(message, request, pool, seat, gone.signal));
	if (refused) return refuse(response, refused, known);
	await seat.ready();
	if (gone.signal.aborted) return;
	// Nothing waits on the signal any more, and an abort costs a tenth of a call.
	response.off("close", abort);
	if (message.kind === "request") seat.call(message, answer);
	else {
		seat.notify(message);
		accept(response);
	}
}

/** The process was asked whether it speaks the first revision without sessions; what others it speaks, it tells here. */
async function revisionFault(
	message: Message,
	{ headers }: IncomingMessage,
	seat: Seat,
	signal: AbortSignal,
): Promise<RequestFault | undefined> {
	const requested = message.protocolVersion ?? headerOf(headers, "mcp-protocol-version");
	if (requested === firstStateless) return undefined;
	const discovered = await askServer(seat, "server/discover", {}, signal);
	const supported = typeof discovered === "string" ? undefined : discovered["supportedVersions"];
	if (!Array.isArray(supported) || supported.includes(requested)) return undefined;
	return { code: -32022, message: `Unsupported protocol version: ${requested}`, data: { supported, requested } };
}

async function toolFault(
	message: Message,
	{ headers }: IncomingMessage,
	pool: ProcessPool,
	seat: Seat,
	signal: AbortSignal,
): Promise<RequestFault | undefined> {
	const tool = calledTool(message, headers);
	if (tool === undefined) return undefined;
	const known = toolHeaders.get(pool) ?? new ToolHeaders();
	toolHeaders.set(pool, known);
	return known.fault(tool, message, headers, seat, signal);
}

function refuse(response: ServerResponse, fault: RequestFault, { idText = "null" }: AnswerContext): void {
	sendBytes(response, 400, errorResponse(idText, fault.code, fault.message, fault.data));
}

function accept(response: ServerResponse): void {
	if (!response.destroyed) response.writeHead(202, { "content-length": 0 }).end();
}

/**
 * The HTTP answer to one request: JSON where the process's answer comes first, an SSE stream where something else does.
 */
class Answer implements CallListener {
	readonly seatListener: SeatListener;
	/** Undefined until there is one. */
	seat: Seat | undefined;
	readonly #response: ServerResponse;
	readonly #context: AnswerContext;
	#stream: EventStream | undefined;

	constructor(request: Message, response: ServerResponse, context: AnswerContext) {
		this.#response = response;
		this.#context = context;
		const logs = wantsLogs(request);
		this.seatListener = {
			// The one thing of this revision that names no call. The pool gives it to no one else.
			onMessage: (bytes, { method }) => {
				if (logs && method === "notifications/message") this.onMessage(bytes);
			},
			onEnd() {},
		};
	}

	onMessage(bytes: Buffer): void {
		if (this.seat === undefined || this.#response.destroyed) return;
		this.#stream ??= new EventStream(this.#response, this.seat, () => {});
		this.#stream.write(messageEvent(bytes));
	}

	onAnswer(bytes: Buffer, errorCode: number | undefined): void {
		if (this.#stream === undefined) sendBytes(this.#response, statusOf(errorCode), bytes);
		else this.#end(bytes);
	}

	onFailure(reason: Reason, detail: string | undefined): void {
		// There is no session that could be lost.
		const why = reason === "session_lost" ? "server_unavailable" : reason;
		const context = { ...this.#context, detail };
		if (this.#stream === undefined) sendError(this.#response, why, context);
		else this.#end(errorMessage(why, context));
	}

	/** The server has ended a subscription, and has said so in a message. */
	onCancelled(): void {
		this.#stream?.end();
	}

	#end(last: Buffer): void {
		this.#stream?.write(messageEvent(last));
		this.#stream?.end();
	}
}

/**
 * The HTTP status of an error of the process. A pipe does not tell an error of the server itself from one of a tool's
 * code, but each of these codes has one meaning, and with it a status.
 * https://modelcontextprotocol.io/specification/2026-07-28/basic#error-codes
 */
function statusOf(errorCode: number | undefined): number {
	if (errorCode === -32601) return 404;
	return errorCode === -32020 || errorCode === -32021 || errorCode === -32022 ? 400 : 200;
}
