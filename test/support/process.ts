import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { spawnGuarded } from "../../envoy/guard.ts";

/** The repository's root folder. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The pinned Node: what runs the tests may be older, and cannot run TypeScript. */
export const NODE = fileURLToPath(new URL("../../node_modules/node/bin/node", import.meta.url));

/** How a child ended. */
export interface Exit {
	code: number | null;
	signal: NodeJS.Signals | null;
}

/** A running child process, the leader of its own process group. */
export interface Child {
	pid: number;
	/** Everything it wrote so far, stdout and stderr as they came. */
	output(): string;
	/** What it wrote to stdout so far. */
	stdout(): string;
	/** What it wrote to stderr so far. */
	stderr(): string;
	/** Writes to its stdin. */
	write(text: string): void;
	/** The first line (of either stream) that matches, past or to come; rejects, with the output, when it ends or time is up. */
	waitFor(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
	/** Resolves when the child has ended and its output is complete. */
	exited: Promise<Exit>;
	/** Sends a signal to the whole group (SIGKILL unless told); no error when it is gone already. */
	kill(signal?: NodeJS.Signals): void;
	/** Ends the group: SIGTERM, after `graceMs` SIGKILL. Resolves when the child is gone. */
	close(graceMs?: number): Promise<Exit>;
}

/** Options of {@link start}. */
export interface StartOptions {
	env?: NodeJS.ProcessEnv;
	cwd?: string;
	/** For programs that do not watch their stdin, such as Envoy: a guard ends them with this process, and stdin is empty. */
	guarded?: boolean;
}

/** Groups to end with this process; a test run that is cut short leaves nothing behind. */
const groups = new Set<number>();
process.on("exit", () => {
	for (const pid of groups) signalGroup(pid, "SIGKILL");
});

/**
 * Starts a child process and collects its output.
 * Its stdin is a pipe that closes with this process, so that a child that watches it ends even after our `kill -9`
 * (`EXIT_WITH_STDIN` tells our fixtures to).
 */
export async function start(command: string, args: string[], options: StartOptions = {}): Promise<Child> {
	const cwd = options.cwd ?? ROOT;
	const env = { ...process.env, EXIT_WITH_STDIN: "1", ...options.env };
	const child = options.guarded
		? spawnGuarded({ command, args, cwd, env })
		: spawn(command, args, { cwd, env, stdio: ["pipe", "pipe", "pipe"], detached: true });
	const out = { all: "", stdout: "", stderr: "" };
	const waiting = new Set<() => void>();
	const collect = (stream: "stdout" | "stderr") => (text: string) => {
		out.all += text;
		out[stream] += text;
		for (const check of waiting) check();
	};
	child.stdout?.setEncoding("utf8").on("data", collect("stdout"));
	child.stderr?.setEncoding("utf8").on("data", collect("stderr"));
	child.stdin?.on("error", () => {}); // EPIPE: it ended first, which `exited` tells

	const { pid } = await new Promise<{ pid: number }>((resolve, reject) => {
		child.once("error", reject);
		child.once("spawn", () => resolve({ pid: child.pid! }));
	});
	groups.add(pid);
	let ended: Exit | undefined;
	const exited = new Promise<Exit>((resolve) => {
		child.once("close", (code, signal) => {
			ended = { code, signal };
			// What the child left in its group has lost its leader: end it, or it would outlive the test.
			signalGroup(pid, "SIGKILL");
			groups.delete(pid);
			for (const check of waiting) check();
			resolve(ended);
		});
	});
	// "close" waits for the pipes, which a grandchild may hold: "exit" frees them.
	child.once("exit", () => setTimeout(() => !ended && signalGroup(pid, "SIGKILL"), 1000).unref());

	const kill = (signal: NodeJS.Signals = "SIGKILL") => {
		if (!ended) signalGroup(pid, signal);
	};
	const waitFor = (pattern: RegExp, timeoutMs = 60_000) =>
		new Promise<RegExpExecArray>((resolve, reject) => {
			const settle = (settled: () => void) => {
				clearTimeout(timer);
				waiting.delete(check);
				settled();
			};
			const fail = (why: string) =>
				settle(() => reject(new Error(`${command} ${args.join(" ")}: ${why} before ${pattern}\n${out.all}`)));
			const check = () => {
				const match = firstLine(out.stdout, pattern) ?? firstLine(out.stderr, pattern);
				if (match) settle(() => resolve(match));
				else if (ended) fail(`ended (${ended.signal ?? ended.code})`);
			};
			const timer = setTimeout(() => fail(`${timeoutMs} ms passed`), timeoutMs);
			waiting.add(check);
			check();
		});
	const close = async (graceMs = 3000) => {
		kill("SIGTERM");
		const timer = setTimeout(kill, graceMs);
		const exit = await exited;
		clearTimeout(timer);
		return exit;
	};
	return {
		pid,
		output: () => out.all,
		stdout: () => out.stdout,
		stderr: () => out.stderr,
		write: (text) => void child.stdin?.write(text),
		waitFor,
		exited,
		kill,
		close,
	};
}

/** Starts a TypeScript file of the repository under the pinned Node. */
export function startNode(file: string, args: string[] = [], options: StartOptions = {}): Promise<Child> {
	return start(NODE, [file, ...args], options);
}

/** The first complete line that matches; the last line only counts once its newline came. */
function firstLine(text: string, pattern: RegExp): RegExpExecArray | undefined {
	const flags = pattern.flags.replace(/[gy]/g, ""); // these would make matching depend on the call before
	const stateless = new RegExp(pattern.source, flags);
	for (const line of text.split("\n").slice(0, -1)) {
		const match = stateless.exec(line);
		if (match) return match;
	}
	return undefined;
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
	try {
		process.kill(-pid, signal);
	} catch {
		// ESRCH: gone already
	}
}
