import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { LineSplitter } from "../lines.ts";
import type { Guard } from "./guard.ts";
import { groupGone, signalGroup } from "./process-group.ts";
import { Stderr } from "./stderr.ts";

/** How long each step of stopping a child may take; the specification names the steps, not the times. */
export interface StopTimes {
	/** From the end of stdin to SIGTERM. */
	readonly stdinMs: number;
	/** From SIGTERM to SIGKILL. */
	readonly termMs: number;
}

export interface ChildCommand {
	readonly program: string;
	readonly args: readonly string[];
	readonly env: Readonly<Record<string, string>>;
	readonly cwd: string | undefined;
}

export interface Exit {
	readonly code: number | null;
	readonly signal: NodeJS.Signals | null;
	readonly stderrTail: string;
}

export interface ChildOptions {
	readonly stop: StopTimes;
	readonly maxLineBytes: number;
	readonly guard: Guard;
	/** One line of stdout, without its newline; `truncated` when it was over `maxLineBytes`. */
	onLine(line: Buffer, truncated: boolean): void;
	onStderrLine(line: string, pid: number): void;
	/** The process has ended, or can no longer answer since it closed stdout. Called once, after its last line. */
	onEnd(exit: Exit): void;
}

/** After a process's exit its last output may still be in the pipe; a grandchild may hold the pipe open for ever. */
const lastOutputMs = 250;

/**
 * One stdio server process in a process group of its own. The SDK's StdioClientTransport is not used: it starts the
 * process in the bridge's group, signals the process alone (its own children live on) and ends at 10 MiB a message.
 */
export class Child {
	readonly pid: number;
	readonly startedAt = Date.now();
	/** Resolves when no process of the group is left (or SIGKILL itself had no effect). */
	readonly gone: Promise<void>;
	readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
	readonly #options: ChildOptions;
	readonly #stderr: Stderr;
	#stopping: Promise<void> | undefined;

	constructor(process: ChildProcessByStdio<Writable, Readable, Readable>, pid: number, options: ChildOptions) {
		this.#process = process;
		this.#options = options;
		this.pid = pid;
		options.guard.add(pid);
		this.#stderr = new Stderr((line) => options.onStderrLine(line, pid));
		const stdout = new LineSplitter(options.maxLineBytes, options.onLine);
		process.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
		process.stderr.on("data", (chunk: Buffer) => this.#stderr.push(chunk));
		// A write to a process that is ending fails with EPIPE; its end is reported by `exit`.
		for (const stream of [process.stdin, process.stdout, process.stderr]) stream.on("error", () => {});
		this.gone = this.#watch(stdout);
	}

	/** Queues one message; false when the caller should wait for {@link drained} before the next. */
	send(line: string): boolean {
		return this.#process.stdin.writable && this.#process.stdin.write(`${line}\n`);
	}

	/** Resolves when stdin takes more, at once if it does now, and also when the process has ended. */
	async drained(): Promise<void> {
		const { stdin } = this.#process;
		if (!stdin.writableNeedDrain || stdin.destroyed) return;
		await Promise.race([once(stdin, "drain"), once(stdin, "close")]).catch(() => {});
	}

	/** Stops reading stdout, so that the process waits for a slow client instead of filling memory here. */
	pause(): void {
		this.#process.stdout.pause();
	}

	resume(): void {
		this.#process.stdout.resume();
	}

	/**
	 * Ends the process as the specification says: stdin is closed, then SIGTERM, then SIGKILL, both to the group.
	 * https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#stdio
	 */
	stop(): Promise<void> {
		this.#stopping ??= this.#stop();
		return this.#stopping;
	}

	async #stop(): Promise<void> {
		const { stdinMs } = this.#options.stop;
		this.#process.stdin.end();
		this.resume();
		const ended = new AbortController();
		await Promise.race([this.gone, sleep(stdinMs, undefined, { signal: ended.signal }).catch(() => {})]);
		ended.abort();
		if (this.#process.exitCode === null && this.#process.signalCode === null) await this.#killGroup();
		await this.gone;
	}

	async #watch(stdout: LineSplitter): Promise<void> {
		const child = this.#process;
		const outputEnded = once(child.stdout, "close").catch(() => {});
		const exited = once(child, "exit").catch(() => {});
		await Promise.race([exited, outputEnded]);
		const late = new AbortController();
		await Promise.race([
			Promise.all([exited, outputEnded]),
			sleep(lastOutputMs, undefined, { signal: late.signal }).catch(() => {}),
		]);
		late.abort();
		stdout.end();
		this.#stderr.end();
		this.#options.onEnd({ code: child.exitCode, signal: child.signalCode, stderrTail: this.#stderr.tail });
		// Closed stdout but lives on: nothing it does can reach a client any more.
		if (child.exitCode === null && child.signalCode === null) {
			void this.stop();
			await exited;
		}
		// What the process started and left behind is in its group.
		await this.#killGroup();
		for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
		this.#options.guard.remove(this.pid);
	}

	async #killGroup(): Promise<void> {
		const { termMs } = this.#options.stop;
		if (!signalGroup(this.pid, "SIGTERM") || (await groupGone(this.pid, termMs))) return;
		signalGroup(this.pid, "SIGKILL");
		await groupGone(this.pid, 2000);
	}
}

/** Starts a process without a shell. A program that cannot be run is an answer, not an exception. */
export async function startChild(
	command: ChildCommand,
	options: ChildOptions,
): Promise<{ ok: true; child: Child } | { ok: false; code: string }> {
	const { program, args, env, cwd } = command;
	try {
		const spawned = spawn(program, [...args], {
			cwd,
			env: { ...env },
			detached: true,
			shell: false,
			windowsHide: true,
			stdio: ["pipe", "pipe", "pipe"],
		});
		// Node reports a program that cannot be run by the event `error`, always after this turn.
		if (spawned.pid === undefined) {
			const [error] = await once(spawned, "error");
			return { ok: false, code: errorCode(error) };
		}
		return { ok: true, child: new Child(spawned, spawned.pid, options) };
	} catch (error) {
		return { ok: false, code: errorCode(error) };
	}
}

function errorCode(error: unknown): string {
	return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown error";
}
