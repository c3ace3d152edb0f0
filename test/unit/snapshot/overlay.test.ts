import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changedMap, changedNames } from "../../../control-plane/snapshot/overlay.ts";

/** More names than an overlay holds changes, and few enough to come again. */
const name = fc.oneof(fc.constantFrom("a", "b", "c", "d"), fc.integer({ min: 0, max: 400 }).map(String));
const change = fc.tuple(name, fc.option(fc.record({ value: fc.integer() }), { nil: undefined }));

describe("changedMap", () => {
	it("is, change after change, what a map is of which each change was made, in the same order", () => {
		fc.assert(
			fc.property(fc.array(fc.array(change, { maxLength: 120 }), { maxLength: 8 }), (rounds) => {
				const expected = new Map<string, object>();
				let map: ReadonlyMap<string, object> = new Map();
				for (const round of rounds) {
					const changes = new Map(round);
					for (const [key, value] of changes) {
						if (value === undefined) expected.delete(key);
						else expected.set(key, value);
					}
					const before = map;
					map = changedMap(before, changes);
					expect([...map]).toEqual([...expected]);
					expect([...map.keys(), ...map.values()]).toEqual([...expected.keys(), ...expected.values()]);
					expect(map.size).toBe(expected.size);
					for (const [key] of round) {
						expect(map.get(key)).toBe(expected.get(key));
						expect(map.has(key)).toBe(expected.has(key));
					}
					expect([...(changedNames(before, map) ?? [])]).toEqual([...changes.keys()]);
				}
			}),
			{ numRuns: 300 },
		);
	});

	it("leaves the map that it was made of as it was, and knows names of one step only", () => {
		const first = new Map(Object.entries({ a: { value: 1 }, b: { value: 2 } }));
		const second = changedMap(first, new Map([["a", undefined]]));
		const third = changedMap(second, new Map([["c", { value: 3 }]]));
		expect([...first.keys(), ...second.keys(), ...third.keys()]).toEqual(["a", "b", "b", "b", "c"]);
		expect([...(changedNames(second, third) ?? [])]).toEqual(["c"]);
		expect(changedNames(first, third)).toBeUndefined();
		expect(changedMap(third, new Map())).toBe(third);
	});
});
