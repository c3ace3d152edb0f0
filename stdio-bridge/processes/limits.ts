import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { StdioServer } from "../../control-plane/registry/model.ts";
import type { ChildCommand } from "./child.ts";

/**
 * A command under what `prlimit` of util-linux can set before it becomes the program: CPU time and processes. Memory is
 * watched by {@link Families} instead: V8 reserves over 500 MiB that count as RLIMIT_DATA and never uses them.
 * https://man7.org/linux/man-pages/man2/getrlimit.2.html
 */
export function limited({ program, args, limits, uid }: ChildCommand): { program: string; args: string[] } {
	const { processes, cpuTimeMs = 0 } = limits ?? {};
	const seconds = Math.ceil(cpuTimeMs / 1000);
	const options = [
		// SIGXCPU, which says why, and a second later SIGKILL.
		...(seconds === 0 ? [] : [`--cpu=${seconds}:${seconds + 1}`]),
		...(processes === undefined || !ownUser(uid) ? [] : [`--nproc=${processes}`]),
	];
	const prlimit = options.length === 0 ? undefined : findPrlimit();
	if (prlimit === undefined) return { program, args: [...args] };
	return { program: prlimit, args: [...options, "--", program, ...args] };
}

/** By each limit that a server asks for: what enforces it on this machine, or "none: " and why nothing does. */
export type LimitsInForce = { readonly [name in "memory" | "processes" | "cpuTime"]?: string };

/** What becomes of a server's `limits` on this machine; empty when it has none. */
export function describeLimits({ limits = {}, uid }: Pick<StdioServer, "limits" | "uid">): LimitsInForce {
	const { memoryBytes, processes, cpuTimeMs } = limits;
	const missing = findPrlimit() === undefined ? "none: `prlimit` of util-linux is not on this machine" : undefined;
	return {
		...(memoryBytes !== undefined && {
			memory:
				process.platform === "linux"
					? "watched: what a process and all that it started hold in memory, twice a second"
					: "none: only Linux tells what a process holds in memory",
		}),
		...(processes !== undefined && {
			processes: ownUser(uid)
				? (missing ?? `rlimit: all processes and threads of uid ${uid} together`)
				: "none: the system counts them by user, so the server needs a `uid` of its own that is not root's",
		}),
		...(cpuTimeMs !== undefined && { cpuTime: missing ?? "rlimit: each process from its start to its end" }),
	};
}

/** RLIMIT_NPROC counts all that a user runs, the gateway too, and does not hold root. */
function ownUser(uid: number | undefined): uid is number {
	return uid !== undefined && uid !== 0 && uid !== process.getuid?.();
}

function findPrlimit(): string | undefined {
	const folders = (process.env["PATH"] ?? "/usr/bin:/bin").split(delimiter);
	return folders.map((folder) => join(folder, "prlimit")).find(executable);
}

function executable(path: string): boolean {
	try {
		accessSync(path, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}
