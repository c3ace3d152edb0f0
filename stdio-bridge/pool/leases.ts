import type { Connection } from "./connection.ts";

/** Processes that serve one stateless request after the other, each one at a time (mode `session`, 2026-07-28). */
export class Leases {
	readonly #idleTimeoutMs: number;
	readonly #stop: (connection: Connection) => void;
	readonly #idle = new Map<Connection, NodeJS.Timeout | undefined>();
	readonly #waiting = new Set<(connection: Connection) => void>();

	constructor(idleTimeoutMs: number, stop: (connection: Connection) => void) {
		this.#idleTimeoutMs = idleTimeoutMs;
		this.#stop = stop;
	}

	/** A process that nobody uses. */
	take(): Connection | undefined {
		for (const [connection, timer] of this.#idle) {
			clearTimeout(timer);
			this.#idle.delete(connection);
			if (!connection.ended) return connection;
		}
		return undefined;
	}

	/** The next process that is given back, in the order of those who wait. The wait ends with `signal`. */
	next(signal: AbortSignal): Promise<Connection> {
		return new Promise((resolve) => {
			const take = (connection: Connection) => {
				this.#waiting.delete(take);
				resolve(connection);
			};
			this.#waiting.add(take);
			signal.addEventListener("abort", () => this.#waiting.delete(take), { once: true });
		});
	}

	/** The process is free: for who waits, else kept, unless `wanted` says that its slot is. */
	giveBack(connection: Connection, wanted: boolean): void {
		if (connection.ended) return;
		const [waiting] = this.#waiting;
		if (waiting !== undefined) waiting(connection);
		else if (wanted) this.#stop(connection);
		else {
			const timer =
				this.#idleTimeoutMs === 0
					? undefined
					: setTimeout(() => this.#giveUp(connection), Math.min(this.#idleTimeoutMs, 2 ** 31 - 1)).unref();
			this.#idle.set(connection, timer);
		}
	}

	/** Stops a process that nobody uses; false where there is none. */
	giveUpOne(): boolean {
		const connection = this.take();
		if (connection !== undefined) this.#stop(connection);
		return connection !== undefined;
	}

	close(): void {
		for (const timer of this.#idle.values()) clearTimeout(timer);
		this.#idle.clear();
	}

	#giveUp(connection: Connection): void {
		if (this.#idle.delete(connection)) this.#stop(connection);
	}
}
