import { readFile } from "node:fs/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { call, inbox, message, never, open, poolOf, seatOf } from "./pool-setup.ts";
import { alive, stdio, until } from "./setup.ts";

const modernMeta = {
	"io.modelcontextprotocol/protocolVersion": "2026-07-28",
	"io.modelcontextprotocol/clientCapabilities": {},
};

test("ids and progress tokens of the client come back as it spells them", async () => {
	const { pool } = poolOf(stdio("a", "pool"));
	const seat = seatOf((await open(pool)).opened);
	const first = call(
		seat,
		'{"jsonrpc":"2.0", "id" : 1.0,"method":"progress","params":{"_meta":{"progressToken":"\\u0070"},"n":2}}',
	);
	expect(await first).toContain('"id":1.0');
	expect(first.heard).toHaveLength(2);
	expect(first.heard[0]).toContain('"progressToken":"\\u0070"');
});

test("session: each session has a process of its own, and its end is the process's", async () => {
	const { pool, slots } = poolOf(stdio("a", "pool", [], { pool: { mode: "session", max: 2, maxQueue: 0 } }));
	const one = seatOf((await open(pool)).opened);
	const two = seatOf((await open(pool)).opened);
	expect(one.pid).not.toBe(two.pid);
	const third = (await open(pool)).opened;
	expect(third).toMatchObject({ ok: false, reason: "pool_busy" });
	one.leave();
	await until(async () => !(await alive(one.pid)), "the process to end");
	await until(() => pool.status().processes.length === 1, "its slot to be free");
	expect((await open(pool)).opened.ok).toBe(true);
	expect(slots.waiting).toBe(0);
});

test("who waits too long for a process gets a 503", async () => {
	const { pool } = poolOf(stdio("a", "pool", [], { pool: { mode: "session", max: 1, queueTimeoutMs: 200 } }));
	seatOf((await open(pool)).opened);
	expect((await open(pool)).opened).toMatchObject({ ok: false, reason: "pool_busy" });
});

test("who waits gets the next process", async () => {
	const { pool } = poolOf(stdio("a", "pool", [], { pool: { mode: "session", max: 1, queueTimeoutMs: 60_000 } }));
	const one = seatOf((await open(pool)).opened);
	const waiting = open(pool);
	await until(() => pool.status().waiting === 1, "one to wait");
	one.leave();
	expect((await waiting).opened.ok).toBe(true);
});

test.for([
	"session",
	"shared",
] as const)("%s: who waits when the pool is retired is told so, and nothing is started", async (mode) => {
	const { pool, counters } = poolOf(stdio("a", "pool", [], { pool: { mode, max: 1, queueTimeoutMs: 0 } }));
	const own = { roots: {} };
	const one = seatOf((await open(pool, inbox(), own)).opened);
	const session = open(pool, inbox(), own);
	const request = mode === "session" && pool.takeSeat(inbox().listener, never);
	await until(() => pool.status().waiting === (request ? 2 : 1), "clients to wait");
	const retired = pool.retire(60_000, "grace");
	expect((await session).opened).toMatchObject({ ok: false, reason: "server_unavailable" });
	if (request) expect(await request).toMatchObject({ ok: false, reason: "server_unavailable" });
	one.leave();
	await retired;
	expect(counters.starts).toBe(1);
});

test.for([
	"session",
	"shared",
] as const)("%s: a process that ends with its answer to initialize leaves no session that hangs", async (mode) => {
	const { pool } = poolOf(stdio("a", "pool", ["exit-on-initialize"], { pool: { mode } }));
	const { opened, box } = await open(pool);
	if (opened.ok !== true) return expect(opened).toMatchObject({ ok: false });
	await until(() => box.ends.length === 1, "the seat's end");
	expect(await call(opened.seat, '{"jsonrpc":"2.0","id":1,"method":"ping"}')).toContain("session_lost");
	expect(pool.status()).toMatchObject({ sessions: 0 });
});

test("sessions are bounded by maxSessions", async () => {
	const { pool } = poolOf(stdio("a", "pool", [], { pool: { mode: "shared", maxSessions: 1 } }));
	const one = seatOf((await open(pool)).opened);
	expect((await open(pool)).opened).toMatchObject({ ok: false, reason: "too_many_sessions" });
	one.leave();
	expect((await open(pool)).opened.ok).toBe(true);
});

test("a session that did not come about gives its place back, once", async () => {
	const { pool } = poolOf(stdio("a", "pool", ["exit-on-start"], { pool: { mode: "session", maxSessions: 1 } }));
	for (let n = 0; n < 3; n++) expect((await open(pool)).opened).toMatchObject({ reason: "process_failed_to_start" });
	const working = poolOf(stdio("a", "pool", [], { pool: { mode: "session", maxSessions: 1 } })).pool;
	const gone = new AbortController();
	const given = open(working, inbox(), {}, gone.signal);
	gone.abort();
	expect((await given).opened.ok).toBe(false);
	expect((await open(working)).opened.ok).toBe(true);
	expect((await open(working)).opened).toMatchObject({ reason: "too_many_sessions" });
});

test("min: so many processes are there before anyone asks, and again after each session", async () => {
	const { pool, counters } = poolOf(stdio("a", "pool", [], { pool: { mode: "session", min: 2 } }));
	await until(() => pool.status().processes.length === 2, "two processes");
	const idle = pool.status().processes.map(({ pid }) => pid);
	const seat = seatOf((await open(pool)).opened);
	expect(idle).toContain(seat.pid);
	await until(() => pool.status().processes.length === 3, "a third one");
	expect(counters.starts).toBe(3);
});

test("a warm process that is not needed gives its slot to who waits", async () => {
	const { pool } = poolOf(stdio("a", "pool", [], { pool: { mode: "session", min: 1, max: 2 } }));
	await until(() => pool.status().processes.length === 1, "one process");
	const seats = [seatOf((await open(pool)).opened), seatOf((await open(pool)).opened)];
	expect(new Set(seats.map(({ pid }) => pid)).size).toBe(2);
});

test("shared: clients that declare nothing share a process, and each gets its own answers", async () => {
	const { pool } = poolOf(stdio("a", "pool", [], { pool: { mode: "shared" } }));
	const seats = await Promise.all(Array.from({ length: 8 }, async () => seatOf((await open(pool)).opened)));
	expect(new Set(seats.map(({ pid }) => pid)).size).toBe(1);
	const answers = await Promise.all(
		seats.flatMap((seat, client) =>
			Array.from({ length: 100 }, (_, id) =>
				call(seat, { jsonrpc: "2.0", id, method: "echo", params: { client, id } }),
			),
		),
	);
	for (const [index, answer] of answers.entries()) {
		const { id, result } = JSON.parse(answer);
		expect([id, result.params]).toEqual([index % 100, { client: Math.floor(index / 100), id: index % 100 }]);
	}
});

test("shared: a client that the server may ask something has a process of its own", async () => {
	const { pool } = poolOf(stdio("a", "pool", [], { pool: { mode: "shared" } }));
	const plain = seatOf((await open(pool)).opened);
	const { opened, box } = await open(pool, inbox(), { sampling: {} });
	const asking = seatOf(opened);
	expect(asking.pid).not.toBe(plain.pid);
	const answer = call(asking, { jsonrpc: "2.0", id: 1, method: "ask-client" });
	await until(() => box.messages.length === 1, "the server's question");
	asking.respond(message({ jsonrpc: "2.0", id: JSON.parse(box.messages[0] ?? "{}").id, result: { text: "yes" } }));
	expect(await answer).toContain('"yes"');
	// The process of many cannot ask anyone, and learns so.
	expect(await call(plain, { jsonrpc: "2.0", id: 1, method: "ask-client" })).toContain("-32601");
});

test("shared: changes of a resource go to who subscribed, and the last one to leave ends the subscription", async () => {
	const { pool } = poolOf(stdio("a", "pool", [], { pool: { mode: "shared" } }));
	const [one, two] = [await open(pool), await open(pool)];
	const [first, second] = [seatOf(one.opened), seatOf(two.opened)];
	const subscribe = { jsonrpc: "2.0", id: 1, method: "resources/subscribe", params: { uri: "x:1" } };
	await Promise.all([call(first, subscribe), call(second, subscribe)]);
	expect(await call(first, { ...subscribe, method: "resources/unsubscribe" })).toBe(
		'{"jsonrpc":"2.0","id":1,"result":{}}',
	);
	await call(first, { jsonrpc: "2.0", id: 2, method: "update", params: { uri: "x:1" } });
	await until(() => two.box.messages.length === 1, "the change");
	expect(one.box.messages).toEqual([]);
	second.leave();
	await until(
		async () => (await call(first, { jsonrpc: "2.0", id: 3, method: "subscribed" })).includes('"uris":[]'),
		"the process to hear of it",
	);
});

test("a log message reaches the only client with a call in flight, and nobody where there are two", async () => {
	const { pool } = poolOf(stdio("a", "pool", [], { pool: { mode: "shared" } }));
	const [one, two] = [await open(pool), await open(pool)];
	await call(seatOf(one.opened), { jsonrpc: "2.0", id: 1, method: "log" });
	expect([one.box.messages.length, two.box.messages.length]).toEqual([1, 0]);
	const waiting = call(seatOf(two.opened), { jsonrpc: "2.0", id: 1, method: "wait" });
	await call(seatOf(one.opened), { jsonrpc: "2.0", id: 2, method: "log" });
	waiting.cancel();
	expect([one.box.messages.length, two.box.messages.length]).toEqual([1, 0]);
});

test("requests of 2026-07-28 share a process where no mode is said, beside sessions with their own", async () => {
	const { pool } = poolOf(stdio("a", "pool", ["modern"]));
	const session = seatOf((await open(pool)).opened);
	const taken = await Promise.all(Array.from({ length: 5 }, () => pool.takeSeat(inbox().listener, never)));
	const seats = taken.map((one) => (one.ok === true ? one.seat : undefined));
	expect(new Set(seats.map((seat) => seat?.pid)).size).toBe(1);
	expect(seats[0]?.pid).not.toBe(session.pid);
	const answers = await Promise.all(
		seats.map((seat) => seat && call(seat, { jsonrpc: "2.0", id: 7, method: "echo", params: { _meta: modernMeta } })),
	);
	expect(new Set(answers.map((answer) => JSON.parse(answer ?? "").id))).toEqual(new Set([7]));
});

test("session: a request of 2026-07-28 has a process to itself, which the next one takes over", async () => {
	const { pool } = poolOf(stdio("a", "pool", ["modern"], { pool: { mode: "session", max: 2 } }));
	const take = async () => {
		const taken = await pool.takeSeat(inbox().listener, never);
		if (taken.ok !== true) throw new Error(JSON.stringify(taken));
		return taken.seat;
	};
	const [one, two] = await Promise.all([take(), take()]);
	expect(one.pid).not.toBe(two.pid);
	const third = take();
	await until(() => pool.status().waiting === 1, "one to wait");
	two.leave();
	expect((await third).pid).toBe(two.pid);
	one.leave();
	expect((await take()).pid).toBe(one.pid);
});

test.each([
	["legacy"],
	["exit-on-discover"],
])("a server that is %s has no seat for stateless requests", async (kind) => {
	const { pool } = poolOf(stdio("a", "pool", [kind]));
	expect(await pool.takeSeat(inbox().listener, never)).toEqual({ ok: "legacy" });
	expect(await pool.takeSeat(inbox().listener, never)).toEqual({ ok: "legacy" });
	expect((await open(pool)).opened.ok).toBe(true);
});

test("shared: a client that reads nothing makes the process wait, and loses its place where it keeps others waiting", async () => {
	const { pool } = poolOf(stdio("a", "pool", [], { pool: { mode: "shared" } }));
	const still = inbox();
	const slow = seatOf((await open(pool, still)).opened);
	const other = seatOf((await open(pool)).opened);
	expect(other.pid).toBe(slow.pid);
	vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
	onTestFinished(() => void vi.useRealTimers());
	slow.slow();
	const answer = call(other, '{"jsonrpc":"2.0","id":1,"method":"ping"}');
	vi.advanceTimersByTime(9000);
	expect(still.ends).toEqual([]);
	expect(pool.status().processes[0]).toMatchObject({ seats: 2, calls: 1 });
	vi.advanceTimersByTime(1000);
	expect(still.ends).toEqual([expect.stringMatching(/^session_lost: .*read nothing/)]);
	expect(await answer).toContain('"result"');
	expect(pool.status()).toMatchObject({ sessions: 1 });
});

test("shared: where all processes are busy a further one is started, up to the bound", async () => {
	const { pool } = poolOf(stdio("a", "pool", [], { pool: { mode: "shared", max: 5, maxShared: 2 } }));
	const first = seatOf((await open(pool)).opened);
	for (let id = 1; id <= 8; id++) void call(first, `{"jsonrpc":"2.0","id":${id},"method":"wait"}`);
	expect(seatOf((await open(pool)).opened).pid).toBe(first.pid);
	let second = first;
	await until(async () => {
		second = seatOf((await open(pool)).opened);
		return second.pid !== first.pid;
	}, "a second one");
	for (let id = 1; id <= 8; id++) void call(second, `{"jsonrpc":"2.0","id":${id},"method":"wait"}`);
	await open(pool);
	await open(pool);
	expect(pool.status().processes).toHaveLength(2);
});

test("subscriptions of 2026-07-28 with the same id reach their own clients", async () => {
	const { pool } = poolOf(stdio("a", "pool", ["modern"]));
	const listens = await Promise.all(
		["a", "b"].map(async (uri) => {
			const taken = await pool.takeSeat(inbox().listener, never);
			if (taken.ok !== true) throw new Error(JSON.stringify(taken));
			const params = { _meta: modernMeta, uri };
			// In an object, since a promise of a promise is that promise.
			return { listen: call(taken.seat, { jsonrpc: "2.0", id: "s", method: "subscriptions/listen", params }) };
		}),
	);
	for (const [index, { listen }] of listens.entries()) {
		await until(() => listen.heard.length === 1, "the subscription's notification");
		expect(JSON.parse(listen.heard[0] ?? "{}").params).toEqual({
			_meta: { "io.modelcontextprotocol/subscriptionId": "s" },
			uri: ["a", "b"][index],
		});
		listen.cancel();
	}
});

test("the calls of a process that dies learn how it ended, and the next client gets a new one", async () => {
	const { pool, counters } = poolOf(stdio("a", "pool", [], { pool: { mode: "shared" } }));
	const { opened, box } = await open(pool);
	const seat = seatOf(opened);
	const [waits, dies] = [
		call(seat, { jsonrpc: "2.0", id: 1, method: "wait" }),
		call(seat, { jsonrpc: "2.0", id: 2, method: "die" }),
	];
	for (const outcome of await Promise.all([waits, dies])) {
		expect(outcome).toBe("process_died: The process exited with code 7. Its stderr ended with: last words");
	}
	expect(box.ends).toEqual(["process_died: The process exited with code 7. Its stderr ended with: last words"]);
	const next = seatOf((await open(pool)).opened);
	expect(next.pid).not.toBe(seat.pid);
	expect([counters.deaths, counters.restarts]).toEqual([1, 1]);
});

test("a server that cannot start says why at once, and is tried again with growing pauses", async () => {
	const { pool, counters } = poolOf(stdio("a", "pool", ["exit-on-start"], { pool: { mode: "session", min: 1 } }));
	await until(() => counters.startFailures >= 3, "three failures");
	expect(pool.status().unhealthy?.nextTryAt).toBeDefined();
	expect(counters.lastFailure).toMatchObject({ reason: "process_failed_to_start", stderr: "cannot find the database" });
	const { opened } = await open(pool);
	expect(opened).toMatchObject({ ok: false, reason: "process_failed_to_start" });
	expect(opened.ok === false && opened.detail).toContain("cannot find the database");
	expect(counters.starts).toBeLessThan(20);
});

test("a cancelled call reaches the process under its own id, and its late answer reaches nobody", async () => {
	const { pool } = poolOf(stdio("a", "pool"));
	const seat = seatOf((await open(pool)).opened);
	const waiting = call(seat, { jsonrpc: "2.0", id: "w", method: "wait" });
	seat.notify(message({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "w" } }));
	expect(await waiting).toBe("cancelled");
	expect(seat.awaits('"w"')).toBe(false);
	expect(await call(seat, { jsonrpc: "2.0", id: 2, method: "cancelled" })).toContain('"count":1');
});

test("a shared process that nobody uses ends after idleTimeout", async () => {
	const { pool } = poolOf(stdio("a", "pool", [], { pool: { mode: "shared", idleTimeoutMs: 100 } }));
	const seat = seatOf((await open(pool)).opened);
	seat.leave();
	await until(() => pool.status().processes.length === 0, "the process to end");
	expect(await alive(seat.pid)).toBe(false);
});

test("retired: calls in flight finish, and no process is left", async () => {
	const { pool } = poolOf(stdio("a", "pool", [], { pool: { mode: "session", min: 1 } }));
	const seat = seatOf((await open(pool)).opened);
	const slow = call(seat, { jsonrpc: "2.0", id: 1, method: "slow", params: { ms: 300 } });
	const pids = pool.status().processes.map(({ pid }) => pid);
	await pool.retire(5000, "quiet");
	expect(JSON.parse(await slow).result).toEqual({});
	for (const pid of pids) expect(await alive(pid)).toBe(false);
	expect((await open(pool)).opened).toMatchObject({ ok: false, reason: "server_unavailable" });
	await expect(readFile(`/proc/${pids[0]}/stat`)).rejects.toThrow("ENOENT");
});
