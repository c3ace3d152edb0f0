import { describe, expect, it } from "vitest";
import { readApiKeys } from "../../../control-plane/registry/api-keys.ts";

describe("readApiKeys", () => {
	it("reads names and keys, past comments and empty lines", () => {
		expect(readApiKeys("# team\n\nalice: 0123456789abcdef\nbob:fedcba9876543210\n", "keys")).toEqual([
			{ name: "alice", key: "0123456789abcdef" },
			{ name: "bob", key: "fedcba9876543210" },
		]);
	});

	it.each([
		["no colon", "alice 0123456789abcdef", "keys:1: write NAME: KEY"],
		["too short", "a: short-key", "keys:1: write NAME: KEY"],
		["spaces in the key", "a: 0123456789 abcdef", "keys:1: write NAME: KEY"],
		["a name twice", "a: 0123456789abcdef\na: fedcba9876543210", "keys:2: this name or key stands here twice"],
		["a key twice", "a: 0123456789abcdef\nb: 0123456789abcdef", "keys:2: this name or key stands here twice"],
		["nothing", "# nothing\n", "keys: holds no key"],
	])("refuses %s without telling the key", (_name, text, words) => {
		expect(() => readApiKeys(text, "keys")).toThrow(words);
		expect(() => readApiKeys(text, "keys")).not.toThrow(/0123456789/);
	});
});
