/** What transports (HTTP, WebSocket) and the pool of processes know of each other. */
import type { Reason } from "../../control-plane/errors/catalogue.ts";
import type { Message } from "../messages/message.ts";

/** Hears of one call. `bytes` are one JSON-RPC message each, in the client's own ids and tokens, without a newline. */
export interface CallListener {
	/** Belongs to this call beyond doubt: progress, or a notification of its subscription. */
	onMessage(bytes: Buffer): void;
	/** The answer, a result or an error; nothing follows. `errorCode` is that of an error. */
	onAnswer(bytes: Buffer, errorCode: number | undefined): void;
	/** There will be no answer; nothing follows. */
	onFailure(reason: Reason, detail: string | undefined): void;
	/** The client took the call back by `notifications/cancelled`; nothing follows. */
	onCancelled(): void;
}

/** A request that the process has not answered. */
export interface Call {
	/** Tells the process that nobody waits any more, and forgets the call. Does nothing once it is over. */
	cancel(): void;
}

/** Hears of what a process says that belongs to no call for certain. */
export interface SeatListener {
	/** A request of the process, a log message, a change of the server. Same form as with {@link CallListener}. */
	onMessage(bytes: Buffer, message: Message): void;
	/** The process is gone, or this seat is taken away; calls have heard of it before. Nothing follows. */
	onEnd(reason: Reason, detail: string | undefined): void;
}

/** A client's place at a process: that of a session for all its life, that of a stateless request until its answer. */
export interface Seat {
	readonly pid: number;
	/** Sends a request. A second one with the id of one that is waiting is the transport's to refuse ({@link awaits}). */
	call(request: Message, listener: CallListener): Call;
	/** Whether a call with this id, spelled like this, waits for its answer. */
	awaits(id: string): boolean;
	/** Sends a notification; a cancellation reaches the process under the id that it knows. */
	notify(notification: Message): void;
	/** Sends the client's answer to a request of the process. */
	respond(response: Message): void;
	/** Undefined while the process takes more, else resolves when it does: wait for it before a body is read. */
	ready(): Promise<void> | undefined;
	/** The client does not take what it is sent, so the process is not read. Each is followed by {@link flowing}. */
	slow(): void;
	flowing(): void;
	/** Gives the place back: calls that wait are cancelled, and what ran for this client alone is stopped. */
	leave(): void;
}

export type Failure = { readonly ok: false; readonly reason: Reason; readonly detail: string | undefined };

/** Of a pool that takes nobody, or a process that turned out to be of no use. */
export const unavailable: Failure = { ok: false, reason: "server_unavailable", detail: undefined };

export type OpenedSession =
	| { readonly ok: true; readonly seat: Seat /** Of `initialize`. */; readonly answer: Buffer }
	/** The process refused `initialize`; its own error is the answer. */
	| { readonly ok: "refused"; readonly answer: Buffer; readonly errorCode: number | undefined }
	| Failure;

export type TakenSeat =
	| { readonly ok: true; readonly seat: Seat }
	/** The server does not speak 2026-07-28, so there is none for a stateless request. */
	| { readonly ok: "legacy" }
	| Failure;

/** The processes of one stdio server under one definition of it. */
export interface ProcessPool {
	/** Gives `initialize` to a process; the session is there once that has answered. `signal`: the client has gone. */
	openSession(initialize: Message, listener: SeatListener, signal: AbortSignal): Promise<OpenedSession>;
	/** A seat for one request of 2026-07-28; the caller leaves it when the answer is there. */
	takeSeat(listener: SeatListener, signal: AbortSignal): Promise<TakenSeat>;
}

/** How many processes there may be, over all workers of the bridge. One for each server. */
export interface Slots {
	/**
	 * Waits for a slot in the order of the callers: got it, queue full, waited too long, or `signal` came. With `queue`
	 * false it does not wait: `full` where others do, or no slot is free.
	 */
	acquire(signal: AbortSignal, queue?: boolean): Promise<"ok" | "full" | "late" | "aborted">;
	/** Gives a slot back once its process is gone. */
	release(): void;
	/** How many wait here. */
	readonly waiting: number;
	/** Somebody waits, here or in another worker: a process that nobody uses should be given up. */
	readonly wanted: boolean;
	/** Called when somebody waits, maybe in another worker, while this one may hold a process that nobody uses. */
	onWanted: (() => void) | undefined;
	/** Called when a slot is free after one was refused to a caller here that did not want to wait. */
	onFree: (() => void) | undefined;
}

/** Bounds of one kind of slot of one server. */
export interface SlotBounds {
	/** Slots that may be held at once, over all workers. */
	readonly max: number;
	/** Callers that may wait; 0: a slot is there at once or not at all. */
	readonly maxQueue: number;
	/** So long they wait, in milliseconds; 0 is for ever. */
	readonly queueTimeoutMs: number;
}

/**
 * Makes the slots of `key`, which names what is counted: processes (or sessions) of a server under one definition of
 * it. All slots of one key are counted together; the bounds are those of the caller that asks.
 */
export type OpenSlots = (key: string, bounds: SlotBounds) => Slots;
