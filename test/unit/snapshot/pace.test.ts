import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createPace } from "../../../control-plane/snapshot/pace.ts";

beforeEach(() => {
	vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
	vi.useRealTimers();
});

const microtasks = () => Promise.resolve();

it("runs at once after a quiet time, once for what comes in one piece, and then once a gap", async () => {
	const work = vi.fn();
	const pace = createPace(work, () => 15);
	pace.run();
	pace.run();
	expect(work).toHaveBeenCalledTimes(0);
	await microtasks();
	expect(work).toHaveBeenCalledTimes(1);
	for (let n = 0; n < 5; n++) pace.run();
	await microtasks();
	vi.advanceTimersByTime(14);
	expect(work).toHaveBeenCalledTimes(1);
	vi.advanceTimersByTime(1);
	expect(work).toHaveBeenCalledTimes(2);
	vi.advanceTimersByTime(1000);
	expect(work).toHaveBeenCalledTimes(2);
	pace.run();
	await microtasks();
	expect(work).toHaveBeenCalledTimes(3);
});

it("loses nothing that is asked for while it runs, and nothing runs once it is closed", async () => {
	let asks = 1;
	const work = vi.fn(() => {
		if (asks-- > 0) pace.run();
	});
	const pace = createPace(work, () => 10);
	pace.run();
	await microtasks();
	vi.advanceTimersByTime(10);
	await microtasks();
	expect(work).toHaveBeenCalledTimes(2);
	pace.run();
	pace.close();
	vi.advanceTimersByTime(100);
	await microtasks();
	expect(work).toHaveBeenCalledTimes(2);
});
