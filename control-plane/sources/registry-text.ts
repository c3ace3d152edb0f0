/** A registry's text as it comes, wherever from: parsed, and the last good one kept. */
import { createRegistryParser, type RegistryParser } from "../registry/parse.ts";
import type { FileContent } from "./read-file.ts";
import type { SourceState } from "./registry-source.ts";

/** What a source tells its operator; a pino logger fits. */
export interface SourceLog {
	info(fields: object, message: string): void;
	warn(fields: object, message: string): void;
	error(fields: object, message: string): void;
}

export interface RegistryTextOptions {
	/** Where the text is; messages name it so. */
	readonly path: string;
	readonly log?: SourceLog | undefined;
	/** Told how long each parse of a text took, in milliseconds. */
	readonly parsed?: (ms: number) => void;
}

/** What a text, or a place without one, comes to. */
export interface Outcome {
	readonly digest: string;
	readonly state: SourceState;
	/** The text tells by its end that it is whole. */
	readonly whole: boolean;
}

export interface RegistryTextState {
	readonly state: SourceState;
	/** The source's own parser: a text that it has just read costs nothing when it is read again. */
	readonly parse: RegistryParser["parse"];
	/** What this content would come to; changes nothing. */
	look(content: FileContent): Outcome;
	/** Takes it up and tells the listeners, unless it is what there is already. */
	publish(outcome: Outcome): void;
	/** Name of the content that was taken up last. */
	readonly digest: string;
	subscribe(listener: (state: SourceState) => void): () => void;
	close(): void;
}

/** JSON tells by its end that it is whole; a half-written YAML file may look like one with fewer servers. */
const isWhole = (text: string) => text.trimStart().startsWith("{") && text.trimEnd().endsWith("}");

export function createRegistryText({ path, log, parsed }: RegistryTextOptions): RegistryTextState {
	const parser = createRegistryParser();
	const parse: RegistryParser["parse"] = (text, name) => {
		const from = performance.now();
		const result = parser.parse(text, name);
		parsed?.(performance.now() - from);
		return result;
	};
	const listeners = new Set<(state: SourceState) => void>();
	let current: Outcome = {
		digest: "",
		state: { registry: undefined, errors: [], loadedAt: undefined },
		whole: true,
	};
	let goodDigest = "";

	return {
		parse,
		get state() {
			return current.state;
		},
		get digest() {
			return current.digest;
		},
		look(content) {
			if (!content.ok) {
				const errors = [{ file: path, line: 1, col: 1, message: content.message }];
				return { digest: `! ${content.message}`, state: { ...current.state, errors }, whole: false };
			}
			const { digest, text } = content;
			if (digest === current.digest) return current;
			if (digest === goodDigest) return { digest, state: { ...current.state, errors: [] }, whole: true };
			const result = parse(text, path);
			if (!result.ok) return { digest, state: { ...current.state, errors: result.errors }, whole: false };
			const state = { registry: result.registry, errors: [], loadedAt: Date.now() };
			return { digest, state, whole: isWhole(text) };
		},
		publish(outcome) {
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
		},
		subscribe(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		close() {
			listeners.clear();
		},
	};
}
