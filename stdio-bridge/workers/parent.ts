import type { ChildProcess } from "node:child_process";
import type { Logger } from "pino";
import type { Backoff } from "../../control-plane/cli/child.ts";
import { createSupervisor } from "../../control-plane/cli/supervisor.ts";
import { Ledger, type Owner } from "./ledger.ts";
import { isWorkerMessage } from "./messages.ts";

export interface WorkersOptions {
	readonly count: number;
	readonly log: Logger;
	/** Starts a worker, with a channel for messages to this process. */
	readonly start: (index: number) => ChildProcess;
	/** From SIGTERM to SIGKILL. */
	readonly killAfterMs: number;
	/** Called once, when every worker takes connections. */
	readonly listening: () => void;
	/** A worker fails again and again, and not all of them have ever listened. */
	readonly hopeless: () => void;
	readonly backoff?: Backoff;
}

/** The bridge's worker processes. */
export interface Workers {
	/** Has them read the registry again. */
	reload(): void;
	/** Ends them and all that they have started. */
	close(): Promise<void>;
}

/**
 * Starts the workers of a bridge, keeps them running, and keeps the ledger that bounds their processes together. No
 * request passes through here. A worker ends when its channel does, so `kill -9` of this process leaves none.
 */
export function startWorkers(options: WorkersOptions): Workers {
	const { log, count } = options;
	const ledger = new Ledger();
	const listening = new Map<number, ChildProcess>();
	let settled = false;
	const supervisor = createSupervisor({
		log,
		changed: () => {},
		hopeless: options.hopeless,
		...(options.backoff !== undefined && { backoff: options.backoff }),
	});

	const start = (index: number): ChildProcess => {
		const child = options.start(index);
		const owner: Owner = {
			// A channel that is just closing is no fault: what the worker has is given back with its end.
			tell: (answer) => {
				if (child.connected) child.send(answer, () => {});
			},
		};
		child.on("message", (message) => {
			if (!isWorkerMessage(message) || child.exitCode !== null || child.signalCode !== null) return;
			switch (message.event) {
				case "slot-acquire":
					return ledger.acquire(owner, message.ticket, message.key, message.bounds);
				case "slot-give-back":
					return ledger.giveBack(owner, message.ticket);
				case "worker-listens":
					listening.set(index, child);
					if (settled || listening.size < count) return;
					settled = true;
					supervisor.settled();
					return options.listening();
			}
		});
		child.once("exit", () => {
			if (listening.get(index) === child) listening.delete(index);
			ledger.drop(owner);
		});
		return child;
	};
	for (let index = 0; index < count; index++) {
		supervisor.add({ name: `bridge worker ${index}`, start: () => start(index) });
	}

	return {
		reload() {
			// One that does not listen yet has no handler for the signal, and is about to read the registry anyway.
			for (const child of listening.values()) child.kill("SIGHUP");
		},
		close: () => supervisor.stop("", options.killAfterMs),
	};
}
