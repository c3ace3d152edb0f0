import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { placement } from "../../../control-plane/ir/placement.ts";
import { alive, folder, stdio, until } from "./setup.ts";
import { entry, processesOf, startWorkers } from "./start-workers.ts";

describe("the bounds of a pool, over all workers", () => {
	it("hold for ten clients at two workers and three processes", async () => {
		const dir = await folder();
		const pidFile = join(dir, "pids");
		const pool = { mode: "session", max: 3, maxQueue: 10, queueTimeout: "50s" };
		const { open, call, end, statuses } = await startWorkers({ s: entry(pool, "fine", pidFile) });
		let most = 0;
		let over = false;
		const watching = (async () => {
			while (!over) {
				most = Math.max(most, await living(pidFile));
				await new Promise((resolve) => setTimeout(resolve, 5));
			}
		})();
		const outcomes = await Promise.all(
			Array.from({ length: 10 }, async (_, client) => {
				const worker = client % 2;
				const { status, session, reason } = await open(worker, "s");
				if (status !== 200) return `${status} ${reason}`;
				const called = await call(worker, "s", session, "echo");
				await end(worker, "s", session);
				return called.status;
			}),
		);
		over = true;
		await watching;
		expect(outcomes).toEqual(Array.from({ length: 10 }, () => 200));
		expect(most).toBeGreaterThan(0);
		expect(most).toBeLessThanOrEqual(3);
		await until(async () => processesOf(await statuses(), "s").length === 0, "no process is left");
		const started = (await statuses()).reduce((sum, { servers }) => sum + (servers["s"]?.starts ?? 0), 0);
		expect(started).toBe(10);
	});

	it("hold for the queue and for sessions: what is beyond them gets a 503 that says so", async () => {
		const bounded = { mode: "session", max: 1, maxQueue: 1, queueTimeout: "4s" };
		const { open, statuses } = await startWorkers({
			queue: entry(bounded),
			sessions: entry({ mode: "session", maxSessions: 1 }),
		});
		expect((await open(0, "queue")).status).toBe(200);
		const late = open(1, "queue");
		await until(async () => (await statuses()).some(({ servers }) => servers["queue"]?.waiting === 1), "one waits");
		expect(await open(0, "queue")).toMatchObject({ status: 503, reason: "pool_busy" });
		expect(await late).toMatchObject({ status: 503, reason: "pool_busy" });
		expect((await open(0, "sessions")).status).toBe(200);
		expect(await open(1, "sessions")).toMatchObject({ status: 503, reason: "too_many_sessions" });
	});

	it("are free again when a worker is killed", async () => {
		const pool = { mode: "session", max: 2, queueTimeout: "50s" };
		const { open, status, statuses } = await startWorkers({ s: entry(pool) });
		await Promise.all([open(0, "s"), open(0, "s")]);
		const waiting = open(1, "s");
		await until(async () => (await statuses()).some(({ servers }) => servers["s"]?.waiting === 1), "one waits");
		process.kill((await status(0)).pid, "SIGKILL");
		expect((await waiting).status).toBe(200);
	});

	it("let a warm process of one worker give way to a client of another, and it is warm again after that", async () => {
		const pool = { mode: "session", min: 1, max: 1, queueTimeout: "50s" };
		const { open, end, status } = await startWorkers({ s: entry(pool) });
		const [warm = 0] = placement(stdio("s", "raw", [], { pool: { mode: "session" } }), 2);
		await until(async () => processesOf([await status(warm)], "s").length === 1, "a process is warm");
		const opened = await open(1 - warm, "s");
		expect(opened.status).toBe(200);
		expect(processesOf([await status(warm)], "s")).toEqual([]);
		await end(1 - warm, "s", opened.session);
		await until(async () => processesOf([await status(warm)], "s").length === 1, "it is warm again");
	});
});

/** Processes that run, of those that have noted their pid. */
async function living(pidFile: string): Promise<number> {
	const pids = existsSync(pidFile) ? readFileSync(pidFile, "utf8").split("\n").filter(Boolean).map(Number) : [];
	const all = await Promise.all(pids.map(alive));
	return all.filter(Boolean).length;
}
