import type { Message } from "../messages/message.ts";
import { ask, type NotAnswered } from "./ask.ts";
import type { Connection } from "./connection.ts";
import { type Failure, type OpenedSession, type Seat, type SeatListener, unavailable } from "./contract.ts";
import { findEra, initialized, readMessage, sharedInitialize } from "./handshake.ts";
import type { Opened } from "./shared-processes.ts";
import type { StartedProcess } from "./starter.ts";

const silent: SeatListener = { onMessage() {}, onEnd() {} };

/** A client that wants a session with a process of its own. */
export interface OwnSession {
	readonly initialize: Message;
	readonly listener: SeatListener;
	/** The client has gone. */
	readonly signal: AbortSignal;
	readonly seat: (connection: Connection, listener: SeatListener, onLeave: () => void) => Seat;
	/** The session, which had begun, is over. */
	onOver(): void;
}

/** Gives a client's `initialize` to a fresh process. `timeoutMs` 0 is for ever. */
export async function openOwn(process: StartedProcess, timeoutMs: number, client: OwnSession): Promise<OpenedSession> {
	const { initialize, listener, signal } = client;
	const { connection } = process;
	let begun = false;
	// Of one that ends before that the answer tells, and another process may take over.
	const heard: SeatListener = {
		onMessage: (bytes, message) => listener.onMessage(bytes, message),
		onEnd: (reason, detail) => {
			if (begun) listener.onEnd(reason, detail);
		},
	};
	const seat = client.seat(connection, heard, () => {
		if (begun) client.onOver();
	});
	const asked = await ask(seat, initialize, timeoutMs, signal);
	if (asked.ok) {
		process.answered();
		begun = asked.errorCode === undefined && !connection.ended;
		if (begun) return { ok: true, seat, answer: asked.answer };
	}
	// Before the seat is left, since that stops the process, which then can fail no more.
	const failure = asked.ok ? undefined : notAnswered(process, asked, "initialize", timeoutMs);
	seat.leave();
	if (failure !== undefined) return failure;
	if (!asked.ok || asked.errorCode === undefined) return unavailable;
	return { ok: "refused", answer: asked.answer, errorCode: asked.errorCode };
}

/** Makes a fresh process one that many sessions share. `timeoutMs` 0 is for ever. */
export async function openLegacy(process: StartedProcess, client: Message, timeoutMs: number): Promise<Opened> {
	const { connection } = process;
	const seat = connection.seat(silent, () => {});
	const asked = await ask(seat, sharedInitialize(client), timeoutMs);
	if (!asked.ok) return notAnswered(process, asked, "initialize", timeoutMs);
	process.answered();
	const answer = readMessage(asked.answer);
	if (asked.errorCode !== undefined) return { ok: "refused", answer };
	connection.tell(initialized.bytes);
	seat.leave();
	return { ok: true, shared: { connection, answer } };
}

/**
 * Makes a fresh process one for requests of 2026-07-28, if it knows that revision. `timeoutMs` 0 is for ever; `modern`:
 * others of this server knew it.
 */
export async function openModern(process: StartedProcess, timeoutMs: number, modern: boolean): Promise<Opened> {
	const { connection } = process;
	const seat = connection.seat(silent, () => {});
	const found = await findEra(seat, timeoutMs);
	seat.leave();
	if (found.era === "unknown") {
		// Some servers end on a method that they do not know. Whether this one starts at all a session will tell.
		const died = found.asked.why === "failed" && found.asked.reason === "process_died";
		if (died && !modern) return { ok: "legacy", ended: true };
		return notAnswered(process, found.asked, "server/discover", timeoutMs);
	}
	process.answered();
	return found.era === "modern" ? { ok: true, shared: { connection } } : { ok: "legacy", ended: false };
}

/** What a client is told whose first question to a process was not answered; a start that took too long has failed. */
export function notAnswered(process: StartedProcess, asked: NotAnswered, method: string, timeoutMs: number): Failure {
	if (asked.why === "aborted") return { ok: false, reason: "session_lost", detail: undefined };
	if (asked.why === "time") {
		const detail = `The process did not answer \`${method}\` within ${timeoutMs} ms (\`pool.startTimeout\`).`;
		process.failed("timeout", detail);
		return { ok: false, reason: "timeout", detail };
	}
	const died = asked.reason === "process_died";
	return { ok: false, reason: died ? "process_failed_to_start" : asked.reason, detail: asked.detail };
}
