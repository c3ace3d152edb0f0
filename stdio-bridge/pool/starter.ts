import type { Reason } from "../../control-plane/errors/catalogue.ts";
import type { StdioServer } from "../../control-plane/registry/model.ts";
import type { Log } from "../log.ts";
import type { ChildOptions, Exit } from "../processes/child.ts";
import { type Expand, type Inherit, resolveCommand } from "../processes/command.ts";
import { describeExit } from "../processes/exit.ts";
import type { Counters } from "../status.ts";
import { Connection } from "./connection.ts";
import type { Failure, Slots } from "./contract.ts";

export interface StarterDeps {
	readonly server: StdioServer;
	readonly log: Log;
	readonly expand: Expand;
	readonly env: Readonly<Record<string, string | undefined>>;
	/** What of `env` the processes get. Default: what is harmless. */
	readonly inherit?: Inherit;
	readonly child: Pick<ChildOptions, "stop" | "guard" | "maxLineBytes">;
	readonly counters: Counters;
	/** Of processes. */
	readonly slots: Slots;
	/** A process is gone, or a start has failed or worked: what the pool wants to have may be another now. */
	onChange(): void;
}

export type Started = { readonly ok: true; readonly process: StartedProcess } | Failure;

/** A process and what its start has come to. */
export interface StartedProcess {
	readonly connection: Connection;
	/** It has answered: the start worked. */
	answered(): void;
	/** It has not answered as it should: the start failed. */
	failed(reason: Reason, detail: string): void;
}

const firstWaitMs = 100;
const longestWaitMs = 30_000;
const soonMs = 1000;
/** A client waits for a start that is due so soon; for a later one it gets the last failure at once. */
const patienceMs = 1000;

/** Starts a server's processes, one slot each, with back-off after starts that failed, and counts what becomes of them. */
export class Starter {
	readonly #deps: StarterDeps;
	readonly #processes = new Map<Connection, "starting" | "answered" | "stopping">();
	/** Starts in a row that failed. Those that were under way together are one. */
	#failures = 0;
	/** When the last of them did, by the clock of `performance.now()`. */
	#failedAt = 0;
	#notBefore = 0;
	/** A process has answered: the server can be started. */
	#worked = false;
	/** Deaths that no start has made good yet. */
	#missing = 0;

	constructor(deps: StarterDeps) {
		this.#deps = deps;
	}

	/** All processes that there are, with those that are stopping. */
	get processes(): ReadonlyMap<Connection, "starting" | "answered" | "stopping"> {
		return this.#processes;
	}

	/** Milliseconds until the next start is due; undefined where the last start worked. */
	get waitMs(): number | undefined {
		return this.#failures === 0 ? undefined : Math.max(0, this.#notBefore - performance.now());
	}

	/** Whether no more than one start in a row has failed of a server that can be started. */
	get failedOnce(): boolean {
		return this.#worked && this.#failures <= 1;
	}

	/** Starts a process once there is a slot for it; `queue` false: or not at all. */
	async start(signal: AbortSignal, queue = true): Promise<Started> {
		const slot = await this.#deps.slots.acquire(signal, queue);
		if (slot !== "ok") return refused(slot, this.#deps.server);
		const started = await this.#start(signal);
		if (!started.ok) {
			this.#deps.slots.release();
			this.#deps.onChange();
		}
		return started;
	}

	/** Ends a process; its slot is free once it is gone. */
	stop(connection: Connection, reason?: Reason, detail?: string): Promise<void> {
		// One that ended by itself is still to be counted as such.
		if (this.#processes.has(connection) && !connection.ended) this.#processes.set(connection, "stopping");
		return connection.stop(reason, detail);
	}

	async #start(signal: AbortSignal): Promise<Started> {
		const { server, log, expand, env, inherit, child, counters } = this.#deps;
		const waitMs = this.waitMs ?? 0;
		if (waitMs > patienceMs)
			return { ok: false, reason: "process_failed_to_start", detail: counters.lastFailure?.detail };
		if (waitMs > 0) await sleep(waitMs, signal);
		const triedAt = performance.now();
		const resolved = await resolveCommand(server, expand, env, inherit);
		if (!resolved.ok) return this.#failed(triedAt, "process_failed_to_start", resolved.problem);
		if (signal.aborted) return { ok: false, reason: "session_lost", detail: undefined };
		counters.starts++;
		if (this.#missing > 0) {
			this.#missing--;
			counters.restarts++;
		}
		const startedAt = performance.now();
		const started = await Connection.start(resolved.command, {
			server: server.id,
			log,
			child: { ...child, onStderrLine: (line, pid) => log.info({ server: server.id, pid, stream: "stderr" }, line) },
			onEnd: (exit) => ended(exit),
		});
		// The template, not its value: what is put into it may be a secret.
		if (!started.ok) {
			return this.#failed(
				triedAt,
				"process_failed_to_start",
				`The program \`${server.command[0]}\` cannot be run: ${started.code}.`,
			);
		}
		const { connection } = started;
		this.#processes.set(connection, "starting");
		const ended = (exit: Exit) => {
			const state = this.#processes.get(connection);
			this.#processes.set(connection, "stopping");
			if (state === "starting") this.#failed(triedAt, "process_failed_to_start", describeExit(exit), exit.stderrTail);
			if (state === "answered") {
				counters.deaths++;
				this.#missing++;
				// One that always dies soon after its first answer must not be started again and again without a pause.
				if (performance.now() - startedAt < soonMs) this.#backOff(triedAt, firstWaitMs);
				log.warn({ server: server.id, pid: connection.pid }, "process ended; its sessions are lost");
			}
			this.#deps.onChange();
		};
		void connection.gone.then(() => {
			this.#processes.delete(connection);
			this.#deps.slots.release();
			this.#deps.onChange();
		});
		return {
			ok: true,
			process: {
				connection,
				answered: () => {
					if (this.#processes.get(connection) !== "starting") return;
					this.#processes.set(connection, "answered");
					counters.startSeconds.observe((performance.now() - startedAt) / 1000);
					this.#failures = 0;
					this.#worked = true;
				},
				failed: (reason, detail) => {
					if (this.#processes.get(connection) === "starting") this.#failed(triedAt, reason, detail);
				},
			},
		};
	}

	/** `triedAt`: of the start. What befalls those that are under way together says no more of the next than of one. */
	#backOff(triedAt: number, firstMs: number): void {
		if (triedAt < this.#failedAt) return;
		const waitMs = this.#failures === 0 ? firstMs : firstWaitMs * 2 ** this.#failures;
		this.#failedAt = performance.now();
		this.#notBefore = this.#failedAt + Math.min(waitMs, longestWaitMs);
		this.#failures++;
	}

	#failed(triedAt: number, reason: Reason, detail: string, stderr = ""): Failure {
		const { counters, log, server } = this.#deps;
		// One start that fails where others worked may be followed by the next at once.
		this.#backOff(triedAt, this.#worked ? 0 : firstWaitMs);
		counters.startFailures++;
		counters.lastFailure = { at: new Date().toISOString(), reason, detail, ...(stderr !== "" && { stderr }) };
		log.error({ server: server.id, reason, detail }, "the server's process could not be started");
		return { ok: false, reason, detail };
	}
}

function refused(slot: "full" | "late" | "aborted", { pool }: StdioServer): Failure {
	if (slot === "aborted") return { ok: false, reason: "session_lost", detail: undefined };
	const detail =
		slot === "full"
			? `There are ${pool.max} processes (\`pool.max\`), and ${pool.maxQueue} wait already (\`pool.maxQueue\`).`
			: `There are ${pool.max} processes (\`pool.max\`), and none came free within ${pool.queueTimeoutMs} ms (\`pool.queueTimeout\`).`;
	return { ok: false, reason: "pool_busy", detail };
}

/** Rejects never; an aborted wait is over. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		const done = () => {
			clearTimeout(timer);
			signal.removeEventListener("abort", done);
			resolve();
		};
		const timer = setTimeout(done, ms);
		signal.addEventListener("abort", done, { once: true });
		if (signal.aborted) done();
	});
}
