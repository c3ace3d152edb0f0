import type { ServerResponse } from "node:http";
import type { Log } from "../log.ts";
import type { Message } from "../messages/message.ts";
import type { Seat, SeatListener } from "../pool/contract.ts";
import { LineLimit } from "../processes/rate-limit.ts";
import type { AnswerContext } from "./answer.ts";
import { EventLog } from "./event-log.ts";
import { Exchange } from "./exchange.ts";
import { IdleTimer } from "./idle.ts";
import { ResumableStream } from "./resumable-stream.ts";
import { WaitingMessages } from "./waiting-messages.ts";

export interface SessionOptions {
	readonly id: string;
	readonly server: string;
	readonly log: Log;
	readonly idleTimeoutMs: number;
	/** The session can no longer be used. */
	onEnd(session: Session): void;
}

/** One POST of a session. */
export interface Post {
	readonly response: ServerResponse;
	readonly messages: readonly Message[];
	readonly batch: boolean;
	readonly context: AnswerContext;
	/** Revision that the client names, or that it has agreed on. */
	readonly revision: string;
	/** The client would rather have a stream than JSON. */
	readonly stream: boolean;
}

/** For a client that comes back; it bounds what a session costs. */
const logBounds = { events: 256, bytes: 1024 * 1024 };

/** The first revision whose clients know events without data. */
const firstPrimed = "2025-11-25";

/** What tells of a change in the server as a whole belongs to no call. */
const unrelated = /^notifications\/(.*\/list_changed|resources\/updated)$/;

/** One client's session over Streamable HTTP, revisions 2025-03-26 to 2025-11-25. */
export class Session implements SeatListener {
	readonly id: string;
	readonly server: string;
	/** What client and server have agreed on. */
	revision = "";
	readonly #options: SessionOptions;
	readonly #log: EventLog<ResumableStream>;
	/** What waits for the client's first stream, which opens only after `initialize`, or for it to come back. */
	readonly #waiting: WaitingMessages;
	readonly #lost: LineLimit;
	/** POSTs whose calls are not all answered, in the order in which they came. */
	readonly #exchanges = new Set<Exchange>();
	/** The stream that a GET opens; undefined before the first. */
	#standalone: ResumableStream | undefined;
	#seat: Seat | undefined;
	#idle: IdleTimer | undefined;
	#ended = false;

	constructor(options: SessionOptions) {
		const { id, server, log } = options;
		this.id = id;
		this.server = server;
		this.#options = options;
		const fields = () => ({ server, pid: this.#seat?.pid });
		this.#lost = new LineLimit(10, (count) =>
			log.warn({ ...fields(), count }, "more messages to a client were dropped"),
		);
		const lose = () => {
			if (this.#lost.pass()) log.warn(fields(), "the client has no stream open; its oldest message was dropped");
		};
		this.#log = new EventLog(logBounds, lose);
		this.#waiting = new WaitingMessages(lose);
	}

	/** The process has answered `initialize`. */
	begin(seat: Seat, revision: string): void {
		this.#seat = seat;
		this.revision = revision;
		this.#idle = new IdleTimer(
			this.#options.idleTimeoutMs,
			() => this.#newest() !== undefined,
			() => {
				this.#options.log.info({ server: this.server, pid: seat.pid }, "session ended: idle");
				this.end();
			},
		);
	}

	get ended(): boolean {
		return this.#ended;
	}

	/** Undefined while the process takes more; wait for it before a body is read, so that it is not held in memory. */
	ready(): Promise<void> | undefined {
		return this.#seat?.ready();
	}

	/** Whether a request with this id, spelled like this, waits for its answer: a second one would take the first one's. */
	awaits(id: string): boolean {
		return this.#seat?.awaits(id) === true;
	}

	/** Gives a POST's messages to the process, and answers it. */
	post({ response, messages, batch, context, revision, stream }: Post): void {
		const seat = this.#seat;
		if (seat === undefined) return;
		this.#idle?.used();
		const requests = messages.filter(({ kind }) => kind === "request");
		for (const message of messages) {
			if (message.kind === "notification") seat.notify(message);
			else if (message.kind === "response") seat.respond(message);
		}
		if (requests.length === 0) {
			response.writeHead(202, { "content-length": 0 }).end();
			return;
		}
		const exchange = new Exchange({
			response,
			seat,
			log: this.#log,
			context,
			batch,
			primed: revision >= firstPrimed,
			stream,
			onOpen: () => this.#flush(),
			onClose: () => this.#idle?.used(),
			onDone: (done) => {
				this.#exchanges.delete(done);
				this.#idle?.used();
			},
		});
		this.#exchanges.add(exchange);
		exchange.start(requests);
		this.#flush();
	}

	/** Opens the standalone stream in this response; false where it is open already. */
	listen(response: ServerResponse): boolean {
		const seat = this.#seat;
		if (this.#standalone?.connected || seat === undefined) return false;
		this.#idle?.used();
		// A client that names no event wants none of those before; what it has not been sent waits elsewhere.
		this.#standalone?.drop();
		this.#standalone = new ResumableStream({
			log: this.#log,
			flow: seat,
			primed: this.revision >= firstPrimed,
			onOpen: () => this.#flush(),
			onClose: () => {},
		});
		this.#standalone.connect(response);
		return true;
	}

	/** Goes on with the stream of an event, behind that event; false where the event is not known any more. */
	resume(response: ServerResponse, lastEventId: string): boolean {
		const found = this.#log.after(lastEventId);
		if (found === undefined) return false;
		this.#idle?.used();
		found.stream.connect(response, found.events);
		return true;
	}

	/** The client ends the session, or has not used it for too long. */
	end(): void {
		if (this.#ended) return;
		for (const exchange of [...this.#exchanges]) exchange.fail("session_lost", undefined);
		this.#seat?.leave();
		this.#over();
	}

	onMessage(bytes: Buffer, { method }: Message): void {
		this.#deliver(bytes, method);
	}

	onEnd(): void {
		this.#over();
	}

	/**
	 * Picks the one stream for a request or notification of the process. Stdio does not say which call it belongs to:
	 * most likely to the newest, except changes of the server as a whole, which the specification wants on the
	 * standalone stream.
	 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server
	 */
	#streamFor(method: string): Exchange | "standalone" | undefined {
		const newest = this.#newest();
		const standalone = this.#standalone?.connected ? "standalone" : undefined;
		return unrelated.test(method) ? (standalone ?? newest) : (newest ?? standalone);
	}

	/** The newest call that a connected client waits for. */
	#newest(): Exchange | undefined {
		let newest: Exchange | undefined;
		for (const exchange of this.#exchanges) if (exchange.open) newest = exchange;
		return newest;
	}

	#deliver(bytes: Buffer, method: string): void {
		const stream = this.#streamFor(method);
		if (stream === "standalone") this.#standalone?.send(bytes, false);
		else if (stream !== undefined) stream.send(bytes);
		else this.#waiting.push(bytes, method);
	}

	/** A stream is open. */
	#flush(): void {
		for (const { bytes, method } of this.#waiting.takeAll()) this.#deliver(bytes, method);
	}

	#over(): void {
		if (this.#ended) return;
		this.#ended = true;
		this.#idle?.stop();
		this.#lost.end();
		this.#standalone?.finish();
		this.#options.onEnd(this);
	}
}
