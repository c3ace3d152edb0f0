// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are placeholders of the registry
/** The API keys of the data plane: a map from name to key, as a file or an environment variable holds it. */
import { hash } from "node:crypto";
import { z } from "zod";
import type { ApiKey } from "../ir/model.ts";
import { readDocument } from "./document.ts";
import { type ExpandDeps, expand, templateProblem } from "./expand.ts";
import { type Fault, faultsOf } from "./fault.ts";
import type { RegistryError, Template } from "./model.ts";
import { idProblem } from "./names.ts";

/** Keys or every fault that was found; no fault repeats a key. */
export type ApiKeysResult =
	| { readonly ok: true; readonly keys: readonly ApiKey[] }
	| { readonly ok: false; readonly errors: readonly RegistryError[] };

/** Short enough for a label of a metric, and nothing that would have to be escaped anywhere. */
const NAME_PATTERN = /^[A-Za-z0-9._-]{1,64}$/;
const HASH_PREFIX = "sha256:";
/** The gateway refuses what is longer unseen. */
const MAX_LENGTH = 256;

/** Environment variable that may hold keys, in the words of a key file. */
export const apiKeysVariable = "MCP_GATEWAY_API_KEYS";

const EMPTY = "Write a map from name to key, such as `alice: KEY`; `mcp-gateway keys new NAME` prints such a line.";
const TEXT_RULE = "must be text. Put it into quotes.";
const ENTRY_RULE =
	"must be a key, `sha256:` with the hash of one, or a map with `key`, `sha256` or `env`, and `servers`. Put a key of digits into quotes.";
const ONE_RULE = "needs exactly one of `key`, `sha256` and `env`.";
const SERVERS_RULE = "must be a list of server ids. Leave it out for all servers.";

const text = z.string({ error: TEXT_RULE });
const serverId = z.string({ error: TEXT_RULE }).superRefine((id, ctx) => {
	const message = idProblem(id);
	if (message !== undefined) ctx.addIssue({ code: "custom", message: `is no id. ${message}` });
});
const fields = z.strictObject({
	key: text.optional(),
	sha256: text.optional(),
	env: text.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "must be the name of an environment variable." }).optional(),
	servers: z.array(serverId, { error: SERVERS_RULE }).min(1, { error: SERVERS_RULE }).optional(),
});
const entrySchema = z.union(
	[
		text,
		fields.superRefine(({ key, sha256, env }, ctx) => {
			const given = [key, sha256, env].filter((one) => one !== undefined);
			if (given.length !== 1) ctx.addIssue({ code: "custom", message: ONE_RULE });
		}),
	],
	{ error: ENTRY_RULE },
);

/** An entry before its placeholders are filled in. */
interface Entry {
	readonly name: string;
	/** A key, or `sha256:` and its hash. */
	readonly text: Template;
	readonly servers?: readonly string[];
}

/**
 * Parses and resolves API keys. Of a key only the hash is kept. `file` is for messages and, by its ending, for telling
 * JSON from YAML. A text without any key is a fault: a gateway that nobody can use is nobody's wish.
 */
export function readApiKeys(source: string, file: string, deps: ExpandDeps): ApiKeysResult {
	const checkKeys = (value: unknown) => {
		const { entries, faults } = parseEntries(value);
		const keys: ApiKey[] = [];
		const ownerOf = new Map<string, string>();
		for (const { name, text, servers } of entries) {
			const { sha256, problem } = resolve(text, deps);
			const owner = sha256 === undefined ? undefined : ownerOf.get(sha256);
			if (sha256 === undefined) faults.push(fault(name, problem));
			else if (owner !== undefined)
				faults.push(fault(name, `is the same key as \`${owner}\`. Give each a key of its own.`));
			else {
				ownerOf.set(sha256, name);
				keys.push({ name, sha256, ...(servers !== undefined && { servers }) });
			}
		}
		return { value: keys, faults };
	};
	const read = readDocument(source, file, checkKeys, EMPTY);
	return read.ok ? { ok: true, keys: read.value } : read;
}

/** Puts the keys of several places together; a name or key that is in two of them is a fault. */
export function joinApiKeys(results: readonly ApiKeysResult[]): ApiKeysResult {
	const errors: RegistryError[] = [];
	const keys: ApiKey[] = [];
	for (const result of results) {
		if (!result.ok) errors.push(...result.errors);
		else keys.push(...result.keys);
	}
	const twice = keys.find(
		(key, index) => keys.findIndex((one) => one.name === key.name || one.sha256 === key.sha256) < index,
	);
	if (errors.length > 0) return { ok: false, errors };
	if (twice === undefined) return { ok: true, keys };
	const message = `\`${twice.name}\` is in the key file too, as a name or as a key.`;
	return { ok: false, errors: [{ file: apiKeysVariable, line: 1, col: 1, message }] };
}

/** The first key of a text that is no hash, for a client of the same machine; undefined if there is none. */
export function firstPlainKey(source: string, file: string, deps: ExpandDeps): string | undefined {
	const firstPlain = (value: unknown) => {
		const { entries, faults } = parseEntries(value);
		const texts = entries.flatMap(({ text }) => {
			const expanded = expand(text, deps);
			return expanded.ok && !expanded.value.startsWith(HASH_PREFIX) ? [expanded.value] : [];
		});
		return { value: texts[0], faults };
	};
	const read = readDocument(source, file, firstPlain, EMPTY);
	return read.ok ? read.value : undefined;
}

/** SHA-256 of a key as the file takes it: 64 hexadecimal digits. */
export function hashOfKey(key: string): string {
	return hash("sha256", key);
}

/** What is wrong with a key ("must ..."), or undefined. */
export function keyProblem(key: string): string | undefined {
	if (key.length < 16) return "must have at least 16 characters. `mcp-gateway keys new NAME` makes a good one.";
	if (key.length > MAX_LENGTH) return `must have ${MAX_LENGTH} characters at the most.`;
	return /^[\x21-\x7e]+$/.test(key) ? undefined : "must be of ASCII letters, digits and signs, without spaces.";
}

/** What is wrong with the name of a key, or undefined. */
export function keyNameProblem(name: string): string | undefined {
	return NAME_PATTERN.test(name)
		? undefined
		: "The name of a key may hold letters, digits, `.`, `_` and `-` only, 64 of them at the most.";
}

/** Names of keys with the ids of theirs that no server has, for a warning: a server may come later. */
export function unknownServers(keys: readonly ApiKey[], known: (id: string) => boolean): ReadonlyMap<string, string[]> {
	const found = new Map<string, string[]>();
	for (const { name, servers = [] } of keys) {
		const unknown = servers.filter((id) => !known(id));
		if (unknown.length > 0) found.set(name, unknown);
	}
	return found;
}

function parseEntries(value: unknown): { entries: Entry[]; faults: Fault[] } {
	const entries: Entry[] = [];
	const faults: Fault[] = [];
	if (typeof value !== "object" || value === null || Array.isArray(value) || Object.keys(value).length === 0) {
		return { entries, faults: [{ path: [], at: "value", message: EMPTY }] };
	}
	for (const [name, raw] of Object.entries(value)) {
		const problem = keyNameProblem(name);
		if (problem !== undefined) faults.push({ path: [name], at: "key", message: problem });
		const parsed = entrySchema.safeParse(raw);
		if (!parsed.success) {
			const known = () => Object.keys(fields.shape);
			for (const found of faultsOf(parsed.error.issues, raw, known))
				faults.push({ ...found, path: [name, ...found.path] });
		} else if (problem === undefined) {
			const { data } = parsed;
			entries.push(typeof data === "string" ? { name, text: data } : { name, text: textOf(data), ...scopeOf(data) });
		}
	}
	return { entries, faults };
}

function textOf({ key, sha256, env }: z.infer<typeof fields>): Template {
	if (sha256 !== undefined) return `${HASH_PREFIX}${sha256}`;
	return key ?? `\${${env}}`;
}

function scopeOf({ servers }: z.infer<typeof fields>): { servers?: readonly string[] } {
	return servers === undefined ? {} : { servers: [...new Set(servers)] };
}

type Resolved =
	| { readonly sha256: string; readonly problem?: undefined }
	| { readonly sha256?: undefined; readonly problem: string };

function resolve(template: Template, deps: ExpandDeps): Resolved {
	const malformed = templateProblem(template);
	if (malformed !== undefined) return { problem: malformed };
	const expanded = expand(template, deps);
	if (!expanded.ok) return { problem: `cannot be filled in. ${expanded.problem}` };
	const { value } = expanded;
	if (value.startsWith(HASH_PREFIX)) {
		const digits = value.slice(HASH_PREFIX.length).toLowerCase();
		if (/^[0-9a-f]{64}$/.test(digits)) return { sha256: digits };
		return { problem: "must be a SHA-256 in 64 hexadecimal digits. `mcp-gateway keys hash` prints that of a key." };
	}
	const problem = keyProblem(value);
	return problem === undefined ? { sha256: hashOfKey(value) } : { problem };
}

function fault(name: string, problem: string): Fault {
	return { path: [name], at: "value", message: `\`${name}\` ${problem}` };
}
