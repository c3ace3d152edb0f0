import type { Registry, RegistryError } from "../registry/model.ts";

/** What a source knows at one moment: the last good registry and, if the newest text is faulty, its faults. */
export interface SourceState {
	/** Undefined until the first good read: whoever serves must not serve an empty world instead. */
	readonly registry: Registry | undefined;
	/** Faults of the newest text; empty when it is the one in `registry`. */
	readonly errors: readonly RegistryError[];
	/** Epoch milliseconds at which `registry` was read. */
	readonly loadedAt: number | undefined;
}

/** A place where a registry comes from. Level-based: a listener gets the whole state, never a difference. */
export interface RegistrySource {
	readonly state: SourceState;
	/** Calls `listener` after every change of {@link state}; returns a function that ends it. */
	subscribe(listener: (state: SourceState) => void): () => void;
	/** Reads again now, as SIGHUP asks for. Resolves when the read has been taken up. */
	reload(): Promise<void>;
	close(): Promise<void>;
}
