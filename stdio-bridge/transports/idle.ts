/** Setting a longer timer than this fires it at once. */
const longestTimerMs = 2 ** 31 - 1;

/** Ends what nobody has used for a time. Armed again only when it fires, so that a use costs no timer. */
export class IdleTimer {
	readonly #timeoutMs: number;
	readonly #inUse: () => boolean;
	readonly #onIdle: () => void;
	#lastUse = performance.now();
	#timer: NodeJS.Timeout | undefined;

	/** @param timeoutMs 0 is never. @param inUse Somebody waits for something just now. */
	constructor(timeoutMs: number, inUse: () => boolean, onIdle: () => void) {
		this.#timeoutMs = timeoutMs;
		this.#inUse = inUse;
		this.#onIdle = onIdle;
		this.#arm(timeoutMs);
	}

	used(): void {
		this.#lastUse = performance.now();
	}

	stop(): void {
		clearTimeout(this.#timer);
	}

	#arm(delayMs: number): void {
		if (this.#timeoutMs === 0) return;
		this.#timer = setTimeout(() => this.#check(), Math.min(delayMs, longestTimerMs)).unref();
	}

	#check(): void {
		if (this.#inUse()) this.used();
		const left = this.#lastUse + this.#timeoutMs - performance.now();
		if (left > 0) this.#arm(left);
		else this.#onIdle();
	}
}
