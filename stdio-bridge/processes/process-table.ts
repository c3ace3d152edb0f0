import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";

/** One process of this machine that is not a zombie, as the kernel tells of it. */
export interface Process {
	readonly pid: number;
	readonly parent: number;
	readonly group: number;
	readonly session: number;
	/** Clock ticks from the machine's start. */
	readonly startTicks: number;
}

/** Reading one process costs about 15 µs, so this many keep the event loop for half a millisecond. */
const slice = 32;
/** As large as an environment may be (ARG_MAX); pages that are never used take no memory. */
const buffer = Buffer.allocUnsafeSlow(2 * 1024 * 1024);

/** All processes that can be seen; none where there is no `/proc` (macOS). */
export async function listProcesses(): Promise<Process[]> {
	const found: Process[] = [];
	await eachInTurn(pids(), (pid) => {
		const process = readProcess(pid);
		if (process) found.push(process);
	});
	return found;
}

/** Calls `act` with each, and lets the event loop turn now and then. */
export async function eachInTurn<T>(all: readonly T[], act: (one: T) => void): Promise<void> {
	for (const [count, one] of all.entries()) {
		if (count % slice === slice - 1) await turn();
		act(one);
	}
}

function pids(): number[] {
	try {
		return readdirSync("/proc").map(Number).filter(Number.isInteger);
	} catch {
		return [];
	}
}

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
export function readProcess(pid: number): Process | undefined {
	const stat = read(`/proc/${pid}/stat`).toString("latin1");
	// The name stands in parentheses and may hold blanks and parentheses itself.
	const name = stat.lastIndexOf(")");
	if (name === -1) return undefined;
	const [state, parent, group, session, ...rest] = stat.slice(name + 2).split(" ", 20);
	if (state === "Z" || state === "X") return undefined;
	return {
		pid,
		parent: Number(parent),
		group: Number(group),
		session: Number(session),
		startTicks: Number(rest.at(-1)),
	};
}

/** Memory of a process that is not swapped out, what it shares with others included. */
export function residentBytes(pid: number): number {
	const [, kilobytes] = /^VmRSS:\s*(\d+) kB$/m.exec(read(`/proc/${pid}/status`).toString("latin1")) ?? [];
	return Number(kilobytes ?? 0) * 1024;
}

/**
 * The value of a variable in the environment that a process was started with, "" when it is not in there. Undefined
 * where that cannot be read: of other users' processes, of those that changed their user, and amid an `exec`.
 */
export function readVariable(pid: number, name: string): string | undefined {
	const environ = read(`/proc/${pid}/environ`);
	if (environ.length === 0) return undefined;
	const key = `${name}=`;
	for (let at = environ.indexOf(key); at !== -1; at = environ.indexOf(key, at + 1)) {
		if (at > 0 && environ[at - 1] !== 0) continue;
		const end = environ.indexOf(0, at);
		return environ.toString("latin1", at + key.length, end === -1 ? environ.length : end);
	}
	return "";
}

/** What a file holds, until the next read; nothing where it is gone or not ours to read. */
function read(path: string): Buffer {
	let file: number | undefined;
	try {
		file = openSync(path, "r");
		return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, 0));
	} catch {
		return buffer.subarray(0, 0);
	} finally {
		if (file !== undefined) closeSync(file);
	}
}
