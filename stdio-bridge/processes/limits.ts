import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { Limits, StdioServer } from "../../control-plane/registry/model.ts";
import type { ChildCommand } from "./child.ts";

/** By each limit that a server asks for: what enforces it on this machine, or "none: " and why nothing does. */
export type LimitsInForce = { readonly [name in "memory" | "processes" | "cpuTime"]?: string };

/** https://man7.org/linux/man-pages/man2/getrlimit.2.html, set by `prlimit` of util-linux, which becomes the program. */
export function limited({ program, args, limits, uid }: ChildCommand): { program: string; args: string[] } {
	const prlimit = limits && findPrlimit();
	if (!limits || prlimit === undefined) return { program, args: [...args] };
	const { memoryBytes, processes, cpuTimeMs } = limits;
	const seconds = Math.ceil((cpuTimeMs ?? 0) / 1000);
	const options = [
		// Not RLIMIT_AS: V8 and others reserve far more addresses than they use memory.
		...(memoryBytes === undefined ? [] : [`--data=${memoryBytes}`]),
		// SIGXCPU, which says why, and a second later SIGKILL.
		...(cpuTimeMs === undefined ? [] : [`--cpu=${seconds}:${seconds + 1}`]),
		...(processes === undefined || !ownUser(uid) ? [] : [`--nproc=${processes}`]),
	];
	return options.length === 0
		? { program, args: [...args] }
		: { program: prlimit, args: [...options, "--", program, ...args] };
}

/** What becomes of a server's `limits` on this machine; empty when it has none. */
export function describeLimits({ limits, uid }: Pick<StdioServer, "limits" | "uid">): LimitsInForce {
	const asked: Limits = limits ?? {};
	const missing = findPrlimit() === undefined ? "none: `prlimit` of util-linux is not on this machine" : undefined;
	const perUser = ownUser(uid)
		? `rlimit: processes and threads of uid ${uid} together`
		: "none: the system counts them by user, so the server needs a `uid` of its own that is not root's";
	return {
		...(asked.memoryBytes !== undefined && { memory: missing ?? "rlimit: data of each process" }),
		...(asked.processes !== undefined && { processes: missing ?? perUser }),
		...(asked.cpuTimeMs !== undefined && { cpuTime: missing ?? "rlimit: each process" }),
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
