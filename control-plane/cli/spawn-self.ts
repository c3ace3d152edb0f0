import { type ChildProcess, spawn } from "node:child_process";
import { readLines } from "./lines.ts";
import type { Output } from "./output.ts";
import { compileCache, mainFile } from "./paths.ts";

export interface SelfOptions {
	/** The process's name where it does not log itself. */
	readonly name: string;
	readonly args: readonly string[];
	readonly env: NodeJS.ProcessEnv;
	readonly output: Output;
	readonly nodeOptions?: readonly string[];
}

/** Starts a command of our own that ends when the channel to this process does; its log is passed on. */
export function spawnSelf({ name, args, env, output, nodeOptions = [] }: SelfOptions): ChildProcess {
	const child = spawn(process.execPath, [...nodeOptions, mainFile, ...args, "--json", "--supervised"], {
		env: { ...(compileCache !== undefined && { NODE_COMPILE_CACHE: compileCache }), ...env },
		stdio: ["ignore", "pipe", "pipe", "ipc"],
		detached: true,
	});
	const log = output.logOf(name);
	if (child.stdout) {
		readLines(child.stdout, (line) =>
			line.startsWith("{") ? output.relay(line) : log.info({ event: "output" }, line),
		);
	}
	if (child.stderr) readLines(child.stderr, (line) => log.warn({ event: "output" }, line));
	return child;
}
