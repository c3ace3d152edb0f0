import { Connection } from "./connection.ts";
import type { Failure, LoadJob, LoadResult } from "./load-job.ts";
import { quantile } from "./numbers.ts";

/** The load generator: a process of its own that takes one job after another over its channel and ends with it. */

/** Latencies that are kept; beyond that they overwrite the oldest. */
const KEPT = 100_000;
const KEPT_FAILURES = 20_000;
const HANGING_MS = 2000;

let stop = () => {};

process.on("message", (message: LoadJob | "stop") => {
	if (message === "stop") stop();
	else run(message).then((result) => process.send?.(result));
});
process.on("disconnect", () => process.exit());

async function run(job: LoadJob): Promise<LoadResult> {
	const latencies: number[] = [];
	const statuses: Record<string, number> = {};
	const failures: Failure[] = [];
	const waitingSince = new Map<Connection, number>();
	let requests = 0;
	let over = false;
	const started = performance.now();
	const stopped = new Promise<void>((resolve) => {
		stop = resolve;
	});
	const connections = job.connections.map(({ port, request }, index) => {
		const connection = new Connection(port);
		const bytes = Buffer.from(request, "base64");
		const next = () => {
			if (over) return;
			const sentAt = performance.now();
			waitingSince.set(connection, sentAt);
			connection.send(bytes, (answer) => {
				if (over) return;
				const now = performance.now();
				const key = answer === undefined ? "lost" : String(answer.status);
				statuses[key] = (statuses[key] ?? 0) + 1;
				waitingSince.delete(connection);
				if (key !== "200" && failures.length < KEPT_FAILURES)
					failures.push({ at: performance.timeOrigin + now, status: key });
				latencies[requests++ % KEPT] = now - sentAt;
				const wait = answer === undefined ? 10 : sentAt + job.everyMs - now;
				if (wait > 0) setTimeout(next, wait);
				else next();
			});
		};
		// Paced connections are spread, not in step.
		setTimeout(next, (index * job.everyMs) / job.connections.length);
		return connection;
	});
	const timer = setTimeout(stop, job.ms);
	await stopped;
	clearTimeout(timer);
	over = true;
	const hanging = [...waitingSince.values()].filter((since) => performance.now() - since > HANGING_MS).length;
	const seconds = (performance.now() - started) / 1000;
	for (const connection of connections) connection.close();
	const p50 = quantile(latencies, 0.5);
	const p99 = quantile(latencies, 0.99);
	return { requests, seconds, statuses, failures, hanging, p50, p99, max: quantile(latencies, 1) };
}
