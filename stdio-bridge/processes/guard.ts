import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Log } from "../log.ts";
import { Families, markVariable } from "./family.ts";

/**
 * The guard's program. It reads "+ PGID" and "- PGID" lines; when its stdin ends (the bridge is gone, however that
 * came about) it stops the groups that are left, and with them the groups of processes that have the bridge's mark
 * ($1), a parent among those or a session that a child leads. A group's number cannot be given to another process
 * while a member of the group lives, so a group is dropped at the first look that finds it empty, and looks are 0.1 s
 * apart. POSIX sh with builtins only until the end of stdin: 0.4 MB of its own. Without /proc (macOS): groups only.
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
mark="${markVariable}=$1"
family=$groups
look() {
	for file in $(grep -lsF "$mark" /proc/[0-9]*/environ); do
		file=\${file#/proc/}
		family="$family \${file%/environ}"
	done
	[ -n "$family" ] || return 0
	for dir in /proc/[0-9]*; do
		{ read -r stat <"$dir/stat"; } 2>/dev/null || continue
		pid=\${dir#/proc/}
		set -- \${stat##*) }
		[ "$1" != Z ] && [ "$3" -gt 1 ] || continue
		case " $family " in
		*" $pid "* | *" $2 "* | *" $4 "*)
			family="$family $pid"
			case " $groups " in *" $3 "*) ;; *) groups="$groups $3" ;; esac ;;
		esac
	done
}
to_all() {
	rest=
	for g in $groups; do kill -s "$1" -- "-$g" 2>/dev/null && rest="$rest $g"; done
	groups=$rest
}
look
to_all TERM
n=0
while [ -n "$groups" ] && [ "$n" -lt 20 ]; do
	sleep 0.1
	n=$((n + 1))
	to_all 0
done
n=0
while look && [ -n "$groups" ] && [ "$n" -lt 5 ]; do
	to_all KILL
	sleep 0.1
	to_all 0
	n=$((n + 1))
done
`;

/** Kills the processes of a bridge that can no longer do it itself. */
export interface Guard {
	readonly pid: number | undefined;
	/** Where children are known by their marks, which the guard looks for too. */
	readonly families: Families;
	add(pgid: number): void;
	remove(pgid: number): void;
	/** Ends the guard, which stops what is still added; resolves when it has exited. */
	close(): Promise<void>;
}

/** Starts the helper process that outlives a `kill -9` of this one just long enough to stop its children. */
export function startGuard(log: Log): Guard {
	const groups = new Set<number>();
	const families = new Families();
	let closing = false;
	let startedAt = 0;

	const start = (): ChildProcess => {
		startedAt = performance.now();
		// Detached: a signal to the bridge's own group (Ctrl-C, a supervisor's killpg) must not take the guard along.
		const helper = spawn("/bin/sh", ["-c", script, "guard", families.prefix], {
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
		families,
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

/** No guard, for a bridge whose end ends all other processes as well: the main process of a container. */
export function noGuard(): Guard {
	return { pid: undefined, families: new Families(), add: () => {}, remove: () => {}, close: async () => {} };
}

function pathOnly(): NodeJS.ProcessEnv {
	return { PATH: process.env["PATH"] ?? "/usr/bin:/bin" };
}
