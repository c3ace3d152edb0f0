import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { passLines } from "./lines.ts";

/**
 * A named pipe that brings Envoy's access log to our stdout.
 *
 * Envoy opens `/dev/stdout` by its name, which fails where stdout is a socket, as it is under systemd and for children
 * of Node. A named pipe can be opened anywhere, and what comes out is written in whole lines, so that no line of ours
 * ends up in the middle of one of Envoy's.
 */
export interface AccessPipe {
	/** Passes on what is left, then closes. */
	close(): Promise<void>;
}

/** Makes the pipe at `path` and copies it to `out`. */
export function openAccessPipe(path: string, out: NodeJS.WritableStream): AccessPipe {
	execFileSync("mkfifo", ["-m", "600", path]);
	const reader = new Socket({
		fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK),
		readable: true,
		writable: false,
	});
	// An own writer, so that the pipe does not end whenever Envoy is restarted.
	const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
	const ended = new Promise<void>((resolve) => reader.once("close", () => resolve()));
	passLines(reader, out);
	return {
		async close() {
			closeSync(writer);
			await Promise.race([ended, sleep(1000)]);
			reader.destroy();
		},
	};
}
