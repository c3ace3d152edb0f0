import { describe, expect, it } from "vitest";
import {
	firstRetryMs,
	isPartial,
	lastRetryMs,
	mayRetryAt,
	type Refusal,
	refusalOf,
} from "../../../control-plane/ads/refusals.ts";
import { Sequencer } from "../../../control-plane/ads/sequencer.ts";
import type { Snapshot } from "../../../control-plane/snapshot/snapshot.ts";
import { resource, server, snapshotOf } from "./resources.ts";

describe("refusalOf", () => {
	const refuse = (before: Refusal | undefined, now: number, version: string | undefined = "1") =>
		refusalOf(before, { version, message: "no", now, serial: 7 });

	it("doubles the wait with each refusal of the same version, up to minutes, and keeps the first moment", () => {
		let refusal: Refusal | undefined;
		const waits: number[] = [];
		for (let attempt = 0; attempt < 12; attempt += 1) {
			refusal = refuse(refusal, 1000 * attempt);
			waits.push(refusal.retryAt - 1000 * attempt);
		}
		expect(waits.slice(0, 4)).toEqual([1, 2, 4, 8].map((factor) => factor * firstRetryMs));
		expect(waits.at(-1)).toBe(lastRetryMs);
		expect(refusal).toMatchObject({ since: 0, attempts: 12 });
	});

	it("begins anew with another version", () => {
		const first = refuse(refuse(undefined, 0), 1000);
		expect(refuse(first, 5000, "2")).toMatchObject({ since: 5000, attempts: 1, retryAt: 5000 + firstRetryMs });
	});
});

describe("mayRetryAt", () => {
	const refusal = refusalOf(undefined, { version: "1", message: "no", now: 0, serial: 7 });

	it("waits for another snapshot, unless the machine may have changed or it is a removal", () => {
		expect(mayRetryAt(refusal, 7, false)).toBeUndefined();
		expect(mayRetryAt(refusal, 8, false)).toBe(refusal.retryAt);
		expect(mayRetryAt(refusal, 7, true)).toBe(refusal.retryAt);
		expect(mayRetryAt({ ...refusal, version: undefined }, 7, false)).toBe(refusal.retryAt);
	});
});

describe("isPartial", () => {
	it("tells Envoy's refusal of some from its refusal of all", () => {
		expect(isPartial("Error adding/updating cluster(s) mcp/a: no")).toBe(true);
		expect(isPartial("Error adding/updating listener(s) mcp-gateway: no")).toBe(true);
		expect(isPartial("Proto constraint validation failed (ClusterValidationError.Name)")).toBe(false);
	});
});

/** A client with scopes alone, which refuses on demand; tells what it was sent. */
function scopeClient() {
	const sequencer = new Sequencer("delta");
	const state = sequencer.types.scope;
	state.subscribe([], [], {});
	return {
		state,
		answer(snapshot: Snapshot, now: number, message?: string): string[] {
			const { pushes } = sequencer.next(snapshot, now);
			for (const { nonce } of pushes) {
				if (message === undefined) state.ack(nonce, now);
				else state.nack(nonce, message, now);
			}
			return pushes.flatMap(({ upsert, remove }) => [
				...upsert.map(({ name }) => `+${name}`),
				...remove.map((name) => `-${name}`),
			]);
		},
		wakeAt: (snapshot: Snapshot, now: number) => sequencer.next(snapshot, now).wakeAt,
	};
}

describe("a refused resource", () => {
	it("is tried again only after another snapshot and its wait, alone, and is forgiven when taken", () => {
		const { state, answer, wakeAt } = scopeClient();
		const bad = () => [resource("scope", "bad")];
		const first = snapshotOf(bad());
		answer(first, 0, "no");
		expect(answer(first, lastRetryMs * 2)).toEqual([]);
		const second = snapshotOf(bad());
		expect(wakeAt(second, 10)).toBe(firstRetryMs);
		expect(answer(snapshotOf(bad(), [resource("scope", "other")]), firstRetryMs)).toEqual(["+other"]);
		expect(answer(snapshotOf(bad(), [resource("scope", "other")]), firstRetryMs, "still no")).toEqual(["+bad"]);
		expect(state.refused.get("bad")).toMatchObject({ attempts: 2, since: 0, message: "still no" });
		const third = snapshotOf(bad(), [resource("scope", "other")]);
		expect(wakeAt(third, firstRetryMs)).toBe(3 * firstRetryMs);
		expect(answer(third, 3 * firstRetryMs)).toEqual(["+bad"]);
		expect(state.refused.size).toBe(0);
	});

	it("whose removal is refused is removed again with growing waits, without another snapshot", () => {
		const { state, answer, wakeAt } = scopeClient();
		answer(snapshotOf([resource("scope", "a")]), 0);
		const empty = snapshotOf();
		expect(answer(empty, 0, "no")).toEqual(["-a"]);
		expect(answer(empty, 1)).toEqual([]);
		expect(wakeAt(empty, 1)).toBe(firstRetryMs);
		expect(answer(empty, firstRetryMs, "no")).toEqual(["-a"]);
		expect(wakeAt(empty, firstRetryMs)).toBe(3 * firstRetryMs);
		expect(answer(empty, 3 * firstRetryMs)).toEqual(["-a"]);
		expect([state.refused.size, state.acked.size]).toEqual([0, 0]);
	});

	it("that comes back while its removal is refused is not removed", () => {
		const { state, answer } = scopeClient();
		const full = snapshotOf([resource("scope", "a")]);
		answer(full, 0);
		answer(snapshotOf(), 0, "no");
		expect(answer(full, lastRetryMs)).toEqual([]);
		expect(state.refused.size).toBe(0);
		expect(state.acked.get("a")).toBe("1");
	});

	it("counts how often a scope was part of a refused response, so that Envoy is sent other bytes", () => {
		const { state, answer } = scopeClient();
		const snapshot = snapshotOf([resource("scope", "a")], [resource("scope", "b")]);
		answer(snapshot, 0, "one of them is bad");
		expect(answer(snapshot, 1)).toEqual(["+a"]);
		expect(answer(snapshot, 2, "this one")).toEqual(["+b"]);
		expect([...state.salts]).toEqual([
			["a", 1],
			["b", 2],
		]);
	});
});

describe("a cluster's removal", () => {
	it("waits on a reconnect until the scopes that Envoy holds are known, at most a second", () => {
		const sequencer = new Sequencer("delta");
		sequencer.types.cluster.subscribe([], [], { "mcp/gone": "1" });
		const snapshot = snapshotOf(server("a"));
		const { pushes, wakeAt } = sequencer.next(snapshot, 0);
		expect(pushes.map(({ remove }) => remove)).toEqual([[]]);
		expect(wakeAt).toBe(1000);
		for (const { nonce } of pushes) sequencer.types.cluster.ack(nonce, 1);
		expect(sequencer.next(snapshot, 1000).pushes.map(({ remove }) => remove)).toEqual([["mcp/gone"]]);
	});
});
