import type { Message } from "../messages/message.ts";
import { ask, type NotAnswered } from "./ask.ts";
import type { Failure, SeatListener } from "./contract.ts";
import { findEra, initialized, readMessage, sharedInitialize } from "./handshake.ts";
import type { Opened } from "./shared-processes.ts";
import type { StartedProcess } from "./starter.ts";

const silent: SeatListener = { onMessage() {}, onEnd() {} };

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

/** Makes a fresh process one for requests of 2026-07-28, if it knows that revision. `timeoutMs` 0 is for ever. */
export async function openModern(process: StartedProcess, timeoutMs: number): Promise<Opened> {
	const { connection } = process;
	const seat = connection.seat(silent, () => {});
	const found = await findEra(seat, timeoutMs);
	seat.leave();
	if (found.era === "unknown") {
		// Some servers end on a method that they do not know. Whether this one starts at all a session will tell.
		if (found.asked.why === "failed" && found.asked.reason === "process_died") return { ok: "legacy", ended: true };
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
