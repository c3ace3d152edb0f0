import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./paths.ts";

/** The gateway's version, from its package.json. */
export function version(): string {
	const text: { version?: unknown } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
	return String(text.version);
}
