import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Limits } from "../../control-plane/registry/model.ts";
import { LineSplitter } from "../messages/lines.ts";
import { type Family, markVariable } from "./family.ts";
import type { Guard } from "./guard.ts";
import { limited } from "./limits.ts";
import { endGroup, signalGroup } from "./process-group.ts";
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
	readonly limits?: Limits;
	/** Only root can run a process as somebody else. */
	readonly uid?: number;
	readonly gid?: number;
}

export interface Exit {
	readonly code: number | null;
	readonly signal: NodeJS.Signals | null;
	readonly stderrTail: string;
	/** The limit that ended the process, where that is known. */
	readonly exceeded?: "memory" | "cpuTime";
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
/** Strays that start others while they are hunted get so many rounds. */
const maxHunts = 5;
/** Of a launcher such as `npx`, whose own child was ended by SIGXCPU. */
const shellCodeOfXcpu = 128 + 24;
const newline = Buffer.from("\n");
/** From here on a write of its own for the newline costs less than the copy. */
const largeMessage = 16 * 1024;

/**
 * One stdio server process in a process group of its own. The SDK's StdioClientTransport is not used: it starts the
 * process in the bridge's group, signals the process alone (its own children live on) and ends at 10 MiB a message.
 */
export class Child {
	readonly pid: number;
	readonly startedAt = Date.now();
	/** Resolves when no process of the group or family is left (or SIGKILL itself had no effect). */
	readonly gone: Promise<void>;
	readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
	readonly #options: ChildOptions;
	readonly #stderr: Stderr;
	readonly #family: Family;
	readonly #limits: Limits | undefined;
	#overLimit = false;
	#corked = false;
	#drained: Promise<void> | undefined;
	#stopping: Promise<void> | undefined;

	constructor(
		process: ChildProcessByStdio<Writable, Readable, Readable>,
		pid: number,
		mark: string,
		limits: Limits | undefined,
		options: ChildOptions,
	) {
		this.#process = process;
		this.#options = options;
		this.pid = pid;
		this.#limits = limits;
		options.guard.add(pid);
		const bytes = limits?.memoryBytes;
		this.#family = options.guard.families.add(
			pid,
			mark,
			bytes === undefined ? undefined : { bytes, onOver: () => this.#overMemory() },
		);
		this.#stderr = new Stderr((line) => options.onStderrLine(line, pid));
		const stdout = new LineSplitter(options.maxLineBytes, options.onLine);
		process.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
		process.stderr.on("data", (chunk: Buffer) => this.#stderr.push(chunk));
		// A write to a process that is ending fails with EPIPE; its end is reported by `exit`.
		for (const stream of [process.stdin, process.stdout, process.stderr]) stream.on("error", () => {});
		this.gone = this.#watch(stdout);
	}

	/**
	 * Sends one message, which holds no newline and is not copied if it is large; false when the caller should wait for
	 * {@link drained} before the next.
	 *
	 * @param atOnce It does not wait for the end of this turn of the event loop, where all others go out in one write: with
	 * 64 clients that saves a sixth of the CPU time of a call.
	 */
	send(message: Buffer, atOnce = false): boolean {
		const { stdin } = this.#process;
		if (!stdin.writable) return false;
		const small = message.length < largeMessage;
		if (!this.#corked && !(atOnce && small)) {
			this.#corked = true;
			stdin.cork();
			setImmediate(() => {
				this.#corked = false;
				stdin.uncork();
			});
		}
		if (small) return stdin.write(Buffer.concat([message, newline]));
		stdin.write(message);
		return stdin.write(newline);
	}

	/** Resolves when stdin takes more, at once if it does now, and also when the process has ended. */
	async drained(): Promise<void> {
		const { stdin } = this.#process;
		if (!stdin.writableNeedDrain || stdin.destroyed) return;
		// One for all who wait: each listener would stay until the process ends.
		this.#drained ??= new Promise((resolve) => {
			const settle = () => {
				stdin.off("drain", settle).off("close", settle);
				this.#drained = undefined;
				resolve();
			};
			stdin.on("drain", settle).on("close", settle);
		});
		await this.#drained;
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

	get #running(): boolean {
		return this.#process.exitCode === null && this.#process.signalCode === null;
	}

	async #stop(): Promise<void> {
		const { stdinMs, termMs } = this.#options.stop;
		// Those without a mark can be found while their parents live.
		if (this.#running) await this.#family.strays();
		this.#process.stdin.end();
		this.resume();
		const ended = new AbortController();
		await Promise.race([this.gone, sleep(stdinMs, undefined, { signal: ended.signal }).catch(() => {})]);
		ended.abort();
		if (this.#running) await endGroup(this.pid, termMs);
		await this.gone;
	}

	/** SIGTERM would give it time to take more. */
	#overMemory(): void {
		if (!this.#running) return;
		this.#overLimit = true;
		signalGroup(this.pid, "SIGKILL");
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
		const { exitCode: code, signalCode: signal } = child;
		const usedUp = this.#limits?.cpuTimeMs !== undefined && (signal === "SIGXCPU" || code === shellCodeOfXcpu);
		const exceeded = this.#overLimit ? "memory" : usedUp ? "cpuTime" : undefined;
		this.#options.onEnd({ code, signal, stderrTail: this.#stderr.tail, ...(exceeded && { exceeded }) });
		// Closed stdout but lives on: nothing it does can reach a client any more.
		if (this.#running) {
			void this.stop();
			await exited;
		}
		// What the process started and left behind is in its group, or has left that.
		const { termMs } = this.#options.stop;
		await endGroup(this.pid, termMs);
		for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
		for (let hunts = 0; hunts < maxHunts; hunts++) {
			const strays = await this.#family.strays();
			if (strays.length === 0) break;
			await Promise.all(strays.map((group) => endGroup(group, hunts === 0 ? termMs : 0)));
		}
		this.#family.close();
		this.#options.guard.remove(this.pid);
	}
}

/** Starts a process without a shell. A program that cannot be run is an answer (`code` ends a sentence), no exception. */
export async function startChild(
	command: ChildCommand,
	options: ChildOptions,
): Promise<{ ok: true; child: Child } | { ok: false; code: string }> {
	const { env, cwd, uid, gid, limits } = command;
	const mark = options.guard.families.nextMark();
	const { program, args } = limited(command);
	try {
		const spawned = spawn(program, args, {
			cwd,
			env: { ...env, [markVariable]: mark },
			uid,
			gid,
			detached: true,
			shell: false,
			windowsHide: true,
			stdio: ["pipe", "pipe", "pipe"],
		});
		// Node reports a program that cannot be run by the event `error`, always after this turn.
		if (spawned.pid === undefined) {
			const [error] = await once(spawned, "error");
			return { ok: false, code: startError(error, command) };
		}
		return { ok: true, child: new Child(spawned, spawned.pid, mark, limits, options) };
	} catch (error) {
		return { ok: false, code: startError(error, command) };
	}
}

function startError(error: unknown, { uid, gid }: ChildCommand): string {
	const code =
		error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown error";
	return code === "EPERM" && (uid ?? gid) !== undefined ? `${code}, since only root may set \`uid\` and \`gid\`` : code;
}
