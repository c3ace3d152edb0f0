import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { objectLabels, objectName, selectorLabels } from "../../../control-plane/kubernetes/names.ts";
import { ID_PATTERN } from "../../../control-plane/registry/names.ts";

const id = fc.oneof(
	fc.stringMatching(ID_PATTERN),
	fc.stringMatching(/^[a-zA-Z0-9._-]{1,3}$/),
	fc.stringMatching(/^[a-c-]{50,60}$/),
);

describe("names of objects", () => {
	test.each([
		["github-server", "github-server"],
		["a", "a"],
		["a".repeat(52), "a".repeat(52)],
		["a".repeat(53), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-abe346a7"],
		["GitHub", "github-f911e414"],
		["docs.v2_beta", "docs-v2-beta-e5d26571"],
		["-docs-", "mcp-docs-ac308b4f"],
		["2fast", "mcp-2fast-323a2d31"],
		["...", "mcp-ab5df625"],
	])("%s is %s", (given, name) => {
		expect(objectName(given)).toBe(name);
	});

	test("every id has a name that any kind of object takes, always the same one", () => {
		fc.assert(
			fc.property(id, (given) => {
				const name = objectName(given);
				expect(name).toMatch(/^[a-z](?:[a-z0-9-]{0,50}[a-z0-9])?$/);
				expect(objectName(given)).toBe(name);
			}),
			{ numRuns: 2000 },
		);
	});

	test("no two ids have one name", () => {
		const ids = new Set(fc.sample(id, 20_000));
		const names = new Map([...ids].map((one) => [objectName(one), one]));
		expect(names.size).toBe(ids.size);
	});
});

test("pods are selected by labels that say nothing of the owner", () => {
	expect(selectorLabels("docs")).toEqual({
		"app.kubernetes.io/name": "mcp-server",
		"app.kubernetes.io/instance": "docs",
	});
	expect(objectLabels("docs", "team-a")).toEqual({
		...selectorLabels("docs"),
		"app.kubernetes.io/managed-by": "mcp-gateway",
		"mcp-gateway/owner": "team-a",
	});
});
