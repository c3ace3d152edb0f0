import type { Id } from "./message.ts";

/** A client's request that the process has not answered. */
export interface Call {
	readonly id: Id;
	/** `x-request-id` of the HTTP request that carried it. */
	readonly requestId: string | undefined;
	readonly progressToken: Id | undefined;
	/** Whether the HTTP response that waits for the answer is still connected. */
	open: boolean;
	/** Cancelled by the client: an answer may come, and nobody waits for it. */
	cancelled: boolean;
}

/** Where a message of the process goes: onto the response of a call, or the standalone GET stream. */
export type Stream = { readonly call: Id } | "standalone" | undefined;

/** What tells of a change in the server as a whole belongs to no call. */
const unrelated = /^notifications\/(.*\/list_changed|resources\/updated)$/;

/** The calls of one session in the order in which they came. */
export class Calls {
	readonly #calls = new Map<Id, Call>();

	add(call: Call): void {
		this.#calls.set(call.id, call);
	}

	get(id: Id): Call | undefined {
		return this.#calls.get(id);
	}

	take(id: Id): Call | undefined {
		const call = this.#calls.get(id);
		this.#calls.delete(id);
		return call;
	}

	takeAll(): Call[] {
		const all = [...this.#calls.values()];
		this.#calls.clear();
		return all;
	}

	/** Calls whose answer somebody may still want. */
	get inFlight(): number {
		let count = 0;
		for (const call of this.#calls.values()) if (!call.cancelled) count++;
		return count;
	}

	/** Whether a client is connected and waits for an answer. */
	get awaited(): boolean {
		return this.#newest() !== undefined;
	}

	/**
	 * Picks the one stream for a request or notification of the process. Stdio does not say which call it belongs to:
	 * progress names its token; other messages most likely belong to the newest call, except changes of the server as
	 * a whole, which the specification wants on the standalone stream.
	 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server
	 */
	streamFor(method: string, token: Id | undefined, standaloneOpen: boolean): Stream {
		if (token !== undefined) {
			for (const call of this.#calls.values()) {
				if (call.progressToken === token && call.open) return { call: call.id };
			}
		}
		const newest = this.#newest();
		const related: Stream = newest && { call: newest.id };
		const standalone: Stream = standaloneOpen ? "standalone" : undefined;
		return unrelated.test(method) ? (standalone ?? related) : (related ?? standalone);
	}

	#newest(): Call | undefined {
		let newest: Call | undefined;
		for (const call of this.#calls.values()) if (call.open && !call.cancelled) newest = call;
		return newest;
	}
}
