import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { spawnGuarded } from "../../../envoy/guard.ts";
import { eventually } from "../../support/gateway.ts";
import { NODE } from "../../support/process.ts";

const guard = new URL("../../../envoy/guard.ts", import.meta.url).href;

/** A parent that starts a guarded shell script and tells its pid. */
async function parentOf(script: string, folder = ""): Promise<{ parent: ChildProcess; pid: number }> {
	const code = `
		const { spawnGuarded } = await import(${JSON.stringify(guard)});
		const child = spawnGuarded({ command: "/bin/sh", args: ["-c", ${JSON.stringify(script)}], removeAfterParent: ${JSON.stringify(folder)} });
		child.stdout.once("data", () => console.log(child.pid));
	`;
	const parent = spawn(NODE, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
	const [line] = await once(parent.stdout, "data");
	return { parent, pid: Number(line) };
}

/** True while a process of this group lives; a zombie that nobody reaps does not count. */
function alive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
	} catch {
		return false;
	}
}

describe("spawnGuarded", () => {
	test("a child ends when its parent is killed with -9, and the folder goes", async () => {
		const folder = mkdtempSync(join(tmpdir(), "guard-"));
		const { parent, pid } = await parentOf("echo up; exec sleep 1000", folder);
		expect(alive(pid)).toBe(true);
		parent.kill("SIGKILL");
		await eventually("the child has ended", () => !alive(pid));
		await eventually("the folder is gone", () => !existsSync(folder));
	});

	test("a child that ignores SIGTERM ends too, with its own children", async () => {
		const { parent, pid } = await parentOf("trap '' TERM; sleep 1000 & echo up; while :; do sleep 1; done");
		parent.kill("SIGKILL");
		await eventually("the child has ended", () => !alive(pid));
		await eventually("its group has ended", () => {
			try {
				process.kill(-pid, 0);
				return false;
			} catch {
				return true;
			}
		});
	});

	test("the parent sees the program's own pid, exit code and output", async () => {
		const child = spawnGuarded({ command: "/bin/sh", args: ["-c", 'echo $$; echo "$1"; exit 7', "sh", "a b"] });
		let output = "";
		child.stdout?.on("data", (chunk) => {
			output += chunk;
		});
		const [code] = await once(child, "close");
		expect(code).toBe(7);
		expect(output).toBe(`${child.pid}\na b\n`);
	});

	test("the watcher ends with the program", async () => {
		const child = spawnGuarded({ command: "true", args: [] });
		await once(child, "exit");
		const pid = child.pid ?? 0;
		await eventually("the group is empty", () => {
			try {
				process.kill(-pid, 0);
				return false;
			} catch {
				return true;
			}
		});
	});

	test("a program that is not there is an exit code", async () => {
		const child = spawnGuarded({ command: "/nowhere/envoy", args: [] });
		const [code] = await once(child, "exit");
		expect(code).toBe(127);
	});
});
