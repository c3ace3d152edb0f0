import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";

export interface Lifecycle {
	readonly log: Logger;
	/** Started by `up`: ends when the channel to it closes, which a `kill -9` of `up` does too. */
	readonly supervised: boolean;
	readonly reload: () => Promise<void>;
	readonly close: () => Promise<void>;
	/** Called once signals are taken. */
	readonly ready?: () => void;
}

/** A close that takes longer than this is abandoned when the parent is gone: no process stays. */
const ORPHAN_MS = 3000;

/**
 * Call before the work of starting: a parent that dies meanwhile must not leave this process behind.
 */
export function endWithParent(supervised: boolean, close: () => Promise<void>): void {
	if (!supervised) return;
	const end = () => {
		void Promise.race([close().catch(() => {}), sleep(ORPHAN_MS)]).then(() => process.exit(1));
	};
	// Until there is a registry to read again; without a handler the signal would end the process.
	process.on("SIGHUP", () => {});
	if (process.connected) process.once("disconnect", end);
	else end();
}

/** Runs a service until SIGINT or SIGTERM; SIGHUP reads the registry again. Resolves with the exit code. */
export async function untilSignal(life: Lifecycle): Promise<number> {
	process.on("SIGHUP", () => {
		life.reload().catch((error: unknown) => life.log.error({ event: "reload-failed", err: error }, "reload failed"));
	});
	const signal = await new Promise<string>((resolve) => {
		process.once("SIGTERM", resolve);
		process.once("SIGINT", resolve);
		life.ready?.();
	});
	life.log.debug({ event: "stop", signal }, "stopping");
	await life.close();
	return 0;
}
