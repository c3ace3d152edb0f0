/** A registry in a file that is watched. */
import { resolve } from "node:path";
import { fileState, writeFileAtomic } from "../registry/write-file-atomic.ts";
import { type PathEvent, watchPath } from "./path-watcher.ts";
import { createTextFile } from "./read-file.ts";
import { type EditableSource, RegistryStoreError } from "./registry-source.ts";
import { createRegistryText, type Outcome, type RegistryTextOptions } from "./registry-text.ts";

export interface FileSourceOptions extends RegistryTextOptions {
	/** Time between two looks at the file's metadata where no events come, in milliseconds. Default 2000. */
	readonly pollMs?: number;
}

/** A registry in a file. */
export type FileSource = EditableSource;

export const registryWords = { noun: "registry file", option: "--registry" } as const;

const WRITE_REASONS: Readonly<Record<string, string>> = {
	EACCES: "The registry's file or its folder may not be written by the gateway.",
	EPERM: "The registry's file or its folder may not be written by the gateway.",
	EROFS: "The registry's file is on a read-only file system.",
	EBUSY: "The registry's file is mounted by itself, so it cannot be replaced. Mount its folder instead.",
	ENOSPC: "There is no space left for the registry's file.",
};

/** Quiet time after which a file that is being written counts as written, in milliseconds. */
const SETTLE_MS = 10;
/** Longest wait for that quiet time, in milliseconds. */
const SETTLE_MAX_MS = 200;

/**
 * Watches the file and keeps its last good registry. Resolves after the first read, whatever it came to: a missing or
 * faulty file is a state with errors, not a rejection. A file that was replaced is read at once; one that is written
 * in place is believed at once if it is whole JSON, else when it has been quiet for 10 ms (200 ms at the most).
 */
export async function createFileSource(options: FileSourceOptions): Promise<FileSource> {
	const { path, log, pollMs = 2000 } = options;
	const file = resolve(path);
	const readText = createTextFile(file, registryWords);
	const taken = createRegistryText(options);
	let timer: NodeJS.Timeout | undefined;
	let deadline = 0;
	let closed = false;

	const read = (): Outcome => taken.look(readText());

	const publish = (outcome: Outcome) => {
		clearTimeout(timer);
		timer = undefined;
		taken.publish(outcome);
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
		if (outcome.digest === taken.digest) return;
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
		parse: taken.parse,
		get state() {
			return taken.state;
		},
		subscribe: taken.subscribe,
		async reload() {
			if (!closed) settle();
		},
		read() {
			const version = fileState(file);
			const content = readText();
			if (content.ok) return { text: content.text, digest: content.digest, version };
			if (content.absent === true) return { version };
			throw new RegistryStoreError(content.message);
		},
		async put(text, version) {
			try {
				return await writeFileAtomic(path, text, version);
			} catch (error) {
				const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
				throw new RegistryStoreError(WRITE_REASONS[code] ?? `The registry's file cannot be written (${code}).`);
			}
		},
		async close() {
			closed = true;
			clearTimeout(timer);
			watcher.close();
			taken.close();
		},
	};
}
