import { type Logger, pino } from "pino";
import pretty from "pino-pretty";

/** Where a process's log goes, and how the lines of its children get there. */
export interface Output {
	readonly log: Logger;
	/** The log of another process whose words this one passes on. */
	logOf(process: string): Logger;
	/** Puts a line of a child's log, JSON by pino, among our own. */
	relay(line: string): void;
}

export interface OutputOptions {
	/** JSON lines on stdout; otherwise lines for people on stderr. */
	readonly json: boolean;
	/** Name of the process; stands in every line. */
	readonly process: string;
	readonly level?: string;
}

/** Makes a process's log. Colours only where a person looks at a terminal, and not against NO_COLOR. */
export function createOutput(options: OutputOptions): Output {
	// Written by the stream and not by pino's own descriptor: a child's lines take the same way, so none is torn apart.
	const stream = options.json ? process.stdout : prettyStream();
	const root = pino(
		{
			level: options.level ?? process.env["LOG_LEVEL"] ?? "info",
			base: null,
			timestamp: pino.stdTimeFunctions.isoTime,
			formatters: { level: (label) => ({ level: label }) },
		},
		stream,
	);
	const logOf = (process: string) => root.child({ process });
	return { log: logOf(options.process), logOf, relay: (line) => void stream.write(`${line}\n`) };
}

function prettyStream() {
	return pretty({
		destination: 2,
		sync: true,
		colorize: process.stderr.isTTY === true && !process.env["NO_COLOR"],
		translateTime: "SYS:HH:MM:ss.l",
		ignore: "hostname,process,event",
		singleLine: true,
		messageFormat: "{process}: {msg}",
	});
}

/** A reader of output that goes away (`| head`) must not take the gateway with it. */
export function surviveClosedOutput(): void {
	for (const stream of [process.stdout, process.stderr]) {
		stream.on("error", (error: NodeJS.ErrnoException) => {
			if (error.code !== "EPIPE") throw error;
		});
	}
}
