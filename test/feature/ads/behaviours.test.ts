import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../../control-plane/cli/paths.ts";
import { behaviours, type TestName } from "./behaviours.ts";

/** Behaviours that only one variant can have: 11 is of state-of-the-world, 13 and 14 are of delta. */
const ofOneVariant = new Map([
	[11, "sotw"],
	[13, "delta"],
	[14, "delta"],
]);

test("the manifest has all twenty behaviours, each with a source and tests in every variant that can have it", () => {
	expect(behaviours.map(({ number }) => number)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
	for (const { number, source, tests } of behaviours) {
		const only = ofOneVariant.get(number);
		expect([number, Object.keys(tests).sort()]).toEqual([number, only === undefined ? ["delta", "sotw"] : [only]]);
		expect(Object.values(tests).every((each) => each.length > 0)).toBe(true);
		if (!source.startsWith("https://")) expect([source, existsSync(join(root, source))]).toEqual([source, true]);
	}
});

test("every test that the manifest names is there and runs", () => {
	const named = behaviours.flatMap(({ tests }) => Object.values(tests).flat());
	expect(named.filter((each) => !runs(each))).toEqual([]);
});

test("a test that is in neither variant's block of its file, or is left out, is noticed", () => {
	const file = "test/feature/ads/delta.test.ts";
	expect(runs({ file, title: "no such test" })).toBe(false);
	expect(runs({ file, title: "sends a resource again that is asked for again" })).toBe(true);
});

/** Whether the file has a test of this title, and leaves none of its tests out. */
function runs({ file, title }: TestName): boolean {
	const source = readFileSync(join(root, file), "utf8");
	const leavesOut = /\b(?:it|test|describe)\.(?:skip|todo|only|skipIf|runIf|fails)\b/.test(source);
	const quoted = title.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
	return !leavesOut && new RegExp(`\\b(?:it|test)(?:\\.each\\([^]*?\\))?\\(\\s*"${quoted}"`).test(source);
}
