import { readFileSync } from "node:fs";
import type { ServingServer } from "../ir/model.ts";
import { extension, type Message, typedStruct } from "./message.ts";

/** HTTP+SSE of 2024-11-05: the Lua filter, where it runs, and what it is told about a server. See ADR 15. */

const filterName = "envoy.filters.http.lua";

/** Response header in which the route tells the filter the replica's address; the filter removes it. */
const replicaHeader = "x-mcp-gateway-replica";

/** Query parameter that pins a client's messages to the replica of its stream. */
export const replicaParameter = "mcp-gateway-replica";

const script = readFileSync(new URL("./legacy-sse.lua", import.meta.url), "utf8");

/**
 * In the chain of every request but switched off, so that others pay nothing for it. The route must stay the one that
 * was chosen by the parameter, which the script removes.
 */
export const legacySse: Message = {
	...extension(
		filterName,
		typedStruct("envoy.extensions.filters.http.lua.v3.Lua", {
			default_source_code: { inline_string: script },
			clear_route_cache: false,
		}),
	),
	disabled: true,
};

/** Switches the filter on for the scope of a server, and tells it what the server's own addresses are. */
export function legacySseConfig({ id, route, upstream }: ServingServer): Message {
	return {
		[filterName]: typedStruct("envoy.extensions.filters.http.lua.v3.LuaPerRoute", {
			filter_context: {
				id,
				path: route.path,
				pin: route.sessionAffinity,
				scheme: upstream.tls === undefined ? "http" : "https",
				hosts: upstream.endpoints.map(({ hostname }) => hostname),
			},
		}),
	};
}

/** The script itself does not see which replica answers. */
export const tellReplica: Message = {
	response_headers_to_add: [
		{
			header: { key: replicaHeader, value: "%UPSTREAM_HOST%" },
			append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
		},
	],
};

/** Local replies to requests that the script has pinned. */
export const pinnedBySse: Message = {
	metadata_filter: {
		matcher: { filter: "mcp-gateway.sse", path: [{ key: "pinned" }], value: { bool_match: true } },
		match_if_key_not_found: false,
	},
};
