/** Whose format a file has: the gateway's own, or one that MCP clients use; and what their entries mean here. */
import type { Fault } from "./fault.ts";
import type { RawEntry } from "./kind.ts";
import { entryKeys } from "./schema.ts";
import { suggest } from "./suggest.ts";

/** The key that holds a foreign file's servers; undefined for the gateway's own format. */
export type Wrapper = "mcpServers" | "servers" | undefined;

export function isMap(value: unknown): value is RawEntry {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

const NATIVE_KEYS = new Set(Object.values(entryKeys).flat());
const KUBERNETES_KEYS = new Set(entryKeys.k8s);
/** What entries of other tools may have of ours: `image`, `port` and the like are words of their own there. */
const TOOLS_KEYS = new Set(["chart", ...entryKeys.http, ...entryKeys.stdio]);

/** True for a map that is a server's entry rather than a map of servers: a server called `type` has a map as value. */
function looksLikeEntry(value: RawEntry): boolean {
	return Object.entries(value).some(([key, inner]) => NATIVE_KEYS.has(key) && !isMap(inner));
}

const holdsServers = (top: RawEntry, key: "mcpServers" | "servers") => {
	const value = Object.hasOwn(top, key) ? top[key] : undefined;
	return isMap(value) && !looksLikeEntry(value);
};

/** Tells the format of a file by its top level; a native registry may have a server called `servers`. */
export function wrapperOf(top: RawEntry): Wrapper {
	if (holdsServers(top, "mcpServers")) return "mcpServers";
	return holdsServers(top, "servers") ? "servers" : undefined;
}

/** Servers that stand beside the wrapper would be lost silently: that is a fault, other keys are the tool's own. */
export function besideWrapper(top: RawEntry, wrapper: string): readonly Fault[] {
	const faults: Fault[] = [];
	for (const [key, value] of Object.entries(top)) {
		if (key === wrapper || !isMap(value)) continue;
		const second = key === "servers" && holdsServers(top, "servers");
		const entry = ["endpoint", "endpoints", "url", "cmd", "command", "chart"].some((place) =>
			Object.hasOwn(value, place),
		);
		if (!second && !entry) continue;
		const message = `This file has its servers inside of \`${wrapper}\`. Move this ${second ? "map's servers" : "server"} there.`;
		faults.push({ path: [key], at: "key", message });
	}
	return faults;
}

/** Keys of other tools that a gateway has no use for. They are named here because some are near to keys of ours. */
const IGNORED = new Set(
	(
		"alwaysAllow alwaysLoad auth authorization autoApprove description dev disabledTools enabledTools envFile " +
		"excludeTools gallery headersHelper icon includeTools initTimeout name note oauth sandbox sandboxEnabled " +
		"startupTimeout timeout tools trust version"
	).split(" "),
);

const TYPES: Readonly<Record<string, string>> = {
	local: "stdio",
	remote: "http",
	"streamable-http": "http",
	streamableHttp: "http",
	streamable_http: "http",
};

export interface ForeignEntry {
	readonly raw: RawEntry;
	/** Keys that are not honoured. */
	readonly ignored: readonly string[];
}

/** Values that other tools take for an environment variable: VS Code has numbers, and null for "not set". */
function foreignEnv(env: RawEntry): RawEntry {
	const texts: Record<string, unknown> = {};
	for (const [name, value] of Object.entries(env)) {
		if (value === null) continue;
		texts[name] = typeof value === "boolean" || Number.isFinite(value) ? String(value) : value;
	}
	return texts;
}

/** A foreign file's entry in the gateway's own words; undefined if the file has it switched off. */
export function fromForeign(entry: RawEntry): ForeignEntry | undefined {
	if (entry["disabled"] === true || entry["enabled"] === false) return undefined;
	const raw: Record<string, unknown> = {};
	const ignored: string[] = [];
	const kubernetes = entry["type"] === "k8s" || Object.hasOwn(entry, "chart");
	const known = kubernetes ? KUBERNETES_KEYS : TOOLS_KEYS;
	for (const [key, value] of Object.entries(entry)) {
		if (key === "disabled" || key === "enabled") continue;
		if (key === "env" && isMap(value)) raw["env"] = foreignEnv(value);
		else if (!kubernetes && (key === "transport" || key === "transportType")) raw["type"] ??= value;
		else if (known.has(key)) raw[key] = value;
		else if (key === "serverUrl" || key === "httpUrl") raw["url"] ??= value;
		// A key that is nearly one of ours is a slip of the pen; the schema says so.
		else if (!IGNORED.has(key) && suggest(key, [...known]) !== undefined) raw[key] = value;
		else ignored.push(key);
	}
	const type = raw["type"];
	if (typeof type === "string" && Object.hasOwn(TYPES, type)) raw["type"] = TYPES[type];
	return { raw, ignored };
}
