/** Events of one SSE stream: those of a POST's answer, or of the standalone stream. */
export interface LoggedStream {
	/** Within its session; set by {@link EventLog.open}. */
	key: number;
	/** Number of the last event; 0 is the priming one, which holds nothing. */
	last: number;
	/** Number of the last event that has been delivered and is kept no more. */
	forgotten: number;
	/** How many are kept. */
	kept: number;
	/** No event will follow. */
	complete: boolean;
}

export interface LoggedEvent<Stream extends LoggedStream> {
	readonly stream: Stream;
	readonly number: number;
	readonly bytes: Buffer;
	/** A call's answer: goes later than what is said about the call. */
	readonly answer: boolean;
	/** It has been sent; whether it arrived, only the client knows. */
	delivered: boolean;
}

export interface LogBounds {
	readonly events: number;
	readonly bytes: number;
}

/**
 * What a session's clients have been sent and may ask for again with `Last-Event-ID`, and what they have not been sent
 * yet. Where there is too much of it the oldest goes that was delivered, then what belongs to no answer, then answers.
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#resumability-and-redelivery
 */
export class EventLog<Stream extends LoggedStream> {
	readonly #bounds: LogBounds;
	readonly #onLost: () => void;
	readonly #streams = new Map<number, Stream>();
	readonly #events: LoggedEvent<Stream>[] = [];
	#bytes = 0;
	#lastKey = 0;

	/** @param onLost An event is dropped that was never delivered. */
	constructor(bounds: LogBounds, onLost: () => void) {
		this.#bounds = bounds;
		this.#onLost = onLost;
	}

	/** Begins to keep the events of a stream. */
	open(stream: Stream): void {
		stream.key = this.#lastKey++;
		this.#streams.set(stream.key, stream);
	}

	/** Keeps an event of a stream; `format` gets its id. */
	add(stream: Stream, answer: boolean, format: (id: string) => Buffer): LoggedEvent<Stream> {
		const number = ++stream.last;
		const event = { stream, number, bytes: format(idOf(stream, number)), answer, delivered: false };
		this.#events.push(event);
		stream.kept++;
		this.#bytes += event.bytes.length;
		this.#trim();
		return event;
	}

	/** The event has been sent, so it may go earlier than others. */
	delivered(event: LoggedEvent<Stream>): void {
		event.delivered = true;
		this.#trim();
	}

	/** Forgets a stream, and what is kept of it. */
	drop(stream: Stream): void {
		for (let i = this.#events.length - 1; i >= 0; i--) if (this.#events[i]?.stream === stream) this.#remove(i);
		this.#streams.delete(stream.key);
	}

	/** No event follows in this stream, so it is forgotten with its last one. */
	complete(stream: Stream): void {
		stream.complete = true;
		if (stream.kept === 0) this.#streams.delete(stream.key);
	}

	/** The stream that an event's id names and the events behind that one; undefined where they are no longer known. */
	after(id: string): { readonly stream: Stream; readonly events: readonly LoggedEvent<Stream>[] } | undefined {
		const [, key, text] = /^(\d{1,15})-(\d{1,15})$/.exec(id) ?? [];
		const stream = this.#streams.get(Number(key));
		const number = Number(text);
		if (!stream || number < stream.forgotten || number > stream.last) return undefined;
		return { stream, events: this.#events.filter((event) => event.stream === stream && event.number > number) };
	}

	#trim(): void {
		const { events, bytes } = this.#bounds;
		while (this.#events.length > events || this.#bytes > bytes) {
			let next = this.#events.findIndex(({ delivered }) => delivered);
			// What is alone and waits for its client is kept, whatever its size.
			if (next === -1 && this.#events.length === 1) return;
			if (next === -1) next = this.#events.findIndex(({ answer }) => !answer);
			this.#remove(Math.max(next, 0));
		}
	}

	#remove(index: number): void {
		const [event] = this.#events.splice(index, 1);
		if (!event) return;
		const { stream, number, delivered, bytes } = event;
		this.#bytes -= bytes.length;
		stream.kept--;
		if (delivered) stream.forgotten = Math.max(stream.forgotten, number);
		else this.#onLost();
		if (stream.complete && stream.kept === 0) this.#streams.delete(stream.key);
	}
}

/** The id of the event with which a stream begins; it holds no message. */
export function primingId(stream: LoggedStream): string {
	return idOf(stream, 0);
}

function idOf({ key }: LoggedStream, number: number): string {
	return `${key}-${number}`;
}
