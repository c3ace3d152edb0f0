import type { Logger } from "pino";
import { type Backoff, type Child, type ChildSpec, killGroup, type ProcessState, superviseChild } from "./child.ts";

export interface SupervisorOptions {
	readonly log: Logger;
	readonly backoff?: Backoff;
	/** Called after every change of any process. */
	readonly changed: (processes: readonly ProcessState[]) => void;
	/** Called when a process keeps failing before {@link Supervisor.settled} was called. */
	readonly hopeless: (name: string) => void;
}

/** Keeps a set of processes running, and ends them all. */
export interface Supervisor {
	readonly processes: readonly ProcessState[];
	add(spec: ChildSpec): Child;
	/** From here on a process that fails is restarted for as long as it takes. */
	settled(): void;
	/** Passes a signal on to the children that take it. */
	signal(name: NodeJS.Signals): void;
	/** Ends all processes for good: the one named first, then the others in parallel. */
	stop(first: string, killAfterMs: number): Promise<void>;
	/** SIGKILL to all, at once. */
	killAll(): void;
}

/** A gateway that has not come up is given up after so many failures of one process; before that a person reads why. */
const HOPELESS_FAILURES = 4;

/** Makes an empty supervisor. */
export function createSupervisor(options: SupervisorOptions): Supervisor {
	const children: Child[] = [];
	let settled = false;
	const processes = () => children.map((child) => child.state);
	return {
		get processes() {
			return processes();
		},
		add(spec) {
			const child = superviseChild(spec, {
				log: options.log,
				...(options.backoff === undefined ? {} : { backoff: options.backoff }),
				changed: (changed) => {
					options.changed(processes());
					if (!settled && changed.failures >= HOPELESS_FAILURES) options.hopeless(spec.name);
				},
			});
			children.push(child);
			options.changed(processes());
			return child;
		},
		settled() {
			settled = true;
		},
		signal(name) {
			for (const child of children) child.signal(name);
		},
		async stop(first, killAfterMs) {
			const stop = (wanted: boolean) =>
				Promise.all(children.filter(({ name }) => (name === first) === wanted).map((child) => child.stop(killAfterMs)));
			await stop(true);
			await stop(false);
		},
		killAll() {
			for (const { process } of children) if (process !== undefined) killGroup(process);
		},
	};
}
