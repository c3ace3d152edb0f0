import type { ServerResponse } from "node:http";
import { type EventLog, type LoggedEvent, type LoggedStream, primingId } from "./event-log.ts";
import { EventStream, type Flow, messageEvent } from "./event-stream.ts";

/** When a client whose connection broke may come back; what the official clients take by themselves. */
const retryMs = 1000;

export interface StreamOptions {
	readonly log: EventLog<ResumableStream>;
	readonly flow: Flow;
	/**
	 * It begins with an event without data, from which a client can go on that has seen no other: from 2025-11-25 on.
	 * Clients of older revisions may take its data for a message.
	 */
	readonly primed: boolean;
	/** A client is connected, for the first time or again. */
	onOpen(): void;
	onClose(): void;
}

/** An SSE stream of a session. It outlives its connections: what is said meanwhile waits for the client to come back. */
export class ResumableStream implements LoggedStream {
	key = 0;
	last = 0;
	forgotten = 0;
	kept = 0;
	complete = false;
	readonly #options: StreamOptions;
	#connection: EventStream | undefined;

	constructor(options: StreamOptions) {
		this.#options = options;
		options.log.open(this);
	}

	get connected(): boolean {
		return this.#connection !== undefined;
	}

	/** Whether the client knows an event from which it could go on. */
	get resumable(): boolean {
		return this.#options.primed || this.last > 0;
	}

	/** Goes on in this response, with the events that the client has missed; undefined: it has just begun. */
	connect(response: ServerResponse, missed?: readonly LoggedEvent<ResumableStream>[]): void {
		// The client has left that connection, even where this is not seen yet.
		this.#connection?.cut();
		const { flow, primed, onOpen } = this.#options;
		const connection = new EventStream(response, flow, () => this.#closed(connection));
		this.#connection = connection;
		if (primed && missed === undefined) connection.write(`id: ${primingId(this)}\nretry: ${retryMs}\ndata: \n\n`);
		for (const event of missed ?? []) this.#write(event);
		if (this.complete) connection.end();
		else onOpen();
	}

	/** @param answer The message answers a call. */
	send(message: Buffer, answer: boolean): void {
		const event = this.#options.log.add(this, answer, (id) => messageEvent(message, id));
		this.#write(event);
	}

	/** Nothing follows. */
	finish(): void {
		this.#options.log.complete(this);
		this.#disconnect();
	}

	/** Nothing follows, and nobody may ask for what was there. */
	drop(): void {
		this.#options.log.drop(this);
		this.#disconnect();
	}

	#write(event: LoggedEvent<ResumableStream>): void {
		this.#connection?.write(event.bytes, () => this.#options.log.delivered(event));
	}

	#disconnect(): void {
		const connection = this.#connection;
		if (connection === undefined) return;
		this.#closed(connection);
		connection.end();
	}

	#closed(connection: EventStream): void {
		if (this.#connection !== connection) return;
		this.#connection = undefined;
		this.#options.onClose();
	}
}
