import { describe, expect, it } from "vitest";
import { Calls } from "../../../stdio-bridge/calls.ts";
import { asResponse, callerId, isMessage, requestsOf } from "../../../stdio-bridge/message.ts";

const call = (id: string | number, more = {}) => ({
	id,
	requestId: undefined,
	progressToken: undefined,
	open: true,
	cancelled: false,
	...more,
});

describe("the stream of a process's message", () => {
	it("is the token's call for progress, the newest call for what belongs to one", () => {
		const calls = new Calls();
		calls.add(call(1, { progressToken: "t" }));
		calls.add(call("1"));
		expect(calls.streamFor("notifications/progress", "t", true)).toEqual({ call: 1 });
		expect(calls.streamFor("sampling/createMessage", undefined, true)).toEqual({ call: "1" });
		expect(calls.take("1")?.id).toBe("1");
		expect(calls.streamFor("sampling/createMessage", undefined, true)).toEqual({ call: 1 });
	});

	it("is the GET stream for changes of the whole server, a call's only without one", () => {
		const calls = new Calls();
		calls.add(call(1));
		for (const method of ["notifications/tools/list_changed", "notifications/resources/updated"]) {
			expect(calls.streamFor(method, undefined, true)).toBe("standalone");
			expect(calls.streamFor(method, undefined, false)).toEqual({ call: 1 });
		}
	});

	it("is never one that nobody listens to", () => {
		const calls = new Calls();
		calls.add(call(1, { open: false, progressToken: "t" }));
		calls.add(call(2, { cancelled: true }));
		expect(calls.streamFor("notifications/progress", "t", false)).toBeUndefined();
		expect(calls.streamFor("roots/list", undefined, true)).toBe("standalone");
		expect([calls.inFlight, calls.awaited]).toEqual([1, false]);
	});
});

describe("messages", () => {
	it("are told by JSON-RPC's own members", () => {
		for (const yes of [{ method: "a" }, { method: "a", id: 1 }, { id: 1, result: {} }, { id: "x", error: {} }]) {
			expect(isMessage(yes)).toBe(true);
		}
		for (const no of [null, 1, "a", [], {}, { id: 1 }, { result: {} }, { id: null, result: {} }]) {
			expect(isMessage(no)).toBe(false);
		}
	});

	it("give the caller's id for one request only", () => {
		expect(callerId({ id: 0, method: "a" })).toBe(0);
		for (const body of [{ id: 1, result: {} }, { method: "a" }, [{ id: 1, method: "a" }], null]) {
			expect(callerId(body)).toBeNull();
		}
		expect(requestsOf([{ id: 1, method: "a" }, { method: "b" }, 3]).map(({ id }) => id)).toEqual([1]);
	});

	it("become responses without members that the SDK does not know, or none at all", () => {
		expect(asResponse({ id: 1, result: { a: 1 } })).toEqual({ jsonrpc: "2.0", id: 1, result: { a: 1 } });
		expect(asResponse({ id: 1, result: 5 })).toBeUndefined();
		expect(asResponse({ id: 1, error: { code: "x" } })).toBeUndefined();
	});
});
