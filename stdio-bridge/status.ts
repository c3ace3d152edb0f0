/** What the bridge tells about itself at `/~bridge/status`. No session ids: they are credentials. */
export interface BridgeStatus {
	readonly pid: number;
	readonly startedAt: string;
	readonly guardPid: number | undefined;
	readonly servers: Readonly<Record<string, ServerStatus>>;
}

export interface ServerStatus {
	readonly sessions: number;
	readonly maxSessions: number;
	/** Processes of sessions, those that are starting and those that finish on an older definition included. */
	readonly processes: readonly { readonly pid: number; readonly startedAt: string }[];
	/** Processes started since the bridge began to serve this server. */
	readonly starts: number;
	/** Starts that gave no session. */
	readonly startFailures: number;
	/** Processes that ended by themselves while they had a session. */
	readonly deaths: number;
	readonly lastFailure?: Failure;
}

/** The last failed start: what clients were told, with the end of stderr. */
export interface Failure {
	readonly at: string;
	readonly reason: string;
	readonly detail: string;
}

/** Counters of one server; they outlive a change of its definition. */
export interface Counters {
	starts: number;
	startFailures: number;
	deaths: number;
	lastFailure?: Failure;
}
