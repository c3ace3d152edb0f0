import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { type Child, type ChildCommand, type Exit, startChild } from "../../../stdio-bridge/processes/child.ts";
import { type Guard, startGuard } from "../../../stdio-bridge/processes/guard.ts";
import { memoryLog } from "./setup.ts";

export const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/stdio/${name}.ts`, import.meta.url));

export interface Started {
	readonly child: Child;
	readonly lines: string[];
	readonly stderr: string[];
	readonly exit: Promise<Exit>;
}

/** A guard that is closed at the test's end. */
export function testGuard(): Guard {
	const guard = startGuard(memoryLog().log);
	onTestFinished(() => guard.close());
	return guard;
}

/** A child of this process, stopped at the test's end. */
export async function start(
	guard: Guard,
	[program = "", ...args]: readonly string[],
	bounds: Pick<ChildCommand, "limits" | "uid" | "gid"> = {},
): Promise<Started> {
	const lines: string[] = [];
	const stderr: string[] = [];
	const exit = Promise.withResolvers<Exit>();
	const env = { PATH: process.env["PATH"] ?? "" };
	const started = await startChild(
		{ program, args, env, cwd: undefined, ...bounds },
		{
			stop: { stdinMs: 200, termMs: 500 },
			maxLineBytes: 1024 * 1024,
			guard,
			onLine: (line) => void lines.push(line.toString()),
			onStderrLine: (line) => void stderr.push(line),
			onEnd: exit.resolve,
		},
	);
	if (!started.ok) throw new Error(started.code);
	onTestFinished(() => started.child.stop());
	return { child: started.child, lines, stderr, exit: exit.promise };
}

/** Processes whose parent is this one, zombies included. */
export async function ownChildren(): Promise<number[]> {
	const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
	const parents = await Promise.all(
		pids.map(async (pid) => {
			const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
			return { pid: Number(pid), parent: Number(stat.slice(stat.lastIndexOf(")") + 4).split(" ")[0]) };
		}),
	);
	return parents.filter(({ parent }) => parent === process.pid).map(({ pid }) => pid);
}
