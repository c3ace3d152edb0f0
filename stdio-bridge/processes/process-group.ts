import { setTimeout as sleep } from "node:timers/promises";

const pollMs = 20;
/** SIGKILL takes effect at once, but for a process that the kernel itself holds. */
const killMs = 2000;

/** Sends `signal` to every process of the group; false when the group is empty. */
export function signalGroup(pgid: number, signal: NodeJS.Signals | 0): boolean {
	try {
		process.kill(-pgid, signal);
		return true;
	} catch (error) {
		// EPERM: the group lives but under another user (a setuid child); it counts as alive.
		return error instanceof Error && "code" in error && error.code === "EPERM";
	}
}

/** Waits until the group is empty or `timeoutMs` have passed; true when it is empty. */
export async function groupGone(pgid: number, timeoutMs: number): Promise<boolean> {
	const deadline = performance.now() + timeoutMs;
	while (signalGroup(pgid, 0)) {
		if (performance.now() >= deadline) return false;
		await sleep(pollMs);
	}
	return true;
}

/** Ends a group: SIGTERM, and SIGKILL once `termMs` have passed. */
export async function endGroup(pgid: number, termMs: number): Promise<void> {
	if (!signalGroup(pgid, "SIGTERM") || (await groupGone(pgid, termMs))) return;
	signalGroup(pgid, "SIGKILL");
	await groupGone(pgid, killMs);
}
