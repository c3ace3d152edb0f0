import type { Message } from "../messages/message.ts";
import type { Connection } from "./connection.ts";
import type { Failure } from "./contract.ts";
import { openOrTryAgain } from "./second-try.ts";
import type { Started, StartedProcess, Starter } from "./starter.ts";

/** A process that serves many clients, with its answer to `initialize` where its era has that. */
export interface SharedProcess {
	readonly connection: Connection;
	readonly answer?: Message;
}

/** What an opening made of a process. */
export type Opened =
	| { readonly ok: true; readonly shared: SharedProcess }
	/** It does not speak 2026-07-28. `ended`: it ended on the question, and it may be that it cannot start at all. */
	| { readonly ok: "legacy"; readonly ended: boolean }
	/** Its answer to `initialize` is an error. */
	| { readonly ok: "refused"; readonly answer: Message }
	| Failure;

export interface SharedProcessesDeps {
	readonly starter: Starter;
	/** A process that was started ahead, or a new one. */
	readonly start: (signal: AbortSignal, queue: boolean) => Promise<Started>;
	/** The exchange by which a process becomes one that serves many. */
	readonly open: (process: StartedProcess, timeoutMs: number) => Promise<Opened>;
	/** How long that may take; 0 is for ever. */
	readonly startTimeoutMs: number;
	readonly max: number;
	/** Kept although nobody uses them. */
	readonly min: number;
	readonly idleTimeoutMs: number;
	/** Whether somebody waits for a slot. */
	readonly wanted: () => boolean;
}

/** Calls in flight at the least busy process from which on one more is started. */
const busyCalls = 8;

/** The processes of one server that serve many clients of one era. */
export class SharedProcesses {
	readonly #deps: SharedProcessesDeps;
	readonly #open = new Set<SharedProcess>();
	readonly #idle = new Map<SharedProcess, NodeJS.Timeout>();
	readonly #closed = new AbortController();
	#starting: Promise<Opened> | undefined;

	constructor(deps: SharedProcessesDeps) {
		this.#deps = deps;
	}

	/** The least busy process; the first one is started, and a further one behind the back of those that are busy. */
	async take(signal: AbortSignal): Promise<Opened | "aborted"> {
		const shared = this.#leastBusy();
		if (shared === undefined) return Promise.race([this.#start(true), aborted(signal)]);
		if (shared.connection.calls >= busyCalls && this.#open.size < this.#deps.max) void this.#start(false);
		return { ok: true, shared };
	}

	/** A client has given its place back. */
	left(shared: SharedProcess): void {
		const { idleTimeoutMs, min } = this.#deps;
		if (shared.connection.seats > 0 || shared.connection.ended) return;
		clearTimeout(this.#idle.get(shared));
		if (this.#deps.wanted()) this.#drop(shared);
		if (idleTimeoutMs === 0 || shared.connection.ended) return;
		const timer = setTimeout(
			() => {
				this.#idle.delete(shared);
				if (shared.connection.seats === 0 && this.#open.size > min) this.#drop(shared);
			},
			Math.min(idleTimeoutMs, 2 ** 31 - 1),
		).unref();
		this.#idle.set(shared, timer);
	}

	/** Stops a process that nobody uses; false where there is none. */
	giveUpOne(): boolean {
		for (const shared of this.#open) {
			if (shared.connection.seats > 0) continue;
			this.#drop(shared);
			return true;
		}
		return false;
	}

	get connections(): Connection[] {
		return [...this.#open].map(({ connection }) => connection);
	}

	/** Takes nobody any more. */
	close(): void {
		this.#closed.abort();
		for (const timer of this.#idle.values()) clearTimeout(timer);
	}

	#leastBusy(): SharedProcess | undefined {
		let least: SharedProcess | undefined;
		for (const shared of this.#open) {
			if (shared.connection.ended) this.#open.delete(shared);
			else if (least === undefined || shared.connection.calls < least.connection.calls) least = shared;
		}
		return least;
	}

	#start(queue: boolean): Promise<Opened> {
		this.#starting ??= this.#startOne(queue).finally(() => {
			this.#starting = undefined;
		});
		return this.#starting;
	}

	async #startOne(queue: boolean): Promise<Opened> {
		const { starter, startTimeoutMs: timeoutMs } = this.#deps;
		const start = () => this.#deps.start(this.#closed.signal, queue);
		const started = await start();
		if (!started.ok) return started;
		const open = (process: StartedProcess, leftMs: number) => {
			process.connection.share();
			return this.#deps.open(process, leftMs);
		};
		const opened = await openOrTryAgain<Opened>(started.process, { starter, timeoutMs, open, start });
		if (opened.ok === true) this.#open.add(opened.shared);
		return opened;
	}

	#drop(shared: SharedProcess): void {
		this.#open.delete(shared);
		void this.#deps.starter.stop(shared.connection);
	}
}

function aborted(signal: AbortSignal): Promise<"aborted"> {
	if (signal.aborted) return Promise.resolve("aborted");
	return new Promise((resolve) => signal.addEventListener("abort", () => resolve("aborted"), { once: true }));
}
