import type { Reason } from "../../control-plane/errors/catalogue.ts";
import type { Log } from "../log.ts";
import { errorResponse } from "../messages/compose.ts";
import type { Message } from "../messages/message.ts";
import { textOf } from "../messages/rewrite.ts";
import type { CallListener, Seat, SeatListener } from "../pool/contract.ts";
import { idOf } from "../pool/handshake.ts";
import { type AnswerContext, errorMessage } from "./answer.ts";
import type { Flow } from "./event-stream.ts";
import type { Served } from "./http.ts";
import { IdleTimer } from "./idle.ts";
import { initializeFault } from "./initialize.ts";
import { firstStateless, wantsLogs } from "./request-headers.ts";

const invalidRequest = -32600;
const methodNotFound = -32601;
const invalidParams = -32602;

export interface DuplexOptions {
	readonly pool: Served;
	/** The pool in force now, which is another one once the server has changed; undefined where the server is removed. */
	current(): Served | undefined;
	readonly log: Log;
	readonly context: AnswerContext;
	/** Sends a message to the client. */
	send(message: Buffer): void;
	/** The session is over; nothing is sent any more. */
	onEnd(reason: Reason, detail: string | undefined): void;
}

/** A request without a session. */
interface Stateless {
	/** Undefined while it waits for one. */
	seat: Seat | undefined;
	/** The client has cancelled it. */
	takenBack: boolean;
}

/**
 * A client whose messages all travel on one connection (WebSocket, or the stream of HTTP+SSE), so that nothing has to be
 * chosen for them. The first message decides: `initialize` opens a session, one of 2026-07-28 is answered without.
 */
export class DuplexSession implements SeatListener, Flow {
	readonly #options: DuplexOptions;
	readonly #gone = new AbortController();
	readonly #idle: IdleTimer;
	/** The process of a session. */
	#seat: Seat | undefined;
	/** Those of requests without a session, by their ids. */
	readonly #stateless = new Map<string, Stateless>();
	#opening = false;
	#endedEarly = false;
	/** Requests whose answers are still to come. */
	#waiting = 0;
	#slow = 0;
	/** Resolves when the client takes again what it is sent. */
	#taken: PromiseWithResolvers<void> | undefined;
	#over = false;

	constructor(options: DuplexOptions) {
		this.#options = options;
		const { log, pool } = options;
		this.#idle = new IdleTimer(
			pool.server.pool.idleTimeoutMs,
			() => this.#waiting > 0,
			() => {
				log.info({ server: pool.server.id, pid: this.#seat?.pid }, "session ended: idle");
				this.#end("session_lost", undefined);
			},
		);
	}

	get server(): string {
		return this.#options.pool.server.id;
	}

	/** A connection may outlive what it was opened for. */
	get #pool(): Served {
		return this.#options.current() ?? this.#options.pool;
	}

	/**
	 * Undefined while process and client both take more; wait for it before more is read of the client. Else one that
	 * asks and never listens would fill the memory with answers, of which those of the bridge itself pause no process.
	 */
	ready(): Promise<void> | undefined {
		if (this.#over) return undefined;
		if (this.#slow > 0) {
			this.#taken ??= Promise.withResolvers();
			return this.#taken.promise;
		}
		for (const seat of this.#seats()) {
			const ready = seat.ready();
			if (ready !== undefined) return ready;
		}
		return undefined;
	}

	/** Takes a message of the client. */
	receive(message: Message): void {
		if (this.#over) return;
		this.#idle.used();
		const { kind, method } = message;
		if (message.protocolVersion !== undefined && message.protocolVersion >= firstStateless) {
			void this.#takeStateless(message);
		} else if (this.#takenBack(message)) return;
		else if (kind === "request" && method === "initialize") void this.#open(message);
		else if (this.#seat === undefined) this.#refuse(message, invalidRequest, "Send `initialize` first.");
		else if (kind === "request") this.#call(this.#seat, message);
		else if (kind === "notification") this.#seat.notify(message);
		else this.#seat.respond(message);
	}

	/** The client has gone. */
	close(): void {
		if (this.#over) return;
		this.#leave();
	}

	/** The client does not take what it is sent. */
	slow(): void {
		this.#slow++;
		for (const seat of this.#seats()) seat.slow();
	}

	flowing(): void {
		this.#slow--;
		if (this.#slow === 0) this.#readOn();
		for (const seat of this.#seats()) seat.flowing();
	}

	onMessage(bytes: Buffer): void {
		if (!this.#over) this.#options.send(bytes);
	}

	onEnd(reason: Reason, detail: string | undefined): void {
		// Without a session yet there is an answer to `initialize` that tells why.
		if (this.#opening) this.#endedEarly = true;
		else this.#end(reason, detail);
	}

	/** All that there are: of the session, and of requests without one. */
	#seats(): Seat[] {
		return [this.#seat, ...[...this.#stateless.values()].map(({ seat }) => seat)].filter((seat) => seat !== undefined);
	}

	async #open(initialize: Message): Promise<void> {
		if (this.#seat !== undefined || this.#opening) {
			return this.#refuse(initialize, invalidRequest, "This session is initialized already.");
		}
		const fault = initializeFault(initialize);
		if (fault !== undefined) return this.#refuse(initialize, invalidParams, fault);
		this.#opening = true;
		this.#endedEarly = false;
		this.#waiting++;
		const opened = await this.#pool.openSession(initialize, this, this.#gone.signal);
		this.#opening = false;
		this.#waiting--;
		if (opened.ok === true && this.#over) opened.seat.leave();
		if (this.#over) return;
		if (opened.ok === false) return this.#fail(initialize, opened.reason, opened.detail);
		if (opened.ok === true) {
			this.#seat = opened.seat;
			for (let n = 0; n < this.#slow; n++) opened.seat.slow();
		}
		this.#options.send(opened.answer);
		if (opened.ok === true && this.#endedEarly) this.#end("process_died", undefined);
	}

	#call(seat: Seat, request: Message): void {
		if (!seat.awaits(idOf(request)))
			seat.call(
				request,
				this.#listener(request, () => {}),
			);
		else this.#refuse(request, invalidRequest, "A request of this id is already waiting for its answer.");
	}

	/** A request of 2026-07-28 gets a seat for itself alone. */
	async #takeStateless(message: Message): Promise<void> {
		const idText = idOf(message);
		const request = message.kind === "request";
		if (request && this.#stateless.has(idText)) {
			return this.#refuse(message, invalidRequest, "A request of this id is already waiting for its answer.");
		}
		const own: Stateless = { seat: undefined, takenBack: false };
		if (request) this.#stateless.set(idText, own);
		const over = () => {
			if (this.#stateless.get(idText) === own) this.#stateless.delete(idText);
			own.seat?.leave();
		};
		this.#waiting++;
		const taken = await this.#pool.takeSeat(this.#logsOf(message), this.#gone.signal);
		this.#waiting--;
		if (taken.ok === true) own.seat = taken.seat;
		if (this.#over || own.takenBack || taken.ok !== true) {
			over();
			if (taken.ok === "legacy") {
				const detail = "This server speaks revisions up to 2025-11-25 alone: send `initialize`.";
				this.#refuse(message, methodNotFound, detail);
			} else if (!taken.ok) this.#fail(message, taken.reason, taken.detail);
			return;
		}
		const { seat } = taken;
		if (request) {
			for (let n = 0; n < this.#slow; n++) seat.slow();
			seat.call(message, this.#listener(message, over));
		} else {
			seat.notify(message);
			over();
		}
	}

	/** Hears the one thing of that revision that names no request, where the request asks for it. */
	#logsOf(message: Message): SeatListener {
		const logs = wantsLogs(message);
		return {
			onMessage: (bytes, { method }) => {
				if (logs && method === "notifications/message") this.onMessage(bytes);
			},
			onEnd() {},
		};
	}

	/** Whether this takes back a request without a session. */
	#takenBack(message: Message): boolean {
		const { method, requestId } = message;
		if (method !== "notifications/cancelled" || requestId === undefined) return false;
		const own = this.#stateless.get(textOf(message, requestId));
		if (own === undefined) return false;
		own.takenBack = true;
		own.seat?.notify(message);
		return true;
	}

	#listener(request: Message, over: () => void): CallListener {
		const idText = idOf(request);
		const done = () => {
			this.#waiting--;
			over();
		};
		this.#waiting++;
		return {
			onMessage: (bytes) => this.onMessage(bytes),
			onAnswer: (bytes) => {
				this.onMessage(bytes);
				done();
			},
			onFailure: (reason, detail) => {
				this.onMessage(errorMessage(reason, { ...this.#options.context, idText, detail }));
				done();
			},
			onCancelled: done,
		};
	}

	#refuse(message: Message, code: number, detail: string): void {
		if (message.kind === "request") this.onMessage(errorResponse(idOf(message), code, detail));
	}

	#fail(message: Message, reason: Reason, detail: string | undefined): void {
		if (message.kind !== "request") return;
		this.onMessage(errorMessage(reason, { ...this.#options.context, idText: idOf(message), detail }));
	}

	#end(reason: Reason, detail: string | undefined): void {
		if (this.#over) return;
		this.#leave();
		this.#options.onEnd(reason, detail);
	}

	#readOn(): void {
		this.#taken?.resolve();
		this.#taken = undefined;
	}

	#leave(): void {
		this.#over = true;
		this.#readOn();
		this.#idle.stop();
		this.#gone.abort();
		for (const seat of this.#seats()) seat.leave();
		this.#stateless.clear();
	}
}
