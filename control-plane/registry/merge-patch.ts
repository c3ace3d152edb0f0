import { isMap } from "./dialect.ts";

/** JSON Merge Patch, https://www.rfc-editor.org/rfc/rfc7396#section-2. Changes neither of the two. */
export function mergePatch(target: unknown, patch: unknown): unknown {
	if (!isMap(patch)) return patch;
	const merged = new Map(isMap(target) ? Object.entries(target) : []);
	for (const [key, value] of Object.entries(patch)) {
		if (value === null) merged.delete(key);
		else merged.set(key, mergePatch(merged.get(key), value));
	}
	return Object.fromEntries(merged);
}
