import { describe, expect, it } from "vitest";
import { EventLog, type LoggedStream, primingId } from "../../../stdio-bridge/transports/event-log.ts";

function logWith(bounds: { events: number; bytes: number }) {
	let lost = 0;
	const log = new EventLog<LoggedStream>(bounds, () => lost++);
	const open = () => {
		const stream: LoggedStream = { key: -1, last: 0, forgotten: 0, kept: 0, complete: false };
		log.open(stream);
		return stream;
	};
	const add = (stream: LoggedStream, answer = false, size = 10) =>
		log.add(stream, answer, (id) => Buffer.alloc(size, id));
	const behind = (id: string) => log.after(id)?.events.map(({ number }) => number);
	return { log, open, add, behind, lost: () => lost };
}

describe("the events of a session", () => {
	it("are those of one stream behind the one that is named", () => {
		const { open, add, behind, log } = logWith({ events: 10, bytes: 1000 });
		const [one, two] = [open(), open()];
		add(one);
		add(two);
		add(one, true);
		expect(behind(primingId(one))).toEqual([1, 2]);
		expect(behind(`${one.key}-1`)).toEqual([2]);
		expect(behind(`${one.key}-2`)).toEqual([]);
		for (const unknown of [`${one.key}-3`, "7-0", "", "a-b", "0", "0-1-2", "٣-1"])
			expect(behind(unknown)).toBeUndefined();
		log.drop(one);
		expect(behind(primingId(one))).toBeUndefined();
		expect(behind(primingId(two))).toEqual([1]);
	});

	it("go in the order: delivered, not delivered, answers that were not delivered", () => {
		const { open, add, behind, log, lost } = logWith({ events: 3, bytes: 1000 });
		const stream = open();
		const answer = add(stream, true);
		add(stream);
		log.delivered(add(stream));
		add(stream);
		expect(behind(`${stream.key}-3`)).toEqual([4]);
		// A client that has not seen the third has missed it.
		expect(behind(primingId(stream))).toBeUndefined();
		expect(lost()).toBe(0);
		add(stream);
		expect(lost()).toBe(1);
		expect(behind(`${stream.key}-3`)).toEqual([4, 5]);
		log.delivered(answer);
		add(stream);
		add(stream, true);
		expect(behind(`${stream.key}-3`)).toEqual([5, 6, 7]);
	});

	it("are bounded in bytes, but the last that waits for its client is kept", () => {
		const { open, add, behind, log } = logWith({ events: 10, bytes: 100 });
		const stream = open();
		add(stream);
		const large = add(stream, true, 5000);
		expect(behind(primingId(stream))).toEqual([2]);
		log.delivered(large);
		expect(behind(primingId(stream))).toBeUndefined();
		expect(behind(`${stream.key}-2`)).toEqual([]);
	});

	it("are forgotten with a stream that is complete once the last of them goes", () => {
		const { open, add, behind, log } = logWith({ events: 1, bytes: 1000 });
		const [one, two] = [open(), open()];
		log.delivered(add(one, true));
		log.complete(one);
		expect(behind(`${one.key}-1`)).toEqual([]);
		add(two);
		expect(behind(`${one.key}-1`)).toBeUndefined();
	});
});
