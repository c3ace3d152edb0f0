/** What the load generator is told to do. */
export interface LoadJob {
	/** One connection each; the bytes of its request as base64. */
	readonly connections: readonly { readonly port: number; readonly request: string }[];
	/** At the most so long; a message `stop` ends it sooner. */
	readonly ms: number;
	/** Time between the requests of one connection; 0: each as soon as the one before is answered. */
	readonly everyMs: number;
}

/** What came of it. */
export interface LoadResult {
	readonly requests: number;
	readonly seconds: number;
	/** How often each status came; `lost` counts connections that broke. */
	readonly statuses: Readonly<Record<string, number>>;
	/** The first thousands of answers other than 200, `at` in epoch milliseconds. */
	readonly failures: readonly Failure[];
	/** Connections whose request had no answer for more than two seconds when the job ended. */
	readonly hanging: number;
	/** Milliseconds. */
	readonly p50: number;
	readonly p99: number;
	readonly max: number;
}

/** An answer other than 200. */
export interface Failure {
	readonly at: number;
	/** `lost`: the connection broke or could not be opened. */
	readonly status: string;
}
