import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { inbox, never, open, poolOf, seatOf } from "./pool-setup.ts";
import { type Entry, folder, stdio, until } from "./setup.ts";

/** Starts that fail of a server of which others have worked. */

const modes = ["session", "shared"] as const;

/** A pool that has started its server once, has no process, and whose next `count` processes end on their first message. */
async function failing(kind: "" | "modern", pool: Entry["pool"] = {}) {
	const faults = await folder();
	const made = poolOf(stdio("a", "pool", [kind, faults], { pool: { idleTimeoutMs: 1, ...pool } }));
	const fail = async (count: number, how: "end" | "hang" = "end") => {
		for (let n = 0; n < count; n++) await writeFile(join(faults, `${how}-${n}`), "");
	};
	const take = async () => {
		const taken = await made.pool.takeSeat(inbox().listener, never);
		if (taken.ok !== true) throw new Error(JSON.stringify(taken));
		return taken.seat;
	};
	const seat = kind === "modern" ? await take() : seatOf((await open(made.pool)).opened);
	seat.leave();
	await until(() => made.pool.status().processes.length === 0, "the first process to be gone");
	return { ...made, faults, fail, take };
}

test.for(modes)("%s: one is followed by another at once, of which the client hears nothing", async (mode) => {
	const { pool, fail, counters } = await failing("", { mode, max: 1, maxQueue: 0, maxSessions: 1 });
	await fail(1);
	const { opened, box } = await open(pool);
	const seat = seatOf(opened);
	expect(box.ends).toEqual([]);
	expect([counters.starts, counters.startFailures]).toEqual([3, 1]);
	expect(pool.status()).toMatchObject({ sessions: 1 });
	expect(pool.status()).not.toHaveProperty("unhealthy");
	expect((await open(pool)).opened).toMatchObject({ reason: "too_many_sessions" });
	seat.leave();
	await until(() => pool.status().processes.length === 0, "the process to be gone");
	seatOf((await open(pool)).opened);
});

test.for(modes)("%s: two in a row are told, and the server is tried again", async (mode) => {
	const { pool, fail, counters } = await failing("", { mode });
	await fail(2);
	const { opened } = await open(pool);
	expect(opened).toMatchObject({ ok: false, reason: "process_failed_to_start" });
	expect(opened.ok === false && opened.detail).toContain("exited with code 5");
	expect(pool.status()).toHaveProperty("unhealthy");
	seatOf((await open(pool)).opened);
	expect(pool.status()).not.toHaveProperty("unhealthy");
	expect(counters.startFailures).toBe(2);
});

test.for(
	modes,
)("%s: a process that ends on server/discover makes no server a legacy one that was none", async (mode) => {
	const { pool, fail, take, counters } = await failing("modern", { mode });
	await fail(1);
	(await take()).leave();
	expect(counters.startFailures).toBe(1);
	await until(() => pool.status().processes.length === 0, "the process to be gone");
	await fail(2);
	expect(await pool.takeSeat(inbox().listener, never)).toMatchObject({ ok: false, reason: "process_failed_to_start" });
	await take();
});

test("many that fail at one stroke are one failure: each client gets another process", async () => {
	const { pool, faults, fail, counters } = await failing("", { mode: "session" });
	await fail(8, "hang");
	const opening = Promise.all(Array.from({ length: 8 }, async () => (await open(pool)).opened));
	await until(async () => (await readdir(faults)).length === 0, "all to have been asked");
	for (const { pid } of pool.status().processes) process.kill(pid, "SIGKILL");
	expect((await opening).map(({ ok }) => ok)).toEqual(Array.from({ length: 8 }, () => true));
	expect(counters.startFailures).toBe(8);
	expect(pool.status()).not.toHaveProperty("unhealthy");
});

test("who goes while the second one starts leaves no process", async () => {
	const { pool, faults, fail, counters } = await failing("", { mode: "session" });
	await fail(2, "hang");
	const gone = new AbortController();
	const opening = open(pool, inbox(), {}, gone.signal);
	const left = (count: number) => until(async () => (await readdir(faults)).length === count, "one to have been asked");
	await left(1);
	for (const { pid } of pool.status().processes) process.kill(pid, "SIGKILL");
	await left(0);
	gone.abort();
	expect((await opening).opened).toMatchObject({ ok: false, reason: "session_lost" });
	await until(() => pool.status().processes.length === 0, "the process to be gone");
	expect(counters.starts).toBe(3);
});
