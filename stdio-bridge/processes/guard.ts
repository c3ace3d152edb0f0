import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Log } from "../log.ts";

/**
 * The guard's program. It reads "+ PGID" and "- PGID" lines; when its stdin ends (the bridge is gone, however that
 * came about) it stops the groups that are left. A group's number cannot be given to another process while a member
 * of the group lives, so a group is dropped at the first look that finds it empty, and looks are 0.1 s apart.
 * POSIX sh with builtins only until the end of stdin: 0.4 MB of its own, on Linux and macOS alike.
 */
const script = `
trap '' HUP INT TERM
groups=
while read -r op pgid; do
	case $op in
	+) groups="$groups $pgid" ;;
	-) rest=
		for g in $groups; do [ "$g" = "$pgid" ] || rest="$rest $g"; done
		groups=$rest ;;
	esac
done
to_all() {
	rest=
	for g in $groups; do kill -s "$1" -- "-$g" 2>/dev/null && rest="$rest $g"; done
	groups=$rest
}
to_all TERM
n=0
while [ -n "$groups" ] && [ "$n" -lt 20 ]; do
	sleep 0.1
	n=$((n + 1))
	to_all 0
done
to_all KILL
`;

/** Kills the process groups of a bridge that can no longer do it itself. */
export interface Guard {
	readonly pid: number | undefined;
	add(pgid: number): void;
	remove(pgid: number): void;
	/** Ends the guard, which stops what is still added; resolves when it has exited. */
	close(): Promise<void>;
}

/** Starts the helper process that outlives a `kill -9` of this one just long enough to stop its children. */
export function startGuard(log: Log): Guard {
	const groups = new Set<number>();
	let closing = false;
	let startedAt = 0;

	const start = (): ChildProcess => {
		startedAt = performance.now();
		// Detached: a signal to the bridge's own group (Ctrl-C, a supervisor's killpg) must not take the guard along.
		const helper = spawn("/bin/sh", ["-c", script], {
			detached: true,
			stdio: ["pipe", "ignore", "ignore"],
			env: pathOnly(),
		});
		helper.stdin?.on("error", () => {});
		helper.on("error", (error) => log.error({ err: error }, "the guard of child processes could not be started"));
		helper.on("exit", () => {
			if (closing) return;
			log.warn({ pid: helper.pid }, "the guard of child processes has ended; starting it again");
			const wait = Math.max(0, 1000 - (performance.now() - startedAt));
			setTimeout(() => {
				if (closing) return;
				current = start();
				for (const pgid of groups) current.stdin?.write(`+ ${pgid}\n`);
			}, wait).unref();
		});
		// The guard must not keep the bridge's event loop alive.
		helper.unref();
		return helper;
	};
	let current = start();

	return {
		get pid() {
			return current.pid;
		},
		add(pgid) {
			groups.add(pgid);
			current.stdin?.write(`+ ${pgid}\n`);
		},
		remove(pgid) {
			if (groups.delete(pgid)) current.stdin?.write(`- ${pgid}\n`);
		},
		async close() {
			closing = true;
			if (current.pid === undefined || current.exitCode !== null || current.signalCode !== null) return;
			const exited = once(current, "exit");
			current.ref();
			current.stdin?.end();
			await exited;
		},
	};
}

function pathOnly(): NodeJS.ProcessEnv {
	return { PATH: process.env["PATH"] ?? "/usr/bin:/bin" };
}
