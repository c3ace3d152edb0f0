/** The API keys of the data plane, from a file that is watched and from the environment. */
import { resolve } from "node:path";
import type { ApiKey } from "../ir/model.ts";
import { type ApiKeysResult, apiKeysVariable, joinApiKeys, readApiKeys } from "../registry/api-keys.ts";
import type { ExpandDeps } from "../registry/expand.ts";
import { formatErrors } from "../registry/format.ts";
import type { RegistryError } from "../registry/model.ts";
import { watchPath } from "./path-watcher.ts";
import { readTextFile } from "./read-file.ts";
import type { SourceLog } from "./registry-text.ts";

/** Where keys come from. */
export interface ApiKeyPlaces {
	/** The key file; messages name it as it is written here. */
	readonly file?: string | undefined;
	/** What `MCP_GATEWAY_API_KEYS` holds. */
	readonly text?: string | undefined;
}

export interface ApiKeyState {
	/** The last good keys: faults of a newer text neither change nor remove them. */
	readonly keys: readonly ApiKey[];
	/** Faults of the newest text; empty when `keys` are of it. */
	readonly errors: readonly RegistryError[];
	/** Epoch milliseconds at which `keys` were read. */
	readonly loadedAt: number;
}

export interface ApiKeySource {
	readonly state: ApiKeyState;
	/** Reads again now, with all placeholders. */
	reload(): void;
	close(): void;
}

export interface ApiKeySourceOptions extends ExpandDeps {
	readonly places: ApiKeyPlaces;
	readonly log: SourceLog;
	/** Called after every change of `state`. */
	readonly changed: () => void;
	/** Time between two looks at the file's metadata where no events come, in milliseconds. Default 2000. */
	readonly pollMs?: number;
}

/** Quiet time after which a file that is being written counts as written, in milliseconds. */
const SETTLE_MS = 20;
const fileWords = { noun: "key file", option: "--api-key-file" };

/** Reads all keys once. */
export function loadApiKeys({ file, text }: ApiKeyPlaces, deps: ExpandDeps): ApiKeysResult {
	const results: ApiKeysResult[] = [];
	if (file !== undefined) {
		const content = readTextFile(resolve(file), fileWords);
		results.push(
			content.ok
				? readApiKeys(content.text, file, deps)
				: { ok: false, errors: [{ file, line: 1, col: 1, message: content.message }] },
		);
	}
	if (text !== undefined) results.push(readApiKeys(text, apiKeysVariable, deps));
	return joinApiKeys(results);
}

/** Reads the keys and watches their file. @throws Error with every fault, if there is any at the start. */
export function createApiKeySource(options: ApiKeySourceOptions): ApiKeySource {
	const { places, log, changed, pollMs = 2000 } = options;
	let timer: NodeJS.Timeout | undefined;
	const watcher =
		places.file === undefined
			? undefined
			: watchPath({
					path: resolve(places.file),
					pollMs,
					// A half-written file may look like one with fewer keys.
					onEvent: () => {
						clearTimeout(timer);
						timer = setTimeout(reload, SETTLE_MS);
					},
					onNoEvents: (error) =>
						log.warn(
							{ event: "api_keys_polled", err: error, pollMs },
							"the key file's folder cannot be watched; the file is polled",
						),
				});
	const close = () => {
		clearTimeout(timer);
		watcher?.close();
	};
	const load = () => {
		watcher?.refresh();
		return loadApiKeys(places, options);
	};
	const first = load();
	if (!first.ok) {
		close();
		throw new Error(`The API keys are faulty:\n${formatErrors(first.errors)}`);
	}
	let state: ApiKeyState = { keys: first.keys, errors: [], loadedAt: Date.now() };

	function reload(): void {
		const result = load();
		const next: ApiKeyState = result.ok
			? { keys: result.keys, errors: [], loadedAt: Date.now() }
			: { ...state, errors: result.errors };
		if (JSON.stringify([next.keys, next.errors]) === JSON.stringify([state.keys, state.errors])) return;
		state = next;
		for (const { file, line, col, message } of state.errors) {
			log.error({ event: "api_key_error", file, line, col }, `${file}:${line}:${col}: ${message}`);
		}
		if (state.errors.length > 0) log.warn({ event: "api_keys_kept" }, "the API keys stay as they were");
		else log.info({ event: "api_keys_read", keys: state.keys.length }, "API keys read");
		changed();
	}

	return {
		get state() {
			return state;
		},
		reload,
		close,
	};
}
