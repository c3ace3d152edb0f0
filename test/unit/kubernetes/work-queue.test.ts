import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createWorkQueue, type WorkQueue } from "../../../control-plane/kubernetes/write/work-queue.ts";

let queue: WorkQueue;
let worked: string[];
let again: (key: string) => Promise<number | undefined>;

beforeEach(() => {
	vi.useFakeTimers();
	worked = [];
	again = async () => undefined;
	queue = createWorkQueue({
		concurrency: 2,
		work: (key) => {
			worked.push(key);
			return again(key);
		},
	});
});
afterEach(async () => {
	await queue.close();
	vi.useRealTimers();
});

const passed = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test("nothing is begun in the turn of who adds, and a key that is added twice is worked on once", async () => {
	queue.add("a");
	queue.add("a");
	queue.add("b");
	expect(worked).toEqual([]);
	await passed(1);
	expect(worked).toEqual(["a", "b"]);
});

test("one that is to be asked again later is, and holds up no other", async () => {
	again = async (key) => (key === "a" ? 1000 : undefined);
	queue.add("a");
	await passed(1);
	queue.add("b");
	queue.add("a");
	await passed(900);
	expect(worked).toEqual(["a", "b"]);
	await passed(200);
	expect(worked).toEqual(["a", "b", "a"]);
	queue.add("a", true);
	await passed(1);
	expect(worked).toEqual(["a", "b", "a", "a"]);
});

test("a key is worked on by one at a time, and once more if it was added meanwhile", async () => {
	const ends: (() => void)[] = [];
	again = () => new Promise((resolve) => ends.push(() => resolve(undefined)));
	for (const key of ["a", "b", "c"]) queue.add(key);
	await passed(1);
	expect(worked).toEqual(["a", "b"]);
	queue.add("a");
	ends.shift()?.();
	await passed(1);
	expect(worked).toEqual(["a", "b", "c"]);
	for (const end of ends.splice(0)) end();
	await passed(1);
	expect(worked).toEqual(["a", "b", "c", "a"]);
	for (const end of ends.splice(0)) end();
});

test("what is added to one that fails meanwhile does not shorten its wait, unless it is urgent", async () => {
	let end = (_ms: number | undefined) => {};
	again = () =>
		new Promise((resolve) => {
			end = resolve;
		});
	queue.add("a");
	await passed(1);
	queue.add("a");
	end(1000);
	await passed(500);
	expect(worked).toEqual(["a"]);
	await passed(600);
	expect(worked).toEqual(["a", "a"]);
	queue.add("a", true);
	end(1000);
	await passed(1);
	expect(worked).toEqual(["a", "a", "a"]);
	end(undefined);
});

test("closed, it begins nothing more and waits for what was begun", async () => {
	let end = () => {};
	again = () =>
		new Promise((resolve) => {
			end = () => resolve(10);
		});
	queue.add("a");
	await passed(1);
	queue.add("b");
	const closed = vi.fn();
	const closing = queue.close().then(closed);
	await passed(100);
	expect([worked, closed.mock.calls.length]).toEqual([["a"], 0]);
	end();
	await closing;
	await passed(100);
	expect(worked).toEqual(["a"]);
});
