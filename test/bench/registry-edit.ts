import { renameSync, writeFileSync } from "node:fs";
import type { endpoint } from "./envoy-config.ts";

type Entry = ReturnType<typeof endpoint>;

/** A registry file that is changed the way editors and tools do it: written beside, then renamed. */
export class RegistryFile {
	readonly entries: Map<string, Entry>;
	private readonly path: string;

	constructor(path: string, entries: Iterable<readonly [string, Entry]>) {
		this.path = path;
		this.entries = new Map(entries);
	}

	/** Sets an entry, or removes it; returns `performance.now()` right before the rename. */
	change(id: string, entry: Entry | undefined): number {
		if (entry === undefined) this.entries.delete(id);
		else this.entries.set(id, entry);
		const temp = `${this.path}.new`;
		writeFileSync(temp, JSON.stringify(Object.fromEntries(this.entries), null, 2));
		const renamedAt = performance.now();
		renameSync(temp, this.path);
		return renamedAt;
	}
}
