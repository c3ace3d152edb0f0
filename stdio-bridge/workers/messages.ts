/** What a worker of the bridge and its parent say to each other over the channel between them. */
import type { SlotBounds } from "../pool/contract.ts";
import type { LedgerAnswer } from "./ledger.ts";

export type WorkerMessage =
	/** The worker takes connections, and SIGHUP. */
	| { readonly event: "worker-listens" }
	| { readonly event: "slot-acquire"; readonly ticket: number; readonly key: string; readonly bounds: SlotBounds }
	| { readonly event: "slot-give-back"; readonly ticket: number };

const workerEvents: ReadonlySet<string> = new Set<WorkerMessage["event"]>([
	"worker-listens",
	"slot-acquire",
	"slot-give-back",
]);
const ledgerEvents: ReadonlySet<string> = new Set<LedgerAnswer["event"]>([
	"slot-granted",
	"slot-refused",
	"slots-wanted",
	"slots-free",
]);

/** Both ends are of one program; what else may come over the channel is told by its name. */
export function isWorkerMessage(message: unknown): message is WorkerMessage {
	return workerEvents.has(eventOf(message));
}

export function isLedgerAnswer(message: unknown): message is LedgerAnswer {
	return ledgerEvents.has(eventOf(message));
}

function eventOf(message: unknown): string {
	return typeof message === "object" && message !== null && "event" in message ? String(message.event) : "";
}
