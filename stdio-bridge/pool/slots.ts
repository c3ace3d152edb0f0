import type { SlotBounds, Slots } from "./contract.ts";

interface Ticket {
	settle(outcome: "ok" | "late" | "aborted"): void;
}

/** The slots of one server in one process: first come, first served. */
export class LocalSlots implements Slots {
	readonly #bounds: SlotBounds;
	readonly #queue = new Set<Ticket>();
	#taken = 0;
	#declined = false;
	onWanted: (() => void) | undefined;
	onFree: (() => void) | undefined;

	constructor(bounds: SlotBounds) {
		this.#bounds = bounds;
	}

	get waiting(): number {
		return this.#queue.size;
	}

	get wanted(): boolean {
		return this.#queue.size > 0;
	}

	async acquire(signal: AbortSignal, queue = true): Promise<"ok" | "full" | "late" | "aborted"> {
		if (signal.aborted) return "aborted";
		const { max, maxQueue, queueTimeoutMs } = this.#bounds;
		if (this.#taken < max && this.#queue.size === 0) {
			this.#taken++;
			return "ok";
		}
		if (!queue || this.#queue.size >= maxQueue) {
			this.#declined ||= !queue;
			return "full";
		}
		const turn = this.#wait(signal, queueTimeoutMs);
		this.onWanted?.();
		return turn;
	}

	release(): void {
		const [next] = this.#queue;
		if (next !== undefined) {
			next.settle("ok");
			return;
		}
		this.#taken--;
		if (!this.#declined) return;
		this.#declined = false;
		this.onFree?.();
	}

	#wait(signal: AbortSignal, timeoutMs: number): Promise<"ok" | "late" | "aborted"> {
		return new Promise((resolve) => {
			const ticket: Ticket = {
				settle: (outcome) => {
					clearTimeout(timer);
					signal.removeEventListener("abort", aborted);
					this.#queue.delete(ticket);
					resolve(outcome);
				},
			};
			const aborted = () => ticket.settle("aborted");
			const timer = timeoutMs === 0 ? undefined : setTimeout(() => ticket.settle("late"), timeoutMs);
			signal.addEventListener("abort", aborted, { once: true });
			this.#queue.add(ticket);
		});
	}
}
