import { expect, test } from "vitest";
import { sameQuantity } from "../../../control-plane/registry/quantity.ts";

test.each([
	["0.5", "500m"],
	["0.7", "700m"],
	["1", "1000m"],
	["1.0", "1"],
	["01", "1"],
	["0.1", "100m"],
	["1Gi", "1024Mi"],
	["1.5Gi", "1536Mi"],
	["1G", "1000M"],
	["1e3", "1k"],
	["1E3", "1000"],
	["1e-3", "1m"],
	["12E", "12000P"],
	["100000n", "100u"],
	["-1", "-1000m"],
	["+2", "2"],
	[".5", "0.5"],
	["5.", "5"],
	["0.0000000001", "1n"],
])("%s is %s", (one, other) => {
	expect(sameQuantity(one, other)).toBe(true);
	expect(sameQuantity(other, one)).toBe(true);
});

test.each([
	["0.5", "501m"],
	["1Gi", "1G"],
	["1", "-1"],
	["", ""],
	["a", "a"],
	["1 Gi", "1Gi"],
	["1Xi", "1Xi"],
	["1e100", "1e100"],
	["m", "m"],
	[".", "0"],
	["undefined", "1"],
])("%j and %j are not two words for one amount", (one, other) => {
	expect(sameQuantity(one, other)).toBe(false);
});
