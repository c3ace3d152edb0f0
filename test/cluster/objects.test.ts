import { afterAll, beforeAll, expect, test } from "vitest";
import { goldenInputs, goldenList } from "../support/kubernetes-golden.ts";
import { kubectl } from "./support/kubectl.ts";

/** The API server takes every golden object as it is, in a namespace that refuses what `restricted` does not allow. */

const namespace = `golden-${process.pid}`;

beforeAll(async () => {
	await kubectl(["create", "namespace", namespace]);
	const levels = ["enforce", "warn"].map((mode) => `pod-security.kubernetes.io/${mode}=restricted`);
	await kubectl(["label", "namespace", namespace, ...levels]);
});

afterAll(async () => {
	await kubectl(["delete", "namespace", namespace, "--wait=false"]);
});

test.each(goldenInputs)("%s", async (input) => {
	const list = goldenList(input, namespace);
	const told = await kubectl(
		["apply", "--dry-run=server", "--server-side", "--field-manager", "mcp-gateway", "-f", "-"],
		list,
	);
	const lines = told.trim().split("\n");
	expect(lines.filter((line) => !line.endsWith("serverside-applied (server dry run)"))).toEqual([]);
	expect(lines).toHaveLength(JSON.parse(list).items.length);
});
