import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SlotBounds, Slots } from "../../../stdio-bridge/pool/contract.ts";
import { Ledger, type LedgerAnswer, type Owner } from "../../../stdio-bridge/workers/ledger.ts";
import type { WorkerMessage } from "../../../stdio-bridge/workers/messages.ts";
import { LedgerClient } from "../../../stdio-bridge/workers/remote-slots.ts";

const bounds: SlotBounds = { max: 2, maxQueue: 10, queueTimeoutMs: 0 };
const never = new AbortController().signal;

/** A ledger's client whose messages take a turn each way, as over a channel; `die` is its worker's end. */
function worker(ledger: Ledger) {
	let alive = true;
	const owner: Owner = { tell: (answer: LedgerAnswer) => queueMicrotask(() => alive && client.hear(answer)) };
	const take = (message: WorkerMessage) => {
		if (!alive) return;
		if (message.event === "slot-acquire") ledger.acquire(owner, message.ticket, message.key, message.bounds);
		if (message.event === "slot-give-back") ledger.giveBack(owner, message.ticket);
	};
	const client = new LedgerClient((message) => queueMicrotask(() => take(message)));
	const die = () => {
		alive = false;
		ledger.drop(owner);
	};
	return { open: client.open, die };
}

/** Lets all messages arrive. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** What has become of an `acquire`. */
function watch(acquired: ReturnType<Slots["acquire"]>): { outcome: string } {
	const watched = { outcome: "waits" };
	void acquired.then((outcome) => {
		watched.outcome = outcome;
	});
	return watched;
}

describe("the ledger", () => {
	it("counts over all workers, and serves those that wait in their order", async () => {
		const ledger = new Ledger();
		const [one, two] = [worker(ledger), worker(ledger)].map(({ open }) => open("s", bounds));
		if (!one || !two) throw new Error("no workers");
		expect([await one.acquire(never), await two.acquire(never)]).toEqual(["ok", "ok"]);
		const third = watch(one.acquire(never));
		await settled();
		const fourth = watch(two.acquire(never));
		await settled();
		expect([third.outcome, fourth.outcome, one.waiting, two.waiting]).toEqual(["waits", "waits", 1, 1]);
		two.release();
		await settled();
		expect([third.outcome, fourth.outcome, one.waiting]).toEqual(["ok", "waits", 0]);
		one.release();
		await settled();
		expect(fourth.outcome).toBe("ok");
	});

	it("counts each key by itself", async () => {
		const { open } = worker(new Ledger());
		const single = { ...bounds, max: 1, maxQueue: 0 };
		expect(await open("a", single).acquire(never)).toBe("ok");
		expect(await open("b", single).acquire(never)).toBe("ok");
		expect(await open("a", single).acquire(never)).toBe("full");
	});

	it("refuses beyond the queue's bound, after its deadline, and at once who does not want to wait", async () => {
		const slots = worker(new Ledger()).open("s", { max: 1, maxQueue: 1, queueTimeoutMs: 20 });
		await slots.acquire(never);
		const waits = slots.acquire(never);
		expect(await slots.acquire(never)).toBe("full");
		expect(await waits).toBe("late");
		expect(await slots.acquire(never, false)).toBe("full");
		expect(slots.waiting).toBe(0);
		slots.release();
		expect(await slots.acquire(never, false)).toBe("ok");
	});

	it("takes a place in the queue back, and a slot that was granted at the same moment", async () => {
		const slots = worker(new Ledger()).open("s", { ...bounds, max: 1 });
		const gone = new AbortController();
		const first = slots.acquire(gone.signal);
		gone.abort();
		expect(await first).toBe("aborted");
		expect(await slots.acquire(never)).toBe("ok");
		const leaves = new AbortController();
		const second = slots.acquire(leaves.signal);
		const third = slots.acquire(never);
		await settled();
		leaves.abort();
		expect(await second).toBe("aborted");
		slots.release();
		expect(await third).toBe("ok");
		expect(await slots.acquire(AbortSignal.abort())).toBe("aborted");
	});

	it("gives back what a dead worker held and waited for", async () => {
		const ledger = new Ledger();
		const [dying, living] = [worker(ledger), worker(ledger)];
		const held = dying.open("s", bounds);
		await held.acquire(never);
		await held.acquire(never);
		const slots = living.open("s", bounds);
		void held.acquire(never);
		const waiting = watch(slots.acquire(never));
		await settled();
		expect(waiting.outcome).toBe("waits");
		dying.die();
		await settled();
		expect(waiting.outcome).toBe("ok");
		expect(await slots.acquire(never, false)).toBe("ok");
		expect(await slots.acquire(never, false)).toBe("full");
	});

	it("tells those who hold slots that somebody waits, and that nobody does any more", async () => {
		const ledger = new Ledger();
		const holder = worker(ledger).open("s", bounds);
		const other = worker(ledger).open("s", bounds);
		let told = 0;
		holder.onWanted = () => void told++;
		await holder.acquire(never);
		await holder.acquire(never);
		expect([holder.wanted, told]).toEqual([false, 0]);
		const waiting = [watch(other.acquire(never)), watch(other.acquire(never))];
		await settled();
		expect([holder.wanted, told]).toEqual([true, 2]);
		holder.release();
		await settled();
		expect([waiting.map(({ outcome }) => outcome), holder.wanted, told]).toEqual([["ok", "waits"], true, 2]);
		holder.release();
		await settled();
		expect([waiting.map(({ outcome }) => outcome), holder.wanted, other.wanted]).toEqual([["ok", "ok"], false, false]);
	});

	it("tells who did not want to wait once a slot is free that nobody waits for", async () => {
		const ledger = new Ledger();
		const holder = worker(ledger).open("s", { ...bounds, max: 1 });
		const other = worker(ledger).open("s", { ...bounds, max: 1 });
		let told = 0;
		other.onFree = () => void told++;
		await holder.acquire(never);
		expect(await other.acquire(never, false)).toBe("full");
		const waits = holder.acquire(never);
		holder.release();
		expect(await waits).toBe("ok");
		await settled();
		expect(told).toBe(0);
		holder.release();
		await settled();
		expect(told).toBe(1);
		expect(await other.acquire(never, false)).toBe("ok");
		other.release();
		await settled();
		expect(told).toBe(1);
	});

	it("never has more out than there are, loses none, and settles every caller, whatever happens", async () => {
		const step = fc.record({
			worker: fc.nat(2),
			what: fc.constantFrom("acquire", "try", "abort", "release", "die"),
			pause: fc.boolean(),
		});
		await fc.assert(
			fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
				const ledger = new Ledger();
				const all = [0, 1, 2].map(() => fresh(ledger));
				for (const { worker, what, pause } of steps) {
					const one = all[worker];
					if (!one) continue;
					if (what === "die") {
						one.die();
						all[worker] = fresh(ledger);
					} else one[what]();
					if (pause) await settled();
					expect(all.reduce((sum, { held }) => sum + held(), 0)).toBeLessThanOrEqual(2);
				}
				for (const one of all) one.abortAll();
				await settled();
				for (const one of all) while (one.held() > 0) one.release();
				await settled();
				for (const one of all) expect(one.open()).toBe(0);
				const [first] = all;
				expect([await first?.slots.acquire(never, false), await first?.slots.acquire(never, false)]).toEqual([
					"ok",
					"ok",
				]);
			}),
			{ numRuns: 200, seed: 5 },
		);
	});
});

/** A worker that does one thing after another. */
function fresh(ledger: Ledger) {
	const { open, die } = worker(ledger);
	const slots = open("s", bounds);
	const asked = new Set<AbortController>();
	let held = 0;
	const ask = (queue: boolean) => {
		const control = new AbortController();
		asked.add(control);
		void slots.acquire(control.signal, queue).then((outcome) => {
			asked.delete(control);
			if (outcome === "ok") held++;
		});
	};
	return {
		slots,
		die,
		held: () => held,
		open: () => asked.size,
		acquire: () => ask(true),
		try: () => ask(false),
		abort: () => [...asked][0]?.abort(),
		abortAll: () => {
			for (const control of asked) control.abort();
		},
		release: () => {
			if (held === 0) return;
			held--;
			slots.release();
		},
	};
}
