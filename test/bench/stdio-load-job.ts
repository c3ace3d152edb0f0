/** What the load on stdio bridges is told to do, one order after the other. */
export type LoadOrder =
	/** Starts clients, each with a connection and, up to 2025-11-25, a session; they stay until `close`. */
	| {
			readonly do: "open";
			/** Ports on loopback, or paths of Unix sockets, that clients connect to in turn. */
			readonly to: readonly (number | string)[];
			readonly path: string;
			readonly era: Era;
			readonly clients: number;
			/** How many sessions may be opening at a time. */
			readonly atOnce: number;
	  }
	/** Starts the server itself and so many callers on its pipe. */
	| { readonly do: "open pipe"; readonly command: readonly string[]; readonly clients: number }
	/** All clients that `open` gave under this number call the tool, each as soon as its last call is answered. */
	| { readonly do: "run"; readonly group: number; readonly ms: number }
	/** Ends sessions and connections. */
	| { readonly do: "close"; readonly group: number };

/** `legacy`: 2025-11-25 in sessions; `modern`: 2026-07-28. */
export type Era = "legacy" | "modern";

export interface Opened {
	readonly group: number;
	readonly clients: number;
	/** Milliseconds from `initialize` to its answer, for each session. */
	readonly ms: readonly number[];
	/** What the clients got that did not get so far, with how often. */
	readonly failures: Readonly<Record<string, number>>;
}

export interface CallsResult {
	/** Right answers within the time. */
	readonly calls: number;
	readonly seconds: number;
	/** Right answers, those that came after the time included: what the CPU time was spent on. */
	readonly allCalls: number;
	/** Calls without the right answer, by what came instead; `wrong`: the answer to another call. */
	readonly failures: Readonly<Record<string, number>>;
	/** Milliseconds. */
	readonly p50: number;
	readonly p99: number;
	/** CPU time of the load itself, in microseconds. */
	readonly micros: number;
}
