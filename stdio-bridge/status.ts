import { Histogram, type HistogramState } from "./histogram.ts";

/** What one worker of the bridge tells about itself at `/~bridge/status`. No session ids: they are credentials. */
export interface BridgeStatus {
	readonly pid: number;
	readonly startedAt: string;
	readonly guardPid: number | undefined;
	/** Which one of how many workers this is. */
	readonly worker: { readonly index: number; readonly count: number };
	readonly servers: Readonly<Record<string, ServerStatus>>;
}

/** `ready`: somebody has a seat at it; `idle`: started, and nobody has; `stopping`: told to end and not gone yet. */
export const processStates = ["starting", "ready", "idle", "stopping"] as const;
export type ProcessState = (typeof processStates)[number];

export interface ProcessStatus {
	readonly pid: number;
	readonly state: ProcessState;
	/** ISO 8601. */
	readonly startedAt: string;
	/** Clients that have a place at it: sessions, and stateless requests under way. */
	readonly seats: number;
	/** Requests that it has not answered. */
	readonly calls: number;
}

/** What a pool tells of now: one server under one definition of it. */
export interface PoolStatus {
	/** Open sessions. */
	readonly sessions: number;
	readonly processes: readonly ProcessStatus[];
	/** Sessions and requests that wait for a process. */
	readonly waiting: number;
	/** There while the server cannot be started; gone with the first start that works. */
	readonly unhealthy?: Unhealthy;
}

/** The last start gave no process that answers. */
export interface Unhealthy {
	/** When the next start is due, ISO 8601; left out: with the next request. */
	readonly nextTryAt?: string;
}

/** One stdio server in one worker: its pool, those that finish on older definitions, and what has been counted. */
export interface ServerStatus extends PoolStatus {
	/** `auto`: as the client's revision asks for. */
	readonly mode: "session" | "shared" | "auto";
	/** Bounds over all workers. */
	readonly max: number;
	readonly maxSessions?: number;
	/** Processes started since this worker began to serve the server. */
	readonly starts: number;
	/** Those of them that took the place of one that died. */
	readonly restarts: number;
	/** Starts that gave no process that answers. */
	readonly startFailures: number;
	/** Processes that ended by themselves after they had started. */
	readonly deaths: number;
	/** Seconds from the start of a process to its first answer. */
	readonly startSeconds: HistogramState;
	readonly lastFailure?: Failure;
	/** By each of the entry's `limits`: what enforces it here, or "none: " and why nothing does. */
	readonly limits: Readonly<Record<string, string>>;
}

/** The last start that failed: what clients were told, and what the process said. */
export interface Failure {
	readonly at: string;
	/** Of the error catalogue. */
	readonly reason: string;
	/** One or two sentences for people. */
	readonly detail: string;
	/** Last lines of stderr, where there were any. */
	readonly stderr?: string;
}

/** Counters of one server; they outlive a change of its definition. */
export interface Counters {
	starts: number;
	restarts: number;
	startFailures: number;
	deaths: number;
	readonly startSeconds: Histogram;
	lastFailure?: Failure;
}

/** An `npx` that has to download first may take a minute. */
const startBounds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export function createCounters(): Counters {
	return { starts: 0, restarts: 0, startFailures: 0, deaths: 0, startSeconds: new Histogram(startBounds) };
}

/** The counters as they are now, for {@link ServerStatus}. */
export function counted({ startSeconds, ...numbers }: Counters) {
	return { ...numbers, startSeconds: startSeconds.state };
}

/** Puts a server's pools together: the one in force first, then those that finish on older definitions. */
export function mergePools([current, ...older]: readonly [PoolStatus, ...PoolStatus[]]): PoolStatus {
	const all = [current, ...older];
	return {
		sessions: all.reduce((sum, { sessions }) => sum + sessions, 0),
		processes: all.flatMap(({ processes }) => processes),
		waiting: all.reduce((sum, { waiting }) => sum + waiting, 0),
		...(current.unhealthy !== undefined && { unhealthy: current.unhealthy }),
	};
}
