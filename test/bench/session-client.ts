import { setTimeout as sleep } from "node:timers/promises";
import { Connection } from "./connection.ts";
import type { Failure } from "./load-job.ts";
import { callBytes, initialize, postBytes } from "./mcp-request.ts";

/** A client that does what the specification asks: on 404 in a session it starts a new one. */
export interface SessionClient {
	/** Every answer other than 200, `at` in epoch milliseconds. */
	readonly failures: readonly Failure[];
	readonly calls: number;
	/** Sessions begun after the first. */
	readonly restarts: number;
	close(): Promise<void>;
}

/** Calls a tool every `everyMs` until it is closed. */
export function startSessionClient(port: number, path: string, everyMs: number): SessionClient {
	const connection = new Connection(port);
	const failures: Failure[] = [];
	const seen = { failures, calls: 0, restarts: -1 };
	let over = false;
	const failed = (status: number | undefined) =>
		failures.push({ at: performance.timeOrigin + performance.now(), status: String(status ?? "lost") });
	const run = async () => {
		let session: string | undefined;
		while (!over) {
			await sleep(everyMs);
			if (session === undefined) {
				const answer = await connection.request(postBytes(path, initialize));
				if (over) return;
				session = /\nmcp-session-id: *(.+)\r?/i.exec(answer?.head ?? "")?.[1]?.trim();
				if (session === undefined) failed(answer?.status);
				else seen.restarts++;
				continue;
			}
			const answer = await connection.request(callBytes(path, session));
			if (over) return;
			seen.calls++;
			if (answer?.status === 200) continue;
			failed(answer?.status);
			if (answer?.status === 404) session = undefined;
		}
	};
	const running = run();
	return Object.assign(seen, {
		async close() {
			over = true;
			connection.close();
			await Promise.race([running, sleep(everyMs + 100)]);
		},
	});
}
