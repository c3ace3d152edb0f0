import type { ChildProcess } from "node:child_process";
import type { Logger } from "pino";

/** What is known of a supervised process; goes to the control plane for `mcp-gateway status`. */
export interface ProcessState {
	readonly name: string;
	readonly state: "running" | "waiting" | "stopped";
	/** Undefined while it waits for its next start. */
	readonly pid: number | undefined;
	readonly restarts: number;
	/** Epoch milliseconds of the last change of `state`. */
	readonly since: number;
}

/** A process to keep running. */
export interface ChildSpec {
	readonly name: string;
	/** Starts it; called again after each of its ends. */
	readonly start: () => ChildProcess;
	/** Signals that the supervisor passes on; none when left out. */
	readonly signals?: readonly NodeJS.Signals[];
}

export interface ChildDeps {
	readonly log: Logger;
	/** Called after every change of {@link Child.state}. */
	readonly changed: (child: Child) => void;
	/** Times in milliseconds; tests shorten them. */
	readonly backoff?: Backoff;
}

export interface Backoff {
	readonly firstMs: number;
	readonly maxMs: number;
	/** A process that has run for this long starts over at `firstMs`. */
	readonly resetMs: number;
}

// Five seconds tell a crash from a crash loop; traffic stands still while Envoy waits for its next start.
const defaultBackoff: Backoff = { firstMs: 100, maxMs: 10_000, resetMs: 5_000 };

/** Keeps one process running: restarts it with exponential back-off until it is stopped. */
export interface Child {
	readonly name: string;
	readonly state: ProcessState;
	/** Ends in a row, none of which came after a long run. */
	readonly failures: number;
	readonly process: ChildProcess | undefined;
	/** Passes a signal on, if this child is to get it. */
	signal(name: NodeJS.Signals): void;
	/** Ends it for good: SIGTERM, and SIGKILL to its group after `killAfterMs`. */
	stop(killAfterMs: number): Promise<void>;
}

/** Starts a process and keeps it running. */
export function superviseChild(spec: ChildSpec, deps: ChildDeps): Child {
	const backoff = deps.backoff ?? defaultBackoff;
	let running: ChildProcess | undefined;
	let timer: NodeJS.Timeout | undefined;
	let stopping = false;
	let failures = 0;
	let restarts = 0;
	let state: ProcessState["state"] = "waiting";
	let since = Date.now();

	const set = (next: ProcessState["state"]) => {
		state = next;
		since = Date.now();
		deps.changed(child);
	};

	const start = () => {
		timer = undefined;
		const startedAt = Date.now();
		const started = spec.start();
		running = started;
		let over = false;
		const ended = (how: string) => {
			if (over) return;
			over = true;
			running = undefined;
			if (stopping) return set("stopped");
			failures = Date.now() - startedAt >= backoff.resetMs ? 1 : failures + 1;
			const delay = Math.min(backoff.maxMs, backoff.firstMs * 2 ** (failures - 1));
			deps.log.warn(
				{ event: "exit", name: spec.name, restartInMs: delay },
				`${spec.name} ${how}; starts again in ${delay} ms`,
			);
			restarts++;
			// First the timer, then the news: who hears of it may stop this child.
			timer = setTimeout(start, delay);
			set("waiting");
		};
		started.once("exit", (code, signal) =>
			ended(signal === null ? `ended with code ${code}` : `was ended by ${signal}`),
		);
		started.once("error", (error) => ended(`could not be started (${error.message})`));
		deps.log.debug({ event: "start", name: spec.name, childPid: started.pid }, `${spec.name} started`);
		set("running");
	};

	const child: Child = {
		name: spec.name,
		get state() {
			return { name: spec.name, state, pid: running?.pid, restarts, since };
		},
		get failures() {
			return failures;
		},
		get process() {
			return running;
		},
		signal(name) {
			if (spec.signals?.includes(name)) running?.kill(name);
		},
		async stop(killAfterMs) {
			stopping = true;
			clearTimeout(timer);
			const current = running;
			if (current === undefined) return set("stopped");
			const over = new Promise<void>((resolve) => current.once("exit", () => resolve()));
			current.kill("SIGTERM");
			const kill = setTimeout(() => killGroup(current), killAfterMs);
			await over;
			clearTimeout(kill);
		},
	};
	start();
	return child;
}

/** SIGKILL to a child's whole group; children are started as leaders of their own. */
export function killGroup(child: ChildProcess): void {
	if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
	try {
		process.kill(-child.pid, "SIGKILL");
	} catch {
		child.kill("SIGKILL");
	}
}
