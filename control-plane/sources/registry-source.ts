import type { Registry, RegistryError } from "../registry/model.ts";
import type { RegistryParser } from "../registry/parse.ts";

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

/** The registry's text cannot be read or written; the message says why. */
export class RegistryStoreError extends Error {}

/** The text at one moment (left out where there is none yet), and a name for that moment. */
export interface StoredText {
	readonly text?: string;
	readonly digest?: string;
	/** Differs whenever somebody has written, in a text that is the same too. */
	readonly version: string;
}

/** A source whose text the admin API may change. */
export interface EditableSource extends RegistrySource {
	/** Where the text is, as people name it; its ending tells JSON from YAML. */
	readonly path: string;
	/** The source's own parser: a text that it has just read costs nothing when it is read again. */
	readonly parse: RegistryParser["parse"];
	/** @throws RegistryStoreError where there is a text that cannot be read. */
	read(): StoredText | Promise<StoredText>;
	/** Replaces the text; false where it is no longer the one of this version. @throws RegistryStoreError */
	put(text: string, version: string): Promise<boolean>;
}
