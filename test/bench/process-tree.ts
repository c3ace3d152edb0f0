import { readdirSync, readFileSync } from "node:fs";
import { cpuMicros, rssMegabytes } from "./process-usage.ts";

/** A gateway's own processes, and those of the stdio servers that it has started. */
export interface Processes {
	readonly gateway: readonly number[];
	readonly servers: readonly number[];
}

/**
 * Parts the living descendants of `root`, itself included. A server is what runs `serverFile`, and a shell that was
 * started to run it.
 */
export function processesOf(root: number, serverFile: string): Processes {
	const gateway: number[] = [];
	const servers: number[] = [];
	const children = childrenByParent();
	const visit = (pid: number) => {
		(pid !== root && runs(pid, serverFile) ? servers : gateway).push(pid);
		for (const child of children.get(pid) ?? []) visit(child);
	};
	visit(root);
	return { gateway, servers };
}

/** CPU time of the living ones, in microseconds. */
export function cpuMicrosOf(pids: readonly number[]): number {
	return sum(pids, cpuMicros);
}

/** Resident memory of the living ones, in MB. */
export function rssMegabytesOf(pids: readonly number[]): number {
	return sum(pids, rssMegabytes);
}

function sum(pids: readonly number[], of: (pid: number) => number): number {
	// A process that has ended and that nobody has waited for has no memory any more: NaN.
	return pids.reduce((total, pid) => total + (ifAlive(() => of(pid)) || 0), 0);
}

function childrenByParent(): Map<number, number[]> {
	const children = new Map<number, number[]>();
	for (const name of readdirSync("/proc")) {
		if (!/^\d+$/.test(name)) continue;
		// The command's name stands in brackets and may hold anything.
		const parent = ifAlive(() => /\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, "latin1"))?.[1]);
		if (parent === undefined) continue;
		const siblings = children.get(Number(parent)) ?? [];
		siblings.push(Number(name));
		children.set(Number(parent), siblings);
	}
	return children;
}

function runs(pid: number, file: string): boolean {
	const [, first, second = ""] = ifAlive(() => readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")) ?? [];
	return first === file || (first === "-c" && second.endsWith(file));
}

/** What a read in /proc gives; undefined where the process has gone meanwhile. */
function ifAlive<T>(read: () => T): T | undefined {
	try {
		return read();
	} catch {
		return undefined;
	}
}
