import type { Failure } from "./contract.ts";
import type { Started, StartedProcess, Starter } from "./starter.ts";

interface SecondTryDeps<Opened> {
	readonly starter: Pick<Starter, "failedOnce" | "stop">;
	/** For the first answer of one process or two, in milliseconds; 0 is for ever. */
	readonly timeoutMs: number;
	/** The exchange that a process is started for. */
	readonly open: (process: StartedProcess, timeoutMs: number) => Promise<Opened | Failure>;
	readonly start: () => Promise<Started>;
}

/**
 * Opens a process, and where it ends instead of answering, although others have worked, one more: what befalls a single
 * process (a kill, memory that was short for a moment) is nothing that a client has to hear of. What cannot be opened
 * is stopped.
 */
export async function openOrTryAgain<Opened extends { readonly ok: unknown }>(
	process: StartedProcess,
	{ starter, timeoutMs, open, start }: SecondTryDeps<Opened>,
): Promise<Opened | Failure> {
	const startedAt = performance.now();
	const opened = await open(process, timeoutMs);
	if (opened.ok === true) return opened;
	// Its slot is free once it is gone, and it may be the only one.
	const gone = starter.stop(process.connection);
	if (opened.ok !== false || !("reason" in opened)) return opened;
	if (opened.reason !== "process_failed_to_start" || !starter.failedOnce) return opened;
	await gone;
	const leftMs = timeoutMs === 0 ? 0 : Math.ceil(startedAt + timeoutMs - performance.now());
	if (leftMs < 0) return opened;
	const next = await start();
	if (!next.ok) return next;
	const second = await open(next.process, leftMs);
	if (second.ok !== true) void starter.stop(next.process.connection);
	return second;
}
