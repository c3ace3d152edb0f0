import { execFile } from "node:child_process";

/** What a short-lived program did. */
export interface RunResult {
	/** Undefined when the program could not be started at all. */
	readonly code: number | undefined;
	readonly stdout: string;
	readonly stderr: string;
}

/** Runs a program to its end and never throws: how it failed is part of the result. */
export function run(
	command: string,
	args: readonly string[],
	options: { env?: NodeJS.ProcessEnv; cwd?: string; timeoutMs?: number } = {},
): Promise<RunResult> {
	return new Promise((resolve) => {
		execFile(
			command,
			[...args],
			{
				env: options.env ?? process.env,
				cwd: options.cwd,
				timeout: options.timeoutMs ?? 0,
				maxBuffer: 16 * 1024 * 1024,
			},
			(error, stdout, stderr) => {
				if (error === null) return resolve({ code: 0, stdout, stderr });
				if (typeof error.code === "number") return resolve({ code: error.code, stdout, stderr });
				const reason = error.code === "ENOENT" ? "not found" : error.killed ? "took too long" : error.message;
				resolve({ code: undefined, stdout, stderr: stderr || reason });
			},
		);
	});
}

/** The last line of a program's output that says something; pip puts its verdict there. */
export function lastLine(text: string): string {
	const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
	return lines.at(-1)?.trim() ?? "";
}
