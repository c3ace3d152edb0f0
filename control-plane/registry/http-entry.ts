// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are placeholders of the registry
/** Schema of an HTTP server's entry. */
import { z } from "zod";
import { duration, positiveDuration } from "./duration.ts";
import { templateProblem } from "./expand.ts";
import type { HealthCheck, HttpServer } from "./model.ts";
import { headerNameProblem, headerValueProblem } from "./names.ts";
import { endpointFaults, urlProblem } from "./url.ts";

/** A check made of a function that tells what is wrong, or undefined. */
export function problemCheck(problem: (text: string) => string | undefined) {
	return (text: string, ctx: z.RefinementCtx<string>) => {
		const message = problem(text);
		if (message !== undefined) ctx.addIssue({ code: "custom", message });
	};
}

const URL_RULE = "must be a URL in quotes, such as `http://host:8080/mcp`.";
const url = z.string({ error: URL_RULE }).superRefine(problemCheck(urlProblem));

const WEIGHT_RULE = "must be a whole number from 1 to 10000.";
const weight = z
	.int({ error: WEIGHT_RULE })
	.min(1, { error: WEIGHT_RULE })
	.max(10_000, { error: WEIGHT_RULE })
	.default(1)
	.describe("Share of the traffic relative to the other endpoints, 1 to 10000.");

const endpoint = z.union(
	[
		url.describe("URL of one replica."),
		z.strictObject({ url: url.describe("URL of one replica."), weight }).describe("URL and weight of one replica."),
	],
	{ error: "must be a URL, or a map with `url` and `weight`." },
);

const ENDPOINTS_RULE = "must be a list of URLs (or of maps with `url` and `weight`) with at least one in it.";
const endpoints = z
	.array(endpoint, { error: ENDPOINTS_RULE })
	.min(1, { error: ENDPOINTS_RULE })
	.superRefine((list, ctx) => {
		for (const { index, message } of endpointFaults(list.map((one) => (typeof one === "string" ? one : one.url)))) {
			ctx.addIssue({ code: "custom", path: [index], message });
		}
	});

const HEADERS_RULE = "must be a map from header name to value.";
const headers = z
	.record(
		z.string().superRefine(problemCheck(headerNameProblem)),
		z
			.string({ error: "must be text. Put it into quotes." })
			.superRefine(problemCheck((value) => headerValueProblem(value) ?? templateProblem(value))),
		{ error: HEADERS_RULE },
	)
	.superRefine((map, ctx) => {
		const seen = new Set<string>();
		for (const name of Object.keys(map)) {
			if (seen.has(name.toLowerCase())) {
				ctx.addIssue({
					code: "custom",
					path: [name],
					message: "is there twice: the case of a header's name does not matter.",
				});
			}
			seen.add(name.toLowerCase());
		}
	});

const COUNT_RULE = "must be a whole number from 1 to 100.";
const count = z.int({ error: COUNT_RULE }).min(1, { error: COUNT_RULE }).max(100, { error: COUNT_RULE });

const PATH_RULE = {
	tcp: "is for `type: http`; a `tcp` check only opens a connection.",
	mcp: "is for `type: http`; an `mcp` check asks the path of the endpoint.",
};

/** What a check is where the file does not say it. */
function checkType(check: {
	readonly type?: HealthCheck["type"] | undefined;
	readonly path?: string | undefined;
	readonly method?: string | undefined;
}): HealthCheck["type"] {
	if (check.type !== undefined) return check.type;
	if (check.path !== undefined) return "http";
	return check.method === undefined ? "tcp" : "mcp";
}

const CHECK_PATH_RULE = "must be a path such as `/healthz`, in ASCII and without spaces.";

const healthCheck = z
	.strictObject(
		{
			type: z
				.enum(["tcp", "http", "mcp"], { error: "must be `tcp`, `http` or `mcp`." })
				.optional()
				.describe(
					"`tcp`: a connection opens; `http`: GET `path` answers 2xx; `mcp`: the endpoint answers an MCP request, with anything but 5xx. Default: http where `path` is given, mcp where `method` is, else tcp.",
				),
			path: z
				.string({ error: CHECK_PATH_RULE })
				.regex(/^\/[!-"$-~]*$/, { error: CHECK_PATH_RULE })
				.optional()
				.describe("Path of the `http` check, absolute on the replica. Default /."),
			method: z
				.enum(["ping", "discover"], { error: "must be `ping` or `discover`." })
				.optional()
				.describe("Request of the `mcp` check: `ping`, or `server/discover` of 2026-07-28. Default ping."),
			interval: positiveDuration.prefault("5s").describe("Time between two checks of a replica."),
			timeout: positiveDuration.prefault("2s").describe("Time after which a check without answer has failed."),
			unhealthyThreshold: count.default(2).describe("Failures in a row until a replica gets no new traffic."),
			healthyThreshold: count.default(1).describe("Successes in a row until a replica gets traffic again."),
		},
		{ error: "must be a map such as `{type: http, path: /healthz, interval: 5s}`." },
	)
	.superRefine((check, ctx) => {
		const type = checkType(check);
		if (type !== "http" && check.path !== undefined) {
			ctx.addIssue({ code: "custom", path: ["path"], message: PATH_RULE[type] });
		}
		if (type !== "mcp" && check.method !== undefined) {
			ctx.addIssue({ code: "custom", path: ["method"], message: "is for `type: mcp`." });
		}
	})
	.transform((check) => {
		const type = checkType(check);
		return {
			type,
			...(type === "http" && { path: check.path ?? "/" }),
			...(type === "mcp" && { method: check.method ?? ("ping" as const) }),
			intervalMs: check.interval,
			timeoutMs: check.timeout,
			unhealthyThreshold: check.unhealthyThreshold,
			healthyThreshold: check.healthyThreshold,
		};
	});

const timeouts = z
	.strictObject(
		{
			connect: duration.prefault("5s").describe("Opening the connection to a replica, TCP and TLS. 0 is off."),
			request: duration
				.prefault(0)
				.describe(
					"The whole exchange, first byte of the request to last byte of the answer; cuts SSE streams too. 0 is off.",
				),
			idle: duration
				.prefault(0)
				.describe("Time without a byte in either direction on one request or stream. 0 is off."),
		},
		{ error: "must be a map such as `{connect: 5s, request: 0, idle: 0}`." },
	)
	.transform(({ connect, request, idle }) => ({ connectMs: connect, requestMs: request, idleMs: idle }));

const HOST_RULE = "must be a host name such as `mcp.example.com`.";

const name = (rule: string) => z.string({ error: rule }).min(1, { error: rule });

const tls = z
	.strictObject(
		{
			caFile: name("must be the path of a PEM file.")
				.optional()
				.describe("PEM file with the authorities to trust instead of the system's."),
			serverName: name(HOST_RULE)
				// What SNI and a certificate can hold: https://www.rfc-editor.org/rfc/rfc6066#section-3
				.regex(/^[A-Za-z0-9._-]{1,253}$/, { error: HOST_RULE })
				.optional()
				.describe("Name for SNI and the certificate check instead of the endpoint's host."),
			insecureSkipVerify: z
				.boolean({ error: "must be `true` or `false`." })
				.default(false)
				.describe("Accept any certificate. For tests and private networks only."),
		},
		{ error: "must be a map such as `{caFile: /etc/ssl/our-ca.pem}`." },
	)
	.transform(({ caFile, serverName, insecureSkipVerify }) => ({
		...(caFile !== undefined && { caFile }),
		...(serverName !== undefined && { serverName }),
		insecureSkipVerify,
	}));

const LB_RULE = "must be `round-robin`, `least-request` or `random`.";

/** How requests are spread over a server's replicas. */
export const loadBalancer = z
	.enum(["round-robin", "least-request", "random"], { error: LB_RULE })
	.default("round-robin")
	.describe("How requests are spread over the replicas.");

// Made once: most entries have neither, and a registry may have thousands.
const DEFAULT_TIMEOUTS = timeouts.parse({});
const DEFAULT_TLS = tls.parse({});

/** The keys of an HTTP entry as the file has them. */
export const httpFields = z.strictObject({
	type: z
		.enum(["http", "streamable-http", "sse"])
		.optional()
		.describe("Kind of the server; may be left out. `sse` is the same as `transport: sse`."),
	endpoint: url
		.optional()
		.describe("URL of the server's MCP endpoint: http or https, no query. May hold placeholders."),
	endpoints: endpoints.optional().describe("URLs of the server's replicas; all have the same scheme and path."),
	url: url.optional().describe("The same as `endpoint`, as other tools call it."),
	transport: z
		.enum(["streamable-http", "sse"], { error: "must be `streamable-http` or `sse`." })
		.optional()
		.describe(
			"`sse`: the endpoint is the stream of a server that speaks HTTP+SSE (2024-11-05). Default streamable-http.",
		),
	loadBalancer,
	headers: headers
		.default({})
		.describe(
			"Headers set on each request to the server, replacing the client's. Write secrets as `${NAME}` or `${file:/path}`.",
		),
	healthCheck: healthCheck.optional().describe("Active check of each replica; left out: none."),
	timeouts: timeouts.optional().describe("Time limits; all but `connect` are off by default."),
	tls: tls.optional().describe("TLS to `https:` endpoints; certificates are verified by default."),
	authorization: z
		.enum(["pass", "remove"], { error: "must be `pass` or `remove`." })
		.optional()
		.describe(
			"A client's `Authorization` that is no API key of the gateway: `pass` it to the server (default) or `remove` it. `Authorization` in `headers` replaces it.",
		),
	hostHeader: z
		.enum(["preserve", "rewrite"], { error: "must be `preserve` or `rewrite`." })
		.optional()
		.describe(
			"`preserve`: the client's Host reaches the server; `rewrite`: the endpoint's. Default: rewrite for `https:` names.",
		),
	sessionAffinity: z
		.boolean({ error: "must be `true` or `false`." })
		.optional()
		.describe(
			"Keep a session on the replica that opened it. Default: true, but false for one `https:` endpoint with a name.",
		),
});

/** The checked keys of an HTTP entry as the model has them. */
export function toHttp(entry: Omit<z.output<typeof httpFields>, "type"> & { type?: unknown }): Omit<HttpServer, "id"> {
	const single = entry.endpoint ?? entry.url;
	const list = entry.endpoints ?? (single === undefined ? [] : [single]);
	return {
		type: "http",
		endpoints: list.map((one) => (typeof one === "string" ? { url: one, weight: 1 } : one)),
		...((entry.type === "sse" || entry.transport === "sse") && { transport: "sse" as const }),
		loadBalancer: entry.loadBalancer,
		headers: entry.headers,
		...(entry.healthCheck !== undefined && { healthCheck: entry.healthCheck }),
		timeouts: entry.timeouts ?? DEFAULT_TIMEOUTS,
		tls: entry.tls ?? DEFAULT_TLS,
		...(entry.authorization !== undefined && { authorization: entry.authorization }),
		...(entry.hostHeader !== undefined && { hostHeader: entry.hostHeader }),
		...(entry.sessionAffinity !== undefined && { sessionAffinity: entry.sessionAffinity }),
	};
}

/** Faults of keys taken together. */
export function checkTogether(
	{ authorization, headers }: Pick<z.output<typeof httpFields>, "authorization" | "headers">,
	ctx: z.RefinementCtx,
) {
	if (authorization === "pass" && Object.keys(headers).some((name) => name.toLowerCase() === "authorization")) {
		const message = "is `pass`, but `headers` replaces the client's `Authorization`. Leave out one of them.";
		ctx.addIssue({ code: "custom", path: ["authorization"], message });
	}
}

/** An HTTP entry, parsed into the model (without its id). */
export const httpEntry = httpFields
	.superRefine(checkTogether)
	.transform(toHttp)
	.describe("An MCP server that is reached over HTTP.");
