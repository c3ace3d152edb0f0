import { readFileSync } from "node:fs";
import type { ApiKey } from "../ir/model.ts";
import { extension, type Message, typedStruct } from "./message.ts";
import { adsSource, apiKeyMetadata, apiKeysName, exposedHeaders } from "./names.ts";
import { preflight } from "./scope.ts";

const luaType = "envoy.extensions.filters.http.lua.v3.Lua";
const script = readFileSync(new URL("api-keys.lua", import.meta.url), "utf8");

/**
 * Checks the key. The keys come as a resource of their own (`apiKeysExtension`): with another listener Envoy would
 * drain the connections of the one before, and cut streams. Envoy opens the listener when it has them, however late.
 */
const checkKey: Message = {
	name: apiKeysName,
	config_discovery: {
		config_source: { ...adsSource, initial_fetch_timeout: "0s" },
		type_urls: [`type.googleapis.com/${luaType}`],
	},
};

const keyWasFound: Message = { filter: apiKeyMetadata, path: [{ key: "name" }], value: { present_match: true } };

/**
 * Envoy lets a request pass when a script fails; this lets none pass that no key has been found good for. TypedStruct:
 * the .proto files only have `metadata`, of whose end Envoy warns.
 */
const needKey = extension(
	"envoy.filters.http.rbac",
	typedStruct("envoy.extensions.filters.http.rbac.v3.RBAC", {
		rules: {
			action: "ALLOW",
			policies: {
				key: {
					permissions: [{ any: true }],
					principals: [{ sourced_metadata: { metadata_matcher: keyWasFound, metadata_source: "DYNAMIC" } }],
				},
			},
		},
	}),
);

/** The filters in front of whatever only the owner of a key may use. */
export const apiKeyFilters: readonly Message[] = [checkKey, needKey];

/** Name of the counter of requests by key; Envoy puts its own `envoy_` before it for Prometheus. */
export const keyCounterName = "mcp_gateway_api_key_requests";
/** The same in Envoy's own spelling. */
export const keyCounterStat = keyCounterName.replace(/_(?=[a-z]+$)/, ".");

/**
 * Counts requests by the key's name and what became of them, each at its end: `name` is empty where no key was good,
 * `outcome` where the request was let through. As many counters as keys, times two: no client can make more.
 */
export const keyCounter: Message = extension(
	"envoy.access_loggers.stats",
	typedStruct("envoy.extensions.access_loggers.stats.v3.Config", {
		stats_scope: { prefix: keyCounterName.slice(0, keyCounterName.lastIndexOf("_")) },
		counters: [
			{
				stat: {
					name: keyCounterName.slice(keyCounterName.lastIndexOf("_") + 1),
					tags: ["name", "outcome"].map((name) => ({
						name,
						value_format: `%DYNAMIC_METADATA(${apiKeyMetadata}:${name})%`,
					})),
				},
				value_fixed: 1,
			},
		],
	}),
);

/** The keys' filter with their hashes, names and servers. TypedStruct: the .proto files lack `clear_route_cache`. */
export function apiKeysExtension(keys: readonly ApiKey[]): Message {
	return extension(
		apiKeysName,
		typedStruct(luaType, {
			default_source_code: { inline_string: [luaTables(keys), script].join("\n") },
			// No route depends on what the script changes.
			clear_route_cache: false,
		}),
	);
}

/** The script's tables. Names and ids hold letters, digits, `.`, `_` and `-` only, so JSON's texts are Lua's. */
function luaTables(keys: readonly ApiKey[]): string {
	const names = keys.map(({ name, sha256 }) => [sha256, name] as const);
	const servers = keys.flatMap(({ name, servers }) =>
		servers === undefined ? [] : [[name, ` ${servers.join(" ")} `] as const],
	);
	const answer = {
		"access-control-allow-methods": preflight.allowMethods,
		"access-control-allow-headers": preflight.allowHeaders,
		"access-control-expose-headers": exposedHeaders,
		"access-control-max-age": preflight.maxAge,
	};
	return [
		`local keys = ${luaTable(names)}`,
		`local servers = ${luaTable(servers)}`,
		`local preflight = ${luaTable(Object.entries(answer))}`,
	].join("\n");
}

function luaTable(entries: readonly (readonly [string, string])[]): string {
	return `{${entries.map(([key, value]) => `[${JSON.stringify(key)}]=${JSON.stringify(value)}`).join(",")}}`;
}
