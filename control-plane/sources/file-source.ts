/** A registry in a file that is watched. */
import { resolve } from "node:path";
import { createRegistryParser, type RegistryParser } from "../registry/parse.ts";
import { type PathEvent, watchPath } from "./path-watcher.ts";
import { readTextFile } from "./read-file.ts";
import type { RegistrySource, SourceState } from "./registry-source.ts";

/** What the source tells its operator; a pino logger fits. */
export interface SourceLog {
	info(fields: object, message: string): void;
	warn(fields: object, message: string): void;
	error(fields: object, message: string): void;
}

export interface FileSourceOptions {
	/** The registry's file; messages name it as it is written here. */
	readonly path: string;
	readonly log?: SourceLog | undefined;
	/** Time between two looks at the file's metadata where no events come, in milliseconds. Default 2000. */
	readonly pollMs?: number;
	/** Told how long each parse of a text took, in milliseconds. */
	readonly parsed?: (ms: number) => void;
}

/** A registry in a file. */
export interface FileSource extends RegistrySource {
	/** The file as it was named. */
	readonly path: string;
	/** The source's own parser: a text that it has just read costs nothing when it is read again from the file. */
	readonly parse: RegistryParser["parse"];
}

export const registryWords = { noun: "registry file", option: "--registry" } as const;

/** Quiet time after which a file that is being written counts as written, in milliseconds. */
const SETTLE_MS = 10;
/** Longest wait for that quiet time, in milliseconds. */
const SETTLE_MAX_MS = 200;

/** JSON tells by its end that it is whole; a half-written YAML file may look like one with fewer servers. */
const isWhole = (text: string) => text.trimStart().startsWith("{") && text.trimEnd().endsWith("}");

/** What one read of the file came to. */
interface Outcome {
	readonly digest: string;
	readonly state: SourceState;
	readonly whole: boolean;
}

/**
 * Watches the file and keeps its last good registry. Resolves after the first read, whatever it came to: a missing or
 * faulty file is a state with errors, not a rejection. A file that was replaced is read at once; one that is written
 * in place is believed at once if it is whole JSON, else when it has been quiet for 10 ms (200 ms at the most).
 */
export async function createFileSource(options: FileSourceOptions): Promise<FileSource> {
	const { path, log, pollMs = 2000 } = options;
	const file = resolve(path);
	const parser = createRegistryParser();
	const parse: RegistryParser["parse"] = (text, name) => {
		const from = performance.now();
		const result = parser.parse(text, name);
		options.parsed?.(performance.now() - from);
		return result;
	};
	const listeners = new Set<(state: SourceState) => void>();
	let current: Outcome = {
		digest: "",
		state: { registry: undefined, errors: [], loadedAt: undefined },
		whole: true,
	};
	let goodDigest = "";
	let timer: NodeJS.Timeout | undefined;
	let deadline = 0;
	let closed = false;

	const failed = (message: string): Outcome => {
		const errors = [{ file: path, line: 1, col: 1, message }];
		return { digest: `! ${message}`, state: { ...current.state, errors }, whole: false };
	};

	const read = (): Outcome => {
		const content = readTextFile(file, registryWords);
		if (!content.ok) return failed(content.message);
		const { digest, text } = content;
		if (digest === current.digest) return current;
		if (digest === goodDigest) return { digest, state: { ...current.state, errors: [] }, whole: true };
		const parsed = parse(text, path);
		if (!parsed.ok) return { digest, state: { ...current.state, errors: parsed.errors }, whole: false };
		const state = { registry: parsed.registry, errors: [], loadedAt: Date.now() };
		return { digest, state, whole: isWhole(text) };
	};

	const publish = (outcome: Outcome) => {
		clearTimeout(timer);
		timer = undefined;
		if (outcome.digest === current.digest) return;
		current = outcome;
		const { registry, errors } = outcome.state;
		if (errors.length === 0) {
			goodDigest = outcome.digest;
			log?.info({ event: "registry_read", file: path, servers: registry?.servers.size }, "registry read");
		} else {
			for (const { file, line, col, message } of errors) {
				log?.error({ event: "registry_error", file, line, col }, `${file}:${line}:${col}: ${message}`);
			}
			if (registry !== undefined)
				log?.warn({ event: "registry_kept", file: path }, "the last good registry stays in force");
		}
		for (const listener of [...listeners]) {
			try {
				listener(outcome.state);
			} catch (error) {
				log?.error({ event: "listener_failed", err: error }, "a listener of the registry failed");
			}
		}
	};

	/** Reads and publishes now, doubtful or not. */
	const settle = () => {
		watcher.refresh();
		publish(read());
	};

	const onEvent = (event: PathEvent) => {
		if (closed) return;
		const now = performance.now();
		if (timer !== undefined) {
			// Writing goes on: wait until it is quiet, but not for ever.
			clearTimeout(timer);
			timer = setTimeout(settle, Math.max(0, Math.min(SETTLE_MS, deadline - now)));
			return;
		}
		watcher.refresh();
		const outcome = read();
		if (outcome.state.errors.length === 0 && (event === "replaced" || outcome.whole)) {
			publish(outcome);
			return;
		}
		if (outcome.digest === current.digest) return;
		deadline = now + SETTLE_MAX_MS;
		timer = setTimeout(settle, SETTLE_MS);
	};

	const watcher = watchPath({
		path: file,
		pollMs,
		onEvent,
		onNoEvents: (error) =>
			log?.warn(
				{ event: "registry_polled", file: path, err: error, pollMs },
				"the registry's folder cannot be watched; its file is polled",
			),
	});
	settle();

	return {
		path,
		parse,
		get state() {
			return current.state;
		},
		subscribe(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		async reload() {
			if (!closed) settle();
		},
		async close() {
			closed = true;
			clearTimeout(timer);
			watcher.close();
			listeners.clear();
		},
	};
}
