import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { expect, it, onTestFinished } from "vitest";
import {
	eachInTurn,
	listProcesses,
	readProcess,
	readVariable,
	residentBytes,
} from "../../../stdio-bridge/processes/process-table.ts";

/** `cat` under a name that is hard to read in /proc. */
async function oddCat(env: Record<string, string>): Promise<number> {
	const folder = await mkdtemp(join(tmpdir(), "table-"));
	const program = join(folder, "a) Z 1 (b c");
	await copyFile("/bin/cat", program);
	const cat = spawn(program, [], { env, detached: true, stdio: ["pipe", "pipe", "ignore"] });
	onTestFinished(async () => {
		cat.kill("SIGKILL");
		await rm(folder, { recursive: true });
	});
	cat.stdin.write("x");
	await once(cat.stdout, "data");
	return cat.pid ?? 0;
}

it("tells a process by its numbers, whatever its name", async () => {
	const pid = await oddCat({});
	const found = { pid, parent: process.pid, group: pid, session: pid, startTicks: expect.any(Number) };
	expect(readProcess(pid)).toEqual(found);
	expect(await listProcesses()).toContainEqual(found);
	expect(readProcess(pid)?.startTicks).toBeGreaterThanOrEqual(readProcess(process.pid)?.startTicks ?? Infinity);
	expect(residentBytes(pid)).toBeGreaterThan(64 * 1024);
});

it("knows no zombie and nothing that is not there", async () => {
	// The child ends with its stdin, and not before its parent is one that collects no child, as the shell would.
	const parent = spawn("/bin/sh", ["-c", "cat <&3 & echo $!; exec sleep 100"], {
		stdio: ["ignore", "pipe", "ignore", "pipe"],
	});
	onTestFinished(() => void parent.kill("SIGKILL"));
	const [, stdout, , input] = parent.stdio;
	const [line] = await once(stdout as Readable, "data");
	const zombie = Number(line);
	const program = () => readFile(`/proc/${parent.pid}/comm`, "utf8");
	await expect.poll(program).toBe("sleep\n");
	expect(readProcess(zombie)).toMatchObject({ parent: parent.pid });
	(input as Writable).end();
	await expect.poll(() => readProcess(zombie)).toBeUndefined();
	process.kill(zombie, 0);
	const none = 2 ** 30;
	expect([readProcess(none), readVariable(none, "A"), residentBytes(none)]).toEqual([undefined, undefined, 0]);
});

it("reads a variable, and not one that only ends like it or stands in a value", async () => {
	const large = "x".repeat(100_000);
	const pid = await oddCat({ NOT_MARK: "1", TEXT: "MARK=2", LARGE: large, MARK: "3", EMPTY: "" });
	expect(["MARK", "EMPTY", "LARGE", "OTHER"].map((name) => readVariable(pid, name))).toEqual(["3", "", large, ""]);
});

it("lets the event loop turn", async () => {
	let turns = 0;
	const count = setInterval(() => turns++, 0);
	await eachInTurn(Array.from({ length: 2000 }), () => {
		for (const until = performance.now() + 0.05; performance.now() < until; );
	});
	clearInterval(count);
	expect(turns).toBeGreaterThan(5);
});
