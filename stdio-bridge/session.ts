import type { ServerResponse } from "node:http";
import { WebStandardStreamableHTTPServerTransport as HttpTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import { errorBody, type Reason } from "../control-plane/errors/catalogue.ts";
import { type Call, Calls } from "./calls.ts";
import type { Log } from "./log.ts";
import { asResponse, type Id, isId, isMessage, progressToken, requestsOf } from "./message.ts";
import type { Child, Exit } from "./processes/child.ts";
import { describeExit } from "./processes/exit.ts";
import { LineLimit } from "./processes/rate-limit.ts";
import { sendWebResponse } from "./web-response.ts";

/** Messages that wait for the client's first stream, which opens only after `initialize`. */
const maxWaiting = 100;

export interface SessionDeps {
	readonly id: string;
	readonly server: string;
	readonly log: Log;
	readonly idleTimeoutMs: number;
	readonly maxMessageBytes: number;
	/** The session has ended, its process may still be stopping. */
	onEnd(session: Session, reason: Reason): void;
}

/** What became of `initialize`. */
export type Opening =
	| { readonly answered: true; readonly message: JSONRPCMessage }
	| { readonly answered: false; readonly reason: Reason; readonly detail: string | undefined };

/** One HTTP request on a session: its web form for the SDK's transport, and what errors about it tell. */
export interface Exchange {
	readonly method: string;
	readonly headers: Headers;
	readonly body: unknown;
	readonly requestId: string | undefined;
	readonly response: ServerResponse;
}

/** One client's session: the SDK's HTTP transport on one side, one process on the other. */
export class Session {
	readonly id: string;
	readonly server: string;
	readonly #deps: SessionDeps;
	/** A process that floods its stdout must cost the operator's disk nothing. */
	readonly #garbage = new LineLimit(10, (count) =>
		this.#deps.log.warn({ ...this.#logFields(), count }, "more lines on stdout that are not JSON-RPC were ignored"),
	);
	readonly #transport: HttpTransport;
	readonly #calls = new Calls();
	/** Exchanges that were handed to the transport, by the ids of their requests, until it hands the requests back. */
	readonly #arriving = new Map<Id, Exchange>();
	readonly #waiting: JSONRPCMessage[] = [];
	#child: Child | undefined;
	#opening: { readonly id: Id; settle(opening: Opening): void } | undefined;
	#initializeAnswer: JSONRPCMessage | undefined;
	#standaloneOpen = false;
	#blockedStreams = 0;
	#ended = false;
	#lastUse = performance.now();
	#idleTimer: NodeJS.Timeout | undefined;
	readonly #onQuiet = new Set<() => void>();
	readonly #over = Promise.withResolvers<void>();

	constructor(deps: SessionDeps) {
		this.#deps = deps;
		this.id = deps.id;
		this.server = deps.server;
		// Host and Origin are the gateway's to enforce, so the transport's own check stays off.
		this.#transport = new HttpTransport({ sessionIdGenerator: () => deps.id, enableDnsRebindingProtection: false });
		this.#transport.onmessage = (message) => this.#fromClient(message);
		this.#transport.onerror = (error) => deps.log.debug({ server: deps.server, err: error }, "HTTP transport");
	}

	get child(): Child | undefined {
		return this.#child;
	}

	/** Whether `initialize` has been answered. */
	get opened(): boolean {
		return this.#child !== undefined && this.#opening === undefined;
	}

	/** Requests that the process has not answered. */
	get inFlight(): number {
		return this.#calls.inFlight;
	}

	get ended(): boolean {
		return this.#ended;
	}

	/** Resolves when the session has ended. */
	get over(): Promise<void> {
		return this.#over.promise;
	}

	/** Sends `initialize` to the process and waits for its answer, its end, or `signal`. */
	open(
		child: Child,
		initialize: Record<string, unknown>,
		id: Id,
		timeoutMs: number,
		signal: AbortSignal,
	): Promise<Opening> {
		this.#child = child;
		return new Promise((resolve) => {
			const settle = (opening: Opening) => {
				clearTimeout(timer);
				signal.removeEventListener("abort", aborted);
				this.#opening = undefined;
				resolve(opening);
			};
			const fail = (reason: Reason, detail?: string) => settle({ answered: false, reason, detail });
			const aborted = () => fail("session_lost", "The client closed the connection.");
			const timer = setTimeout(() => {
				fail("timeout", `The process did not answer \`initialize\` within ${timeoutMs} ms (\`pool.startTimeout\`).`);
			}, timeoutMs);
			signal.addEventListener("abort", aborted, { once: true });
			this.#opening = { id, settle };
			if (signal.aborted) aborted();
			else child.send(Buffer.from(JSON.stringify(initialize)));
		});
	}

	/** Answers the HTTP request that carried `initialize`; from here on the session is the client's. */
	async begin(exchange: Exchange, answer: JSONRPCMessage): Promise<void> {
		this.#initializeAnswer = answer;
		this.#armIdle(this.#deps.idleTimeoutMs);
		await this.serve(exchange);
	}

	/** Waits until the process takes more; called before a body is read, so that it is not held in memory. */
	async ready(): Promise<void> {
		await this.#child?.drained();
	}

	/** Whether a request of this id still waits for its answer: a second one would take the first one's. */
	awaits(id: Id): boolean {
		const call = this.#calls.get(id);
		return this.#arriving.has(id) || (call?.open === true && !call.cancelled);
	}

	/** Has the SDK's transport answer one HTTP request. */
	async serve(exchange: Exchange): Promise<void> {
		const { method, headers, body, response } = exchange;
		this.#lastUse = performance.now();
		const requests = method === "POST" ? requestsOf(body) : [];
		for (const { id } of requests) this.#arriving.set(id, exchange);
		// The URL is of no use to the transport, but must be one.
		const web = await this.#transport.handleRequest(new Request("http://bridge/", { method, headers }), {
			parsedBody: body,
		});
		for (const { id } of requests) this.#arriving.delete(id);
		const standalone = method === "GET" && web.status === 200;
		if (standalone) {
			this.#standaloneOpen = true;
			this.#flushWaiting();
		}
		await sendWebResponse(web, response, {
			blocked: () => this.#blocked(1),
			flowing: () => this.#blocked(-1),
		});
		if (standalone) this.#standaloneOpen = false;
		for (const { id } of requests) {
			const call = this.#calls.get(id);
			if (call) call.open = false;
		}
		if (!standalone) this.#lastUse = performance.now();
	}

	/** One line of the process's stdout. */
	line(line: Buffer, truncated: boolean): void {
		if (truncated) {
			this.#tooLarge();
			return;
		}
		if (line.length === 0) return;
		let parsed: unknown;
		try {
			parsed = JSON.parse(line.toString("utf8"));
		} catch {
			parsed = undefined;
		}
		// Arrays: revision 2025-03-26 lets a server batch its answers.
		for (const message of Array.isArray(parsed) ? parsed : [parsed]) {
			if (isMessage(message)) this.#fromProcess(message);
			else if (this.#garbage.pass()) {
				const text = line.toString("utf8", 0, 200);
				this.#deps.log.warn({ ...this.#logFields(), text }, "a line on stdout is not a JSON-RPC message; ignored");
			}
		}
	}

	/** The process has ended. */
	processEnded(exit: Exit): void {
		const detail = describeExit(exit);
		if (this.#opening) this.#opening.settle({ answered: false, reason: "process_failed_to_start", detail });
		else this.end("process_died", detail);
	}

	/** Lets calls in flight finish, `graceMs` at the most, then ends the session. */
	async drain(graceMs: number, reason: Reason): Promise<void> {
		if (this.#calls.inFlight > 0 && !this.#ended) {
			await new Promise<void>((resolve) => {
				const timer = setTimeout(resolve, graceMs);
				this.#onQuiet.add(() => {
					clearTimeout(timer);
					resolve();
				});
			});
		}
		await this.end(reason);
	}

	/** Ends the session: calls in flight get an error, streams are closed, the process is stopped. */
	end(reason: Reason, detail?: string): Promise<void> {
		if (!this.#ended) {
			this.#ended = true;
			clearTimeout(this.#idleTimer);
			for (const call of this.#calls.takeAll()) this.#fail(call, reason, detail);
			void this.#transport.close();
			this.#quiet();
			const why = reason === "session_lost" ? "server_unavailable" : reason;
			this.#opening?.settle({ answered: false, reason: why, detail });
			this.#over.resolve();
			this.#deps.onEnd(this, reason);
		}
		return this.#child?.stop() ?? Promise.resolve();
	}

	#fromClient(message: JSONRPCMessage): void {
		if ("method" in message && "id" in message) {
			const exchange = this.#arriving.get(message.id);
			this.#arriving.delete(message.id);
			this.#calls.add({
				id: message.id,
				requestId: exchange?.requestId,
				progressToken: progressToken(message),
				open: true,
				cancelled: false,
			});
			this.#flushWaiting();
			if (this.#initializeAnswer && message.method === "initialize") {
				const answer = this.#initializeAnswer;
				this.#initializeAnswer = undefined;
				this.#calls.take(message.id);
				this.#send(answer);
				return;
			}
		} else if ("method" in message && message.method === "notifications/cancelled") {
			const id = message.params?.["requestId"];
			const call = isId(id) ? this.#calls.get(id) : undefined;
			if (call) call.cancelled = true;
			this.#quietIfIdle();
		}
		this.#child?.send(Buffer.from(JSON.stringify(message)));
	}

	#fromProcess(message: JSONRPCMessage): void {
		if ("method" in message) this.#toClient(message);
		else this.#answer(message);
	}

	#answer(message: JSONRPCMessage & { id?: unknown }): void {
		const id = message.id;
		if (!isId(id)) return;
		const response = asResponse(message);
		if (this.#opening) {
			if (id !== this.#opening.id) return;
			const detail = "The process answered `initialize` with something that is not a JSON-RPC response.";
			this.#opening.settle(
				response
					? { answered: true, message: response }
					: { answered: false, reason: "process_failed_to_start", detail },
			);
			return;
		}
		const call = this.#calls.take(id);
		if (!call) return;
		if (response) this.#send(response);
		else this.#fail(call, "internal", "The server's answer is not a JSON-RPC response.");
		this.#quietIfIdle();
	}

	#toClient(message: JSONRPCMessage): void {
		const method = "method" in message ? message.method : "";
		const token = "method" in message ? progressToken(message) : undefined;
		const stream = this.#opening ? undefined : this.#calls.streamFor(method, token, this.#standaloneOpen);
		if (stream === "standalone") this.#send(message);
		else if (stream) this.#send(message, stream.call);
		else if (this.#waiting.push(message) > maxWaiting) {
			this.#waiting.shift();
			this.#deps.log.warn(
				{ ...this.#logFields(), method },
				"no stream is open to the client; dropped its oldest message",
			);
		}
	}

	#flushWaiting(): void {
		for (const message of this.#waiting.splice(0)) this.#toClient(message);
	}

	#send(message: JSONRPCMessage, relatedRequestId?: Id): void {
		// Rejects where the client has gone: legacy revisions have no other way to tell, and the answer is lost.
		this.#transport.send(message, relatedRequestId === undefined ? undefined : { relatedRequestId }).catch((error) => {
			this.#deps.log.debug({ ...this.#logFields(), err: error }, "a message found no stream to the client");
		});
	}

	#fail(call: Call, reason: Reason, detail: string | undefined): void {
		const { id, requestId } = call;
		this.#send({ ...errorBody(reason, { id, server: this.server, requestId, detail }), id });
	}

	/** Which call a message answers cannot be told without reading it, so all of them learn of it. */
	#tooLarge(): void {
		const detail = `The server sent a message of more than ${this.#deps.maxMessageBytes} bytes.`;
		this.#deps.log.warn(this.#logFields(), detail);
		this.#opening?.settle({ answered: false, reason: "process_failed_to_start", detail });
		for (const call of this.#calls.takeAll()) this.#fail(call, "internal", detail);
		this.#quietIfIdle();
	}

	#quietIfIdle(): void {
		if (this.#calls.inFlight === 0) this.#quiet();
	}

	#quiet(): void {
		for (const listener of this.#onQuiet) listener();
		this.#onQuiet.clear();
	}

	#blocked(change: 1 | -1): void {
		this.#blockedStreams += change;
		if (this.#blockedStreams > 0) this.#child?.pause();
		else this.#child?.resume();
	}

	/** Re-armed only when it fires, so that a call costs no timer. An open GET stream does not count as use. */
	#armIdle(delayMs: number): void {
		const { idleTimeoutMs } = this.#deps;
		if (idleTimeoutMs === 0 || this.#ended) return;
		this.#idleTimer = setTimeout(
			() => {
				const left = this.#calls.awaited ? idleTimeoutMs : this.#lastUse + idleTimeoutMs - performance.now();
				if (left > 0) this.#armIdle(left);
				else {
					this.#deps.log.info(this.#logFields(), "session ended: idle");
					void this.end("session_lost");
				}
			},
			Math.min(delayMs, 2 ** 31 - 1),
		);
		this.#idleTimer.unref();
	}

	#logFields(): { server: string; pid: number | undefined } {
		return { server: this.server, pid: this.#child?.pid };
	}
}
