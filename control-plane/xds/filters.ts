import type { ListenerIR } from "../ir/model.ts";
import { apiKeyFilters } from "./api-keys.ts";
import { legacySse } from "./legacy-sse.ts";
import type { deniedReasons } from "./local-replies.ts";
import { any, extension, type Message, typedStruct } from "./message.ts";
import { mcpNamespace } from "./names.ts";
import { refusalsName, smallBody } from "./scope.ts";

/**
 * The HTTP filters of ordinary requests, in order: refuse, authenticate, answer preflights (with API keys that is done
 * before, see `api-keys.lua`), look, balance.
 */
export function httpFilters(listener: ListenerIR): Message[] {
	return [
		...refusals(listener),
		...(listener.apiKeys.length === 0 ? [] : apiKeyFilters),
		cors,
		bodyLimit(listener.maxBodyBytes),
		...(listener.mcpFilter ? [envelopeReader] : []),
		legacySse,
		stickySessions,
		router,
	];
}

/** The HTTP filters of WebSocket upgrades: a body limit or parser would wait for a body that never ends. */
export function upgradeFilters(listener: ListenerIR): Message[] {
	return [
		...refusals(listener),
		...(listener.apiKeys.length === 0 ? [] : apiKeyFilters),
		legacySse,
		stickySessions,
		router,
	];
}

/** A dot segment in any disguise: `.` or `..`, percent-encoded or not, between slashes or backslashes of either kind, with `;` parameters. */
const slash = String.raw`(?:/|\\|%2f|%5c)`;
const dotSegment = String.raw`(?i)[^?#]*${slash}(?:\.|%2e|%c0%ae){1,2}(?:(?:;|%3b)[^/?#]*)?(?:(?:${slash}|[?#]).*)?`;

const loopbackOrigin = String.raw`https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?`;

function refusals(listener: ListenerIR): Message[] {
	const policies: Record<Exclude<(typeof deniedReasons)[number], "host_denied">, Message> = {
		bad_path: requestHeader(":path", matches(dotSegment)),
		// A tunnel: its body never ends, so the body limit would wait for ever. WebSocket over HTTP/2 is no CONNECT by here.
		bad_request: requestHeader(":method", { string_match: { exact: "CONNECT" } }),
		// Declared lengths are refused without a byte of the body. The range's end is excluded, and numbers beyond 64 bits
		// match no range: so whatever has sixteen digits is refused by its look.
		body_too_large: {
			or_rules: {
				rules: [
					requestHeader("content-length", {
						range_match: { start: listener.maxBodyBytes + 1, end: Number.MAX_SAFE_INTEGER },
					}),
					requestHeader("content-length", matches("0*[1-9][0-9]{15,}")),
				],
			},
		},
		origin_denied: presentButNot("origin", oneOf([loopbackOrigin, ...listener.allowOrigins.map(escapeRegex)], "")),
	};
	// Routes switch the filter off by this name for what is plain; not where that may be longer than the limit.
	const name = listener.maxBodyBytes < smallBody ? rbac : refusalsName;
	return [extension(name, deny(policies)), ...(listener.allowHosts.length === 0 ? [] : [foreignHosts(listener)])];
}

const rbac = "envoy.filters.http.rbac";

/** Asked of every request: which names are answered for no route knows. */
function foreignHosts({ allowHosts }: ListenerIR): Message {
	const answered = oneOf(allowHosts.map(escapeRegex), String.raw`(?::\d+)?`);
	return unless(headerMatches(":authority", answered), rbac, deny({ host_denied: { any: true } }));
}

/** Refuses what meets one of the permissions; its name is in the details of the answer. */
function deny(permissions: Readonly<Record<string, Message>>): Message {
	const policies = Object.entries(permissions).map(([name, permission]) => [
		name,
		{ permissions: [permission], principals: [{ any: true }] },
	]);
	return any("envoy.extensions.filters.http.rbac.v3.RBAC", {
		rules: { action: "DENY", policies: Object.fromEntries(policies) },
	});
}

function matches(regex: string): Message {
	return { string_match: { safe_regex: { regex } } };
}

function requestHeader(name: string, match: Message): Message {
	return { header: { name, ...match } };
}

function presentButNot(name: string, regex: string): Message {
	return {
		and_rules: {
			rules: [requestHeader(name, { present_match: true }), { not_rule: requestHeader(name, matches(regex)) }],
		},
	};
}

function oneOf(alternatives: string[], suffix: string): string {
	return `(?i)(?:${alternatives.join("|")})${suffix}`;
}

function escapeRegex(text: string): string {
	return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** Counts the bytes of bodies that declare no length; all others stream through untouched. */
function bodyLimit(maxBytes: number): Message {
	const config = any("envoy.extensions.filters.http.buffer.v3.Buffer", { max_request_bytes: maxBytes });
	return unless(headerMatches("content-length", ".+"), "envoy.filters.http.buffer", config);
}

/**
 * Leaves method, id and tool name of a JSON-RPC request in the metadata, for the access log and the id of errors.
 * It holds and parses the whole body, so only bodies that declare less than 100 kB are given to it. Requests of
 * 2026-07-28 have method and name in headers: their bodies are left unread.
 */
const envelopeReader = unless(
	{
		or_matcher: {
			predicate: [headerMatches("mcp-method", ".+"), { not_matcher: headerMatches("content-length", "[0-9]{1,5}") }],
		},
	},
	"envoy.filters.http.json_to_metadata",
	any("envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata", {
		request_rules: {
			rules: [["method"], ["id"], ["params", "name"]].map((path) => ({
				selectors: path.map((key) => ({ key })),
				on_present: { metadata_namespace: mcpNamespace, key: path.at(-1) as string },
			})),
			allow_content_types_regex: { regex: "(?i)application/json *(?:;.*)?" },
		},
	}),
);

/** A filter that is left out where the request's headers meet the condition. */
function unless(condition: Message, name: string, config: Message): Message {
	const skip = extension("skip", any("envoy.extensions.filters.common.matcher.action.v3.SkipFilter"));
	return extension(
		name,
		any("envoy.extensions.common.matching.v3.ExtensionWithMatcher", {
			extension_config: extension(name, config),
			xds_matcher: { matcher_list: { matchers: [{ predicate: condition, on_match: { action: skip } }] } },
		}),
	);
}

/** A header's whole value; one that is not there meets nothing. */
function headerMatches(name: string, regex: string): Message {
	return {
		single_predicate: {
			input: extension(
				"request-headers",
				any("envoy.type.matcher.v3.HttpRequestHeaderMatchInput", { header_name: name }),
			),
			value_match: { safe_regex: { google_re2: {}, regex } },
		},
	};
}

const cors = extension("envoy.filters.http.cors", any("envoy.extensions.filters.http.cors.v3.Cors"));

/** Puts the replica's address into the session id that the client gets, and takes it out again: no store is needed. */
const stickySessions = extension(
	"envoy.filters.http.stateful_session",
	any("envoy.extensions.filters.http.stateful_session.v3.StatefulSession", {
		strict: true,
		session_state: extension(
			"envoy.http.stateful_session.envelope",
			typedStruct("envoy.extensions.http.stateful_session.envelope.v3.EnvelopeSessionState", {
				header: { name: "mcp-session-id" },
			}),
		),
	}),
);

const router = extension(
	"envoy.filters.http.router",
	any("envoy.extensions.filters.http.router.v3.Router", { suppress_envoy_headers: true }),
);
