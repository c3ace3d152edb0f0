import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { NODE } from "../support/process.ts";
import type { LoadJob, LoadResult } from "./load-job.ts";

/** The load generator in a process of its own. */
export interface Load {
	readonly pid: number;
	run(job: LoadJob): Promise<LoadResult>;
	/** Ends the job under way before its time. */
	stop(): void;
	close(): void;
}

export function startLoad(): Load {
	const child = forkFile("load-main.ts");
	return {
		pid: child.pid ?? 0,
		run(job) {
			const result = nextMessage<LoadResult>(child);
			child.send(job);
			return result;
		},
		stop: () => void child.send("stop"),
		close: () => child.kill("SIGKILL"),
	};
}

/** The upstream in a process of its own. */
export interface Upstream {
	readonly pid: number;
	/** It listens on all of these; its answers tell which one was used. */
	readonly ports: readonly number[];
	close(): void;
}

/** Starts one that listens on so many free ports, or on the one that is given. */
export async function startUpstream(ports: number, port = 0): Promise<Upstream> {
	const child = forkFile("upstream-main.ts", String(ports), String(port));
	return { pid: child.pid ?? 0, ports: await nextMessage<number[]>(child), close: () => child.kill("SIGKILL") };
}

/** Starts a file of this folder under the pinned Node, with a channel. */
export function forkFile(file: string, ...args: string[]): ChildProcess {
	return fork(fileURLToPath(new URL(file, import.meta.url)), args, { execPath: NODE, execArgv: [] });
}

/** The next thing that it says; rejects when it ends before. */
export function nextMessage<T>(child: ChildProcess): Promise<T> {
	return new Promise((resolve, reject) => {
		const ended = (code: number | null) => reject(new Error(`a child of the bench ended with ${code}`));
		child.once("exit", ended);
		child.once("message", (message) => {
			child.off("exit", ended);
			resolve(message as T);
		});
	});
}
