import type { StartedProcess, Starter } from "./starter.ts";

/** Processes that are started ahead and that nobody has said a word to. */
export class Warm {
	readonly #starter: Starter;
	readonly #processes: StartedProcess[] = [];
	readonly #closed = new AbortController();
	#wanted = 0;
	#starting = 0;
	#retry: NodeJS.Timeout | undefined;

	constructor(starter: Starter) {
		this.#starter = starter;
	}

	/** The one that was started first, since it is the furthest. */
	take(): StartedProcess | undefined {
		for (let process = this.#processes.shift(); process !== undefined; process = this.#processes.shift()) {
			if (!process.connection.ended) return process;
		}
		return undefined;
	}

	/** Has so many started, as far as there are slots, and again once starts may work that do not now. */
	keep(count: number): void {
		this.#wanted = count;
		const alive = this.#processes.filter(({ connection }) => !connection.ended);
		this.#processes.splice(0, this.#processes.length, ...alive);
		const waitMs = this.#starter.waitMs ?? 0;
		if (waitMs > 0) {
			this.#retry ??= setTimeout(() => {
				this.#retry = undefined;
				this.keep(this.#wanted);
			}, waitMs + 1).unref();
			return;
		}
		for (let missing = count - alive.length - this.#starting; missing > 0; missing--) void this.#start();
	}

	/** Stops one, since its slot is wanted. */
	giveUpOne(): void {
		const process = this.take();
		if (process !== undefined) void this.#starter.stop(process.connection);
	}

	close(): void {
		this.#wanted = 0;
		this.#closed.abort();
		clearTimeout(this.#retry);
	}

	async #start(): Promise<void> {
		this.#starting++;
		const started = await this.#starter.start(this.#closed.signal, false);
		this.#starting--;
		if (!started.ok) return;
		if (this.#closed.signal.aborted) void this.#starter.stop(started.process.connection);
		else this.#processes.push(started.process);
	}
}
