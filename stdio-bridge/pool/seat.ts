import type { Reason } from "../../control-plane/errors/catalogue.ts";
import { cancelled, request, response } from "../messages/compose.ts";
import type { Message } from "../messages/message.ts";
import { type Edit, jsonOf, replaceSpans, textOf } from "../messages/rewrite.ts";
import type { Call, CallListener, Seat, SeatListener } from "./contract.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** A call as its connection keeps it: whose it is, and how the client spells its id and progress token. */
export interface Entry {
	readonly seat: ProcessSeat;
	readonly idText: string;
	/** Copies, so that a large request is not kept for its id. */
	readonly id: Buffer;
	readonly token: Buffer | undefined;
	readonly listener: CallListener;
	/** `subscriptions/listen`. */
	readonly subscription: boolean;
	/** The process may say log messages because of it: from 2026-07-28 on only where the request asks for them. */
	readonly logs: boolean;
}

const logLevel = "io.modelcontextprotocol/logLevel";

/** What a seat needs of its connection. */
export interface SeatHost {
	readonly pid: number;
	send(bytes: Buffer): void;
	/** Gives a call the id that the process will know it by. */
	add(entry: Entry): number;
	/** Ends a call; undefined where it is over. */
	take(id: number): Entry | undefined;
	ready(): Promise<void> | undefined;
	pause(): void;
	resume(): void;
	/** A client that reads nothing for so long loses its seat; 0 is never. */
	readonly stalledMs: number;
	/** Where the process serves many clients. */
	readonly subscriptions: Subscriptions<ProcessSeat> | undefined;
	left(): void;
}

/** A client's place at a {@link Connection}. */
export class ProcessSeat implements Seat {
	readonly listener: SeatListener;
	readonly pid: number;
	readonly #host: SeatHost;
	/** Calls that wait, by the client's spelling of their ids. */
	readonly #ids = new Map<string, number>();
	#slow = 0;
	#stalled: NodeJS.Timeout | undefined;
	#over = false;

	constructor(listener: SeatListener, host: SeatHost) {
		this.listener = listener;
		this.#host = host;
		this.pid = host.pid;
	}

	call(message: Message, listener: CallListener): Call {
		if (message.id === undefined) throw new TypeError("a call needs a request");
		const idText = textOf(message, message.id);
		const token = message.progressToken;
		if (this.#over) {
			queueMicrotask(() => listener.onFailure("session_lost", undefined));
			return { cancel() {} };
		}
		if (this.#answeredHere(message, idText, listener)) return { cancel() {} };
		const entry: Entry = {
			seat: this,
			idText,
			id: Buffer.from(message.bytes.subarray(message.id.start, message.id.end)),
			token: token && Buffer.from(message.bytes.subarray(token.start, token.end)),
			listener,
			subscription: message.method === "subscriptions/listen",
			logs: message.protocolVersion === undefined || message.bytes.includes(logLevel),
		};
		const id = this.#host.add(entry);
		this.#ids.set(idText, id);
		const text = String(id);
		const edits: Edit[] = [{ span: message.id, text }];
		if (token !== undefined) edits.push({ span: token, text });
		this.#host.send(replaceSpans(message.bytes, edits));
		return {
			cancel: () => {
				// `initialize` cannot be cancelled: https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/cancellation
				if (this.#host.take(id) !== undefined && message.method !== "initialize") this.#host.send(cancelled(text));
			},
		};
	}

	awaits(id: string): boolean {
		return this.#ids.has(id);
	}

	notify(message: Message): void {
		if (this.#over) return;
		if (message.method === "notifications/cancelled") this.#cancelled(message);
		// The bridge has said it to a process of many clients.
		else if (message.method === "notifications/initialized" && this.#host.subscriptions !== undefined) return;
		else this.#host.send(message.bytes);
	}

	respond(message: Message): void {
		// A process of many clients asks none of them, so this answers nothing.
		if (!this.#over && this.#host.subscriptions === undefined) this.#host.send(message.bytes);
	}

	ready(): Promise<void> | undefined {
		return this.#over ? undefined : this.#host.ready();
	}

	slow(): void {
		if (this.#over) return;
		this.#slow++;
		this.#host.pause();
		if (this.#host.stalledMs > 0) {
			this.#stalled ??= setTimeout(() => {
				this.end("session_lost", "The client read nothing for too long while others waited for the same process.");
			}, this.#host.stalledMs);
		}
	}

	flowing(): void {
		if (this.#slow === 0) return;
		this.#slow--;
		this.#host.resume();
		if (this.#slow === 0) this.#notStalled();
	}

	leave(): void {
		if (this.#over) return;
		for (const id of [...this.#ids.values()]) {
			if (this.#host.take(id) !== undefined) this.#host.send(cancelled(String(id)));
		}
		this.#left();
	}

	/** Takes the seat away. */
	end(reason: Reason, detail: string | undefined): void {
		if (this.#over) return;
		for (const id of [...this.#ids.values()]) this.#host.take(id)?.listener.onFailure(reason, detail);
		this.#left();
		this.listener.onEnd(reason, detail);
	}

	/** A call of this seat is over. */
	forget(idText: string): void {
		this.#ids.delete(idText);
	}

	#left(): void {
		this.#over = true;
		this.#notStalled();
		for (; this.#slow > 0; this.#slow--) this.#host.resume();
		for (const uri of this.#host.subscriptions?.drop(this) ?? []) {
			const params = JSON.stringify({ uri });
			// Nobody waits for the answer, so it needs an id that no call has.
			this.#host.send(request('"unsubscribe"', "resources/unsubscribe", params));
		}
		this.#host.left();
	}

	#notStalled(): void {
		clearTimeout(this.#stalled);
		this.#stalled = undefined;
	}

	#cancelled(message: Message): void {
		const { requestId } = message;
		const id = requestId && this.#ids.get(textOf(message, requestId));
		// Answered meanwhile, or never asked.
		if (requestId === undefined || id === undefined) return;
		const entry = this.#host.take(id);
		this.#host.send(replaceSpans(message.bytes, [{ span: requestId, text: String(id) }]));
		entry?.listener.onCancelled();
	}

	/** A resource that others are still subscribed to: the process must not hear that this client is not. */
	#answeredHere(message: Message, idText: string, listener: CallListener): boolean {
		const { subscriptions } = this.#host;
		if (subscriptions === undefined || message.params === undefined) return false;
		if (message.method !== "resources/subscribe" && message.method !== "resources/unsubscribe") return false;
		const { uri } = jsonOf(message, message.params) as { uri?: unknown };
		if (typeof uri !== "string") return false;
		if (message.method === "resources/subscribe") subscriptions.add(this, uri);
		else if (!subscriptions.remove(this, uri)) {
			const answer = response(idText, "{}");
			queueMicrotask(() => listener.onAnswer(answer, undefined));
			return true;
		}
		return false;
	}
}
