import type { OpenSlots, SlotBounds, Slots } from "../pool/contract.ts";
import type { LedgerAnswer } from "./ledger.ts";
import type { WorkerMessage } from "./messages.ts";

type Acquired = Awaited<ReturnType<Slots["acquire"]>>;

interface Asked {
	readonly slots: RemoteSlots;
	readonly queued: boolean;
	readonly settle: (acquired: Acquired) => void;
}

/** The slots of this worker, which the ledger in its parent gives out. */
export class LedgerClient {
	readonly #send: (message: WorkerMessage) => void;
	readonly #asked = new Map<number, Asked>();
	/** By key, those that hold or ask for something. */
	readonly #inUse = new Map<string, Set<RemoteSlots>>();
	/** By key, those that were refused a slot without waiting. */
	readonly #declined = new Map<string, Set<RemoteSlots>>();
	#lastTicket = 0;

	constructor(send: (message: WorkerMessage) => void) {
		this.#send = send;
	}

	readonly open: OpenSlots = (key, bounds) => new RemoteSlots(this, key, bounds);

	/** Takes what the ledger says. */
	hear(answer: LedgerAnswer): void {
		if (answer.event === "slots-wanted") {
			for (const slots of this.#inUse.get(answer.key) ?? []) slots.wantedBy(answer.waiting);
			return;
		}
		if (answer.event === "slots-free") {
			const declined = this.#declined.get(answer.key) ?? [];
			this.#declined.delete(answer.key);
			for (const slots of declined) slots.onFree?.();
			return;
		}
		const asked = this.#asked.get(answer.ticket);
		// Given up meanwhile, and given back.
		if (asked === undefined) return;
		this.#asked.delete(answer.ticket);
		const { slots, queued } = asked;
		if (answer.event === "slot-granted") slots.hold(answer.ticket);
		else if (!queued) this.#declined.set(slots.key, (this.#declined.get(slots.key) ?? new Set()).add(slots));
		asked.settle(answer.event === "slot-granted" ? "ok" : answer.why);
	}

	/** Asks for a slot. */
	ask(slots: RemoteSlots, bounds: SlotBounds, signal: AbortSignal): Promise<Acquired> {
		const ticket = ++this.#lastTicket;
		return new Promise((resolve) => {
			const aborted = () => {
				this.#asked.delete(ticket);
				this.giveBack(ticket);
				settle("aborted");
			};
			const settle = (acquired: Acquired) => {
				signal.removeEventListener("abort", aborted);
				slots.waiting--;
				this.note(slots);
				resolve(acquired);
			};
			slots.waiting++;
			this.note(slots);
			this.#asked.set(ticket, { slots, queued: bounds.maxQueue > 0, settle });
			this.#send({ event: "slot-acquire", ticket, key: slots.key, bounds });
			signal.addEventListener("abort", aborted, { once: true });
		});
	}

	giveBack(ticket: number): void {
		this.#send({ event: "slot-give-back", ticket });
	}

	/** Remembers only who is in use: a definition that is gone leaves nothing here. */
	note(slots: RemoteSlots): void {
		const { key } = slots;
		const users = this.#inUse.get(key) ?? new Set();
		if (slots.inUse) this.#inUse.set(key, users.add(slots));
		else if (users.delete(slots) && users.size === 0) this.#inUse.delete(key);
	}
}

class RemoteSlots implements Slots {
	readonly key: string;
	waiting = 0;
	onWanted: (() => void) | undefined;
	onFree: (() => void) | undefined;
	readonly #client: LedgerClient;
	readonly #bounds: SlotBounds;
	readonly #held: number[] = [];
	#othersWait = 0;

	constructor(client: LedgerClient, key: string, bounds: SlotBounds) {
		this.#client = client;
		this.key = key;
		this.#bounds = bounds;
	}

	get inUse(): boolean {
		return this.waiting > 0 || this.#held.length > 0;
	}

	get wanted(): boolean {
		return this.#othersWait > 0;
	}

	async acquire(signal: AbortSignal, queue = true): Promise<Acquired> {
		if (signal.aborted) return "aborted";
		return this.#client.ask(this, queue ? this.#bounds : { ...this.#bounds, maxQueue: 0 }, signal);
	}

	release(): void {
		const ticket = this.#held.pop();
		if (ticket === undefined) throw new Error(`no slot of ${this.key} is held`);
		this.#client.giveBack(ticket);
		if (this.#held.length === 0) this.#othersWait = 0;
		this.#client.note(this);
	}

	hold(ticket: number): void {
		this.#held.push(ticket);
	}

	/** One that waits gets one process: who hears of fewer that wait has nothing to give up. */
	wantedBy(waiting: number): void {
		const more = waiting > this.#othersWait;
		this.#othersWait = waiting;
		if (more) this.onWanted?.();
	}
}
