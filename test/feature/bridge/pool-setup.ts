import { onTestFinished } from "vitest";
import type { StdioServer } from "../../../control-plane/registry/model.ts";
import type { CallListener, OpenedSession, Seat, SeatListener } from "../../../stdio-bridge/pool/contract.ts";
import { readMessage } from "../../../stdio-bridge/pool/handshake.ts";
import { Pool } from "../../../stdio-bridge/pool/pool.ts";
import { LocalSlots } from "../../../stdio-bridge/pool/slots.ts";
import { startGuard } from "../../../stdio-bridge/processes/guard.ts";
import { createCounters } from "../../../stdio-bridge/status.ts";
import { initialize, memoryLog } from "./setup.ts";

/** The signal of a client that stays. */
export const never = new AbortController().signal;

/** A pool and what it counts; retired at the end of the test. */
export function poolOf(server: StdioServer) {
	const { log, lines } = memoryLog();
	const guard = startGuard(log);
	const counters = createCounters();
	const slots = new LocalSlots(server.pool);
	const sessions = server.pool.maxSessions;
	const pool = new Pool(server, {
		log,
		expand: (template) => ({ ok: true, value: template }),
		env: process.env,
		child: { stop: { stdinMs: 300, termMs: 300 }, guard, maxLineBytes: 1024 * 1024 },
		counters,
		processSlots: slots,
		...(sessions !== undefined && {
			sessionSlots: new LocalSlots({ max: sessions, maxQueue: 0, queueTimeoutMs: 0 }),
		}),
		min: server.pool.min,
	});
	onTestFinished(async () => {
		await pool.retire(0, "quiet");
		await guard.close();
	});
	return { pool, lines, counters, slots };
}

export const message = (value: object | string) =>
	readMessage(Buffer.from(typeof value === "string" ? value : JSON.stringify(value)));

/** Hears what a process says to a client. */
export function inbox() {
	const messages: string[] = [];
	const ends: (string | undefined)[] = [];
	const listener: SeatListener = {
		onMessage: (bytes) => void messages.push(bytes.toString()),
		onEnd: (reason, detail) => void ends.push(`${reason}: ${detail}`),
	};
	return { messages, ends, listener };
}

/** Opens a session. */
export async function open(pool: Pool, box = inbox(), capabilities = {}, signal = never) {
	const text = { ...initialize, params: { ...initialize.params, capabilities } };
	return { box, opened: await pool.openSession(message(text), box.listener, signal) };
}

/** @throws Error where there is no session */
export function seatOf(opened: OpenedSession): Seat {
	if (opened.ok !== true) throw new Error(JSON.stringify(opened));
	return opened.seat;
}

/** Sends a request and waits for what becomes of it. */
export function call(seat: Seat, value: object | string): Promise<string> & { cancel(): void; heard: string[] } {
	const heard: string[] = [];
	let cancel = () => {};
	const outcome = new Promise<string>((resolve) => {
		const listener: CallListener = {
			onMessage: (bytes) => void heard.push(bytes.toString()),
			onAnswer: (bytes) => resolve(bytes.toString()),
			onFailure: (reason, detail) => resolve(`${reason}: ${detail}`),
			onCancelled: () => resolve("cancelled"),
		};
		const made = seat.call(message(value), listener);
		cancel = () => made.cancel();
	});
	return Object.assign(outcome, { cancel, heard });
}
