import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, Connection } from "./connection.ts";
import { callBytes } from "./mcp-request.ts";

const deadlineMs = 10_000;

/** Asks one path again and again over one connection, and counts what comes. */
export class Poll {
	readonly statuses: Record<string, number> = {};
	private readonly connection: Connection;

	constructor(port: number) {
		this.connection = new Connection(port);
	}

	/**
	 * Asks a server about every millisecond until `wanted` holds; returns `performance.now()` of that answer, or
	 * undefined after ten seconds. Asks on for `afterMs`; what goes back in that time is counted unless it may.
	 */
	async until(
		id: string,
		wanted: (answer: Answer) => boolean,
		afterMs: number,
		then: "must stay" | "may go back" = "must stay",
	): Promise<number | undefined> {
		const request = callBytes(`/${id}`);
		const deadline = performance.now() + deadlineMs;
		let found: number | undefined;
		for (;;) {
			const answer = await this.connection.request(request);
			const now = performance.now();
			const key = answer === undefined ? "lost" : String(answer.status);
			this.statuses[key] = (this.statuses[key] ?? 0) + 1;
			const holds = answer !== undefined && wanted(answer);
			if (holds) found ??= now;
			else if (found !== undefined && then === "must stay")
				this.statuses["went back"] = (this.statuses["went back"] ?? 0) + 1;
			if (now > (found === undefined ? deadline : found + afterMs)) return found;
			await sleep(1);
		}
	}

	close(): void {
		this.connection.close();
	}
}

export const isServed = ({ status }: Answer): boolean => status === 200;
export const isUnknown = ({ status }: Answer): boolean => status === 404;
/** Answered by the upstream on this port at this path. */
export const isAt = (port: number, path: string) => {
	const at = `"at":"${port}${path}"`;
	return ({ body }: Answer): boolean => body.includes(at);
};
