/**
 * Many waits of one length on one timer, since a timer of its own would be a good part of what a call costs. A wait ends
 * up to `grainMs` later than it should.
 */
export class Waits {
	readonly #ms: number;
	readonly #grainMs: number;
	/** In the order of their ends, as all are of one length. */
	readonly #ends = new Map<() => void, number>();
	#timer: NodeJS.Timeout | undefined;

	constructor(ms: number, grainMs: number) {
		this.#ms = ms;
		this.#grainMs = grainMs;
	}

	/** Calls `done` once when the time is over; added again meanwhile, its time begins anew. */
	add(done: () => void): void {
		this.#ends.delete(done);
		this.#ends.set(done, performance.now() + this.#ms);
		this.#timer ??= setInterval(() => this.#tick(), this.#grainMs).unref();
	}

	delete(done: () => void): void {
		this.#ends.delete(done);
	}

	#tick(): void {
		if (this.#ends.size === 0) {
			clearInterval(this.#timer);
			this.#timer = undefined;
			return;
		}
		const now = performance.now();
		for (const [done, end] of this.#ends) {
			if (end > now) return;
			this.#ends.delete(done);
			done();
		}
	}
}
