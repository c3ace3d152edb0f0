/** So many lines a second pass; what is over is counted and told once. */
export class LineLimit {
	readonly #perSecond: number;
	readonly #dropped: (count: number) => void;
	#windowStart = 0;
	#lines = 0;

	/** @param dropped Told how many lines were left out, when the second is over or at {@link end}. */
	constructor(perSecond: number, dropped: (count: number) => void) {
		this.#perSecond = perSecond;
		this.#dropped = dropped;
	}

	/** Whether one more line may pass now. */
	pass(): boolean {
		const now = performance.now();
		if (now - this.#windowStart >= 1000) {
			this.end();
			this.#windowStart = now;
		}
		this.#lines += 1;
		return this.#lines <= this.#perSecond;
	}

	end(): void {
		const over = this.#lines - this.#perSecond;
		this.#lines = 0;
		if (over > 0) this.#dropped(over);
	}
}
