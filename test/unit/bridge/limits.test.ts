import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { describeLimits, limited } from "../../../stdio-bridge/processes/limits.ts";

const limits = { memoryBytes: 1 << 29, processes: 64, cpuTimeMs: 1500 };
const command = { program: "run", args: ["a b"], env: {}, cwd: undefined };

describe("limits", () => {
	const path = process.env["PATH"];
	let folder = "";
	beforeEach(() => {
		folder = mkdtempSync(join(tmpdir(), "limits-"));
		process.env["PATH"] = folder;
	});
	afterEach(() => {
		process.env["PATH"] = path;
		rmSync(folder, { recursive: true });
	});
	const install = () => writeFileSync(join(folder, "prlimit"), "", { mode: 0o755 });

	it("are set by prlimit, in whole seconds, and processes only for a user of the server's own", () => {
		install();
		const program = join(folder, "prlimit");
		const run = ["--", "run", "a b"];
		expect(limited({ ...command, limits })).toEqual({ program, args: ["--cpu=2:3", ...run] });
		expect(limited({ ...command, limits, uid: 0 })).toEqual({ program, args: ["--cpu=2:3", ...run] });
		expect(limited({ ...command, limits, uid: 7 })).toEqual({ program, args: ["--cpu=2:3", "--nproc=64", ...run] });
		for (const none of [undefined, {}, { memoryBytes: 1 << 29 }]) {
			expect(limited({ ...command, ...(none && { limits: none }) })).toEqual({ program: "run", args: ["a b"] });
		}
	});

	it("are told with what enforces them, or why nothing does", () => {
		const text = (pattern: RegExp) => expect.stringMatching(pattern);
		const memory = text(process.platform === "linux" ? /^watched/ : /^none/);
		expect(describeLimits({})).toEqual({});
		const missing = text(/^none: .*prlimit/);
		expect(describeLimits({ limits, uid: 7 })).toEqual({ memory, processes: missing, cpuTime: missing });
		expect(limited({ ...command, limits, uid: 7 })).toEqual({ program: "run", args: ["a b"] });
		install();
		const [processes, cpuTime] = [text(/^rlimit: .*uid 7/), text(/^rlimit/)];
		expect(describeLimits({ limits, uid: 7 })).toEqual({ memory, processes, cpuTime });
		for (const uid of [undefined, 0, process.getuid?.()]) {
			const server = { limits: { processes: 64 }, ...(uid !== undefined && { uid }) };
			expect(describeLimits(server)).toEqual({ processes: text(/^none: .*`uid` of its own/) });
		}
	});
});
