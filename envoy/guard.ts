import { type ChildProcess, spawn } from "node:child_process";
import { Writable } from "node:stream";

/**
 * Ends a child when its parent is gone, `kill -9` of the parent included, on Linux and macOS and for any program.
 *
 * The shell starts a watcher and then *becomes* the program, so the program has the pid that the parent knows, its
 * exit code reaches the parent, and no shell stands between them that could be killed alone. The watcher reads a pipe
 * whose other end only the parent has open: a line means that the program has ended by itself, end of file means that
 * the parent is gone. It then ends the whole process group, first politely. The group's id cannot be given to another
 * process while the watcher is in it, so nobody else can be hit. A parent that dies before the watcher runs leaves the
 * same end of file behind: there is no moment without a guard.
 */
const script = `
remove=$1
shift
(
	trap '' INT TERM HUP
	IFS= read -r word <&3 && exit 0
	kill -TERM -$$
	tries=0
	while [ $tries -lt 20 ] && kill -0 $$; do
		sleep 0.1 || sleep 1
		tries=$((tries + 1))
	done
	kill -KILL $$
	[ -z "$remove" ] || rm -rf "$remove"
	kill -KILL -$$
) </dev/null >/dev/null 2>&1 &
exec "$@" 3<&-
`;

export interface GuardOptions {
	readonly command: string;
	readonly args: readonly string[];
	readonly env?: NodeJS.ProcessEnv;
	readonly cwd?: string;
	/** Folder that goes with the parent when it could not remove it itself. */
	readonly removeAfterParent?: string;
}

/**
 * Starts a program that does not outlive this process. stdout and stderr are pipes, stdin is empty. It leads a session
 * of its own, so Ctrl-C on the terminal reaches this process only, which then ends its children in order.
 */
export function spawnGuarded(options: GuardOptions): ChildProcess {
	const settings = { env: options.env ?? process.env, ...(options.cwd === undefined ? {} : { cwd: options.cwd }) };
	// Windows has neither process groups nor /bin/sh; there a killed parent leaves its children behind.
	if (process.platform === "win32") {
		return spawn(options.command, [...options.args], { ...settings, stdio: ["ignore", "pipe", "pipe"] });
	}
	const child = spawn(
		"/bin/sh",
		["-c", script, "guard", options.removeAfterParent ?? "", options.command, ...options.args],
		{ ...settings, stdio: ["ignore", "pipe", "pipe", "pipe"], detached: true },
	);
	const line = child.stdio[3];
	if (line instanceof Writable) {
		// The watcher may be gone first, when its whole group was killed.
		line.on("error", () => {});
		child.once("exit", () => line.end("ended\n"));
	}
	return child;
}
