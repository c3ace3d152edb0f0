/** Faults of a registry by path, before their lines are known, and the words for what zod finds. */
import type { z } from "zod";
import { didYouMean } from "./suggest.ts";

export type Path = readonly (string | number)[];

/** https://www.rfc-editor.org/rfc/rfc6901#section-3; ends where a key may be a secret that was pasted in its place. */
export function jsonPointer(path: Path): string {
	const end = path.findIndex((part) => typeof part === "string" && !isPlain(part));
	const told = end === -1 ? path : path.slice(0, end);
	return told.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** One fault; `at` tells whether the key or the value at `path` is shown to the person. */
export interface Fault {
	readonly path: Path;
	readonly at: "key" | "value";
	readonly message: string;
	/** {@link jsonPointer} of the path, where names in it may be shown. */
	readonly pointer?: string;
}

/** What a map's keys may be, by the map's path inside of an entry with list indexes as `*`: `endpoints.*`. */
export type KnownKeys = (map: string) => readonly string[];

/** Keys are repeated in messages only if they look like keys: a whole `NAME=secret` may have become one. */
const isPlain = (key: string) => /^[A-Za-z0-9_.$-]{1,40}$/.test(key);

/** Where a fault is, for the beginning of a sentence: "`endpoints[1].weight`". */
function label(path: Path): string {
	let text = "";
	for (const part of path) {
		if (typeof part === "number") text += `[${part}]`;
		else if (!isPlain(part)) return "This value";
		else text += text === "" ? part : `.${part}`;
	}
	return text === "" ? "This entry" : `\`${text}\``;
}

function valueAt(value: unknown, path: Path): unknown {
	let at = value;
	for (const part of path) {
		if (typeof at !== "object" || at === null || !Object.hasOwn(at, part)) return undefined;
		at = Reflect.get(at, part);
	}
	return at;
}

export const MERGE_KEY = "Unknown key `<<`: YAML 1.2 has no merge keys. Write the keys out.";

function unknownKey(key: string, candidates: readonly string[]): string {
	if (key === "<<") return MERGE_KEY;
	const shown = isPlain(key) ? `Unknown key \`${key}\`.` : "This key is unknown.";
	const hint = didYouMean(key, candidates);
	return hint === ""
		? `${shown} The keys here are ${candidates.map((one) => `\`${one}\``).join(", ")}.`
		: `${shown}${hint}`;
}

type Issue = z.core.$ZodIssue;

/** The issues of the alternative that was meant, or undefined if none was. */
function meantAlternative(alternatives: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
	return alternatives.find(
		(issues) => !issues.some((issue) => issue.code === "invalid_type" && issue.path.length === 0),
	);
}

/** Turns what zod found in an entry into faults. `raw` is only looked at to suggest enum values. */
export function faultsOf(issues: readonly Issue[], raw: unknown, known: KnownKeys, base: Path = []): Fault[] {
	const faults: Fault[] = [];
	for (const issue of issues) {
		const path = [...base, ...issue.path.filter((part) => typeof part !== "symbol")];
		if (issue.code === "unrecognized_keys") {
			const candidates = known(path.map((part) => (typeof part === "number" ? "*" : part)).join("."));
			for (const key of issue.keys)
				faults.push({ path: [...path, key], at: "key", message: unknownKey(key, candidates) });
			continue;
		}
		if (issue.code === "invalid_key") {
			faults.push({ path, at: "key", message: issue.issues[0]?.message ?? issue.message });
			continue;
		}
		const meant = issue.code === "invalid_union" ? meantAlternative(issue.errors) : undefined;
		if (meant !== undefined) {
			faults.push(...faultsOf(meant, raw, known, path));
			continue;
		}
		const value = valueAt(raw, path);
		if (value === undefined && (issue.code === "invalid_type" || issue.code === "invalid_value")) {
			faults.push({ path, at: "value", message: `${label(path)} is missing: it ${issue.message}` });
			continue;
		}
		let hint = "";
		if (issue.code === "invalid_value" && typeof value === "string") hint = didYouMean(value, issue.values.map(String));
		faults.push({ path, at: "value", message: `${label(path)} ${issue.message}${hint}` });
	}
	return faults;
}
