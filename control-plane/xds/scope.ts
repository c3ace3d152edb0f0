import { catalogue } from "../errors/catalogue.ts";
import { mayHaveReplicas, type ServerIR, type ServingServer } from "../ir/model.ts";
import { legacySseConfig, replicaParameter, tellReplica } from "./legacy-sse.ts";
import { any, duration, extension, type Message } from "./message.ts";
import { clusterName, exposedHeaders, pathHeader } from "./names.ts";

/**
 * The scope of a server: its own full route configuration, found by the first segment of the path, so that neither a
 * change nor a request costs more with more servers.
 */
export function scope(server: ServerIR): Message {
	const { id } = server;
	return {
		name: id,
		key: { fragments: [{ string_key: id }] },
		route_configuration: {
			name: id,
			// A cluster that is not there yet must not make Envoy refuse the scopes of its neighbours in the same response.
			validate_clusters: false,
			request_headers_to_remove: [pathHeader, "x-envoy-external-address", ...removedHeaders(server)],
			virtual_hosts: [
				{
					name: id,
					domains: ["*"],
					...(server.state === "serving"
						? { ...retries(server), ...corsConfig, routes: routes(server) }
						: { ...corsConfig, routes: [unavailable(id, server.problem)] }),
				},
			],
			...(server.state === "serving" ? filterConfig(server) : {}),
		},
	};
}

/**
 * `/<id>` and `/<id>/` are the endpoint itself; `/<id>/<rest>` is the endpoint's path joined with the rest. Where the
 * endpoint is a stream of HTTP+SSE, `/<id>/<rest>` is `/<rest>`: messages seldom go below the stream's path.
 */
function routes(server: ServingServer): Message[] {
	const { id, route, upstream } = server;
	const sse = route.transport === "sse";
	const to = (match: Message, rewrite: string, more: Message = {}): Message => ({
		name: id,
		match,
		route: {
			...more,
			cluster: clusterName(id),
			prefix_rewrite: rewrite,
			// Envoy's default of 15 s would cut every longer call and every stream. Not the limit of the registry either: when
			// this one runs out Envoy counts a broken connection, and three of those eject a replica that is only slow.
			timeout: "0s",
			...(route.requestTimeoutMs === 0
				? {}
				: { max_stream_duration: { max_stream_duration: duration(route.requestTimeoutMs) } }),
			idle_timeout: duration(route.idleTimeoutMs),
			...(route.rewriteHost ? { auto_host_rewrite: true } : {}),
		},
	});
	const ofStream = (match: Message, more: Message): Message[] => [
		to({ path: `/${id}`, ...match }, route.path, more),
		// A stream is opened by GET; anything else may be a message to a server that takes them at its root.
		to({ path: `/${id}/`, ...match, headers: [byGet] }, route.path, more),
		to({ prefix: `/${id}/`, ...match }, "/", more),
	];
	if (sse) {
		const pinned = route.sessionAffinity && mayHaveReplicas(upstream);
		return [...(pinned ? ofStream(onReplica, { retry_policy: noRetry }) : []), ...ofStream({}, {})];
	}
	return [
		{ ...to({ path: `/${id}`, headers: plain }, route.path), ...unfiltered },
		...(route.path.endsWith("/")
			? [{ path: `/${id}` }, { prefix: `/${id}/` }]
			: [{ path: `/${id}/` }, { path_separated_prefix: `/${id}` }]
		).map((match) => to(match, route.path)),
	];
}

/** What the registry sets for the upstream itself is put in later, by the cluster. */
function removedHeaders(server: ServerIR): string[] {
	return server.state === "serving" && server.route.removeAuthorization ? ["authorization"] : [];
}

/** Answers every request with the problem; `local-replies.ts` makes a JSON-RPC error of it. */
function unavailable(id: string, problem: string): Message {
	return {
		name: id,
		match: { prefix: "/" },
		direct_response: { status: catalogue.server_unavailable.status, body: { inline_string: problem } },
	};
}

/** Where there is no other replica, a retry is only work that Envoy does for each request. */
function retries({ upstream, route }: ServingServer): Message {
	if (!mayHaveReplicas(upstream)) return {};
	const policy = upstream.endpoints.some(({ standby }) => standby) ? retryOnStandby : retryPolicy;
	return { retry_policy: { ...policy, ...(route.sessionAffinity ? outsideSessions : {}) } };
}

/** Another replica knows nothing of the session: the client must learn that it is lost. */
const outsideSessions: Message = {
	retriable_request_headers: [{ name: "mcp-session-id", present_match: true, invert_match: true }],
};

const byGet: Message = { name: ":method", string_match: { exact: "GET" } };

const onReplica: Message = { query_parameters: [{ name: replicaParameter, present_match: true }] };

/** Name of the filter that refuses by path, method, length and origin, and by nothing that {@link plain} does not tell. */
export const refusalsName = "mcp-gateway.refusals";

/** Bodies shorter than this are small. */
export const smallBody = 100_000;

/** What a message of an MCP client looks like that is no web page: the most of all requests, by far. */
const plain: Message[] = [
	{ name: ":method", string_match: { exact: "POST" } },
	{ name: "content-length", range_match: { start: 0, end: smallBody } },
	{ name: "origin", present_match: true, invert_match: true },
];

const off = any("envoy.config.route.v3.FilterConfig", { disabled: true });

/**
 * With a path that is known and all of {@link plain}, none of these filters has anything to do, and to find that out
 * costs them a twentieth of the request's CPU.
 */
const unfiltered: Message = {
	typed_per_filter_config: Object.fromEntries(
		[refusalsName, "envoy.filters.http.cors", "envoy.filters.http.buffer"].map((name) => [name, off]),
	),
};

/** As for sessions, see {@link outsideSessions}. */
const noRetry: Message = { num_retries: 0 };

/** Only what never reached a replica is sent to another: a tool call that was sent may have been carried out. */
const retryPolicy: Message = {
	retry_on: "connect-failure,reset-before-request",
	num_retries: 3,
	retry_back_off: { base_interval: "0.002s", max_interval: "0.02s" },
	retry_host_predicate: [
		extension(
			"envoy.retry_host_predicates.previous_hosts",
			any("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"),
		),
	],
	host_selection_retry_max_attempts: 8,
};

/** Envoy would try the same endpoint until it is ejected. */
const retryOnStandby: Message = {
	...retryPolicy,
	retry_priority: extension(
		"envoy.retry_priorities.previous_priorities",
		any("envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig", { update_frequency: 1 }),
	),
};

/** What a preflight is answered with, for all servers alike. */
export const preflight = { allowMethods: "GET, POST, DELETE", allowHeaders: "*, authorization", maxAge: "86400" };

/** Browser clients; which origins may is decided before, by the origin rule (`filters.ts`), for all servers alike. */
const corsConfig: Message = {
	typed_per_filter_config: {
		"envoy.filters.http.cors": any("envoy.extensions.filters.http.cors.v3.CorsPolicy", {
			// The filter takes this for any origin; a regex would be compiled for each server, to 8 kB.
			allow_origin_string_match: [{ exact: "*" }],
			allow_methods: preflight.allowMethods,
			allow_headers: preflight.allowHeaders,
			expose_headers: exposedHeaders,
			max_age: preflight.maxAge,
		}),
	},
};

/** Which filters act on this server's requests. Streams of HTTP+SSE are pinned by the address of their messages. */
function filterConfig(server: ServingServer): Message {
	const { transport, sessionAffinity } = server.route;
	const sse = transport === "sse";
	if (!sse && sessionAffinity) return {};
	return {
		...(sse ? tellReplica : {}),
		typed_per_filter_config: { ...noAffinity, ...(sse ? legacySseConfig(server) : {}) },
	};
}

const noAffinity: Message = {
	"envoy.filters.http.stateful_session": any(
		"envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute",
		{ disabled: true },
	),
};
