import { expect, test } from "vitest";
import { run } from "../../../envoy/run.ts";
import { ROOT } from "../../support/process.ts";

test("`npm run bench -- --help` lists the sections", async () => {
	const args = ["run", "--silent", "bench", "--", "--help"];
	const { code, stdout, stderr } = await run("npm", args, { cwd: ROOT, timeoutMs: 90_000 });
	expect(stderr).toBe("");
	expect(stdout).toMatch(/^Sections: throughput, .*\bstdio\b/m);
	expect(code).toBe(0);
});
