import { readFileSync } from "node:fs";
import type { Logger } from "pino";
import { z } from "zod";
import { writeFileAtomic } from "../registry/write-file-atomic.ts";
import { type Finding, findingSchema } from "./finding.ts";

/** Findings by the hash of what was probed. */
export type Findings = ReadonlyMap<string, Finding>;

/**
 * What was found, for the next control plane: one that starts again would otherwise take servers from an Envoy that
 * goes on serving them, until it has probed them all. Without the file, or with a faulty one, it probes first.
 */
export interface FindingsFile {
	readonly before: Findings;
	/** Writes them soon; several calls within a second are one write. */
	save(findings: Findings): void;
	close(): void;
}

const schema = z.record(z.string(), findingSchema);
const writeMs = 1000;

export function openFindingsFile(path: string, log: Logger): FindingsFile {
	let newest: Findings | undefined;
	let timer: NodeJS.Timeout | undefined;
	const write = () => {
		timer = undefined;
		if (newest === undefined) return;
		writeFileAtomic(path, JSON.stringify(Object.fromEntries(newest))).catch((error: unknown) =>
			log.warn({ event: "findings_not_kept", err: error }, "what detection found could not be written down"),
		);
		newest = undefined;
	};
	return {
		before: read(path, log),
		save(findings) {
			newest = findings;
			timer ??= setTimeout(write, writeMs).unref();
		},
		close() {
			clearTimeout(timer);
		},
	};
}

function read(path: string, log: Logger): Findings {
	try {
		return new Map(Object.entries(schema.parse(JSON.parse(readFileSync(path, "utf8")))));
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
			log.warn({ event: "findings_unread", file: path }, "what detection found before cannot be read; it looks again");
		}
		return new Map();
	}
}
