import type { Listen } from "../listen.ts";
import type { OpenSlots } from "../pool/contract.ts";
import { isLedgerAnswer, type WorkerMessage } from "./messages.ts";
import { LedgerClient } from "./remote-slots.ts";
import type { WorkerRole } from "./role.ts";

/** What makes a bridge one of several workers. */
export interface WorkerOptions {
	readonly worker: { readonly index: number; readonly count: number };
	readonly slots: OpenSlots;
	/** Where another worker is reached; undefined for a number that none has. */
	readonly peer: (index: number) => Listen | undefined;
}

export interface ParentLink {
	readonly options: WorkerOptions;
	/** Tells the parent that this worker takes connections and signals. */
	listening(): void;
}

/** Takes up the channel to the parent. A worker without one ends, so nothing needs to be done where it is closed. */
export function joinParent({ index, addresses }: WorkerRole): ParentLink {
	const send = (message: WorkerMessage) => {
		if (process.connected) process.send?.(message, undefined, undefined, () => {});
	};
	const ledger = new LedgerClient(send);
	process.on("message", (message) => {
		if (isLedgerAnswer(message)) ledger.hear(message);
	});
	return {
		options: {
			worker: { index, count: addresses.length },
			slots: ledger.open,
			peer: (other) => addresses[other],
		},
		listening: () => send({ event: "worker-listens" }),
	};
}
