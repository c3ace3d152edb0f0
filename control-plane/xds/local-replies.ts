import { catalogue, type Reason } from "../errors/catalogue.ts";
import type { ListenerIR } from "../ir/model.ts";
import { mcpMetadata } from "./access-log.ts";
import { pinnedBySse } from "./legacy-sse.ts";
import { any, extension, type Json, type Message } from "./message.ts";
import { exposedHeaders, pathHeader } from "./names.ts";

/**
 * Envoy's own answers as JSON-RPC errors of the catalogue. The first mapper that matches counts. What an upstream
 * answers never comes here.
 */
export function localReplies(listener: ListenerIR): Message {
	return { mappers: rules.map((rule) => mapper(rule, listener)) };
}

/** Denials of the RBAC filter: the policy's name is the reason. */
export const deniedReasons = ["bad_path", "bad_request", "body_too_large", "origin_denied", "host_denied"] as const;

interface Rule {
	readonly when: Message;
	readonly reason: Reason;
	readonly data?: Record<string, Json>;
}

const rules: readonly Rule[] = [
	...deniedReasons.map((reason): Rule => ({ when: details(`rbac_access_denied_matched_policy[${reason}]`), reason })),
	// No key has been found good, or the script that looks has failed.
	{ when: details("rbac_access_denied_matched_policy[none]"), reason: "unauthorized" },
	{
		when: details("upgrade_failed"),
		reason: "bad_request",
		data: { detail: "A connection is upgraded to `websocket` and to nothing else." },
	},
	{ when: details("request_header_timeout"), reason: "request_timeout" },
	// `max_stream_duration` (`timeouts.request`) sets no response flag of its own.
	{ when: details("max_duration_timeout"), reason: "timeout" },
	{ when: details("direct_response"), reason: "server_unavailable", data: { detail: "%LOCAL_REPLY_BODY%" } },
	// Clients start anew on 404 and on nothing else, so a session whose replica is gone must end in one:
	// https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management
	{ when: both(flags("UH", "UF"), either(header("mcp-session-id"), pinnedBySse)), reason: "session_lost" },
	{ when: both(details("lua_response"), status(404)), reason: "session_lost" },
	{ when: both(details("lua_response"), status(502)), reason: "foreign_endpoint" },
	// A made-up session id whose decoded form is no header value: https://www.rfc-editor.org/rfc/rfc9110#section-5.5
	{ when: detailsBegin("filter_removed_required_request_headers"), reason: "session_lost" },
	{ when: flags("UH"), reason: "no_healthy_replica" },
	{ when: flags("NC"), reason: "server_unavailable" },
	{ when: flags("UF", "DF"), reason: "cannot_connect" },
	{ when: flags("UC", "UR", "LR"), reason: "replica_died" },
	{ when: flags("UPE"), reason: "bad_answer" },
	{ when: flags("UT", "SI", "DT", "UMSDR"), reason: "timeout" },
	{ when: flags("NR"), reason: "unknown_server", data: { path: `%REQ(${pathHeader})%` } },
	{ when: flags("OM", "UO"), reason: "overloaded" },
	{ when: status(401), reason: "unauthorized" },
	{ when: status(403), reason: "key_denied" },
	{ when: status(413), reason: "body_too_large" },
	{ when: status(431), reason: "headers_too_large" },
	{ when: status(408), reason: "timeout" },
	{ when: status(503), reason: "overloaded" },
	// What is left below 500 is HTTP that the codec or the router could not take.
	{ when: both(statusIs("GE", 400), statusIs("LE", 499)), reason: "bad_request" },
	{ when: status(501), reason: "bad_request" },
	{ when: statusIs("GE", 500), reason: "internal" },
];

/** With API keys, who has none (or none for this server) must not learn by these which servers there are. */
const beforeKeys: ReadonlySet<Reason> = new Set([...deniedReasons, "unauthorized", "key_denied"]);

/** Web pages of other origins must not even see these. */
const closedToPages: ReadonlySet<Reason> = new Set(["origin_denied", "host_denied"]);

/** https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1 wants it on every 401. */
const challenge: Message = {
	header: { key: "www-authenticate", value: 'Bearer realm="mcp-gateway"' },
	append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
};

/** The cors filter knows its policy from the route, and errors such as `unknown_server` have none. */
const readableByPages: Message[] = [
	["access-control-allow-origin", "%REQ(origin)%"],
	["access-control-expose-headers", exposedHeaders],
].map(([key, value]) => ({ header: { key, value }, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" }) as Message);

function mapper({ when, reason, data = {} }: Rule, { mcpFilter, apiKeys }: ListenerIR): Message {
	const { status, code, message } = catalogue[reason];
	// In the error object Envoy leaves out nothing, so `server` is null where no route was found.
	const server = apiKeys.length > 0 && beforeKeys.has(reason) ? null : "%ROUTE_NAME%";
	const headers = [
		...(closedToPages.has(reason) ? [] : readableByPages),
		...(reason === "unauthorized" ? [challenge] : []),
	];
	return {
		filter: when,
		status_code: status,
		...(headers.length === 0 ? {} : { headers_to_add: headers }),
		body_format_override: {
			content_type: "application/json",
			json_format: {
				jsonrpc: "2.0",
				// The caller's id with its own type, or null; JSON-RPC wants null where it is not known.
				id: mcpFilter ? mcpMetadata("id") : null,
				error: { code, message, data: { reason, server, requestId: "%REQ(x-request-id)%", ...data } },
			},
		},
	};
}

function details(value: string): Message {
	return cel(`response.code_details == '${value}'`);
}

function detailsBegin(value: string): Message {
	return cel(`response.code_details.startsWith('${value}')`);
}

function cel(expression: string): Message {
	return {
		extension_filter: extension(
			"envoy.access_loggers.extension_filters.cel",
			any("envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter", { expression }),
		),
	};
}

function flags(...names: string[]): Message {
	return { response_flag_filter: { flags: names } };
}

function header(name: string): Message {
	return { header_filter: { header: { name, present_match: true } } };
}

function status(code: number): Message {
	return statusIs("EQ", code);
}

function statusIs(op: "EQ" | "GE" | "LE", code: number): Message {
	const value = { default_value: code, runtime_key: `mcp_gateway.status_${op.toLowerCase()}_${code}` };
	return { status_code_filter: { comparison: { op, value } } };
}

function either(...filters: Message[]): Message {
	return { or_filter: { filters } };
}

function both(...filters: Message[]): Message {
	return { and_filter: { filters } };
}
