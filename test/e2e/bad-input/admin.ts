import { type AdminReason, adminErrors } from "../../../control-plane/errors/admin.ts";

export interface AdminRow {
	readonly name: string;
	/** Bytes as Latin-1; `ETAG` stands for the registry's own. */
	readonly bytes: string;
	readonly status: number;
	/** The whole body, with the same words in it. */
	readonly body: object;
	/** Headers that the answer must have. */
	readonly headers: Readonly<Record<string, string>>;
}

type More = { readonly message?: string; readonly etag?: "ETAG"; readonly errors?: readonly object[] };

/** A request; the headers are lines of their own. */
const request = (line: string, headers: string, body: string) =>
	`${line} HTTP/1.1\r\n${/^Host:/m.test(headers) ? "" : "Host: localhost\r\n"}${headers}${body === "" ? "" : `Content-Length: ${body.length}\r\n`}\r\n${body}`;

interface Parts {
	readonly headers?: string;
	readonly body?: string;
	/** What the answer holds beside the catalogue's words, or instead of them. */
	readonly answer?: More;
	readonly has?: Readonly<Record<string, string>>;
}

function row(name: string, line: string, reason: AdminReason, parts: Parts = {}): AdminRow {
	const { headers = "", body = "", answer = {}, has = {} } = parts;
	const { status, message } = adminErrors[reason];
	const bytes = request(line, headers, body);
	return { name, bytes, status, body: { error: reason, message, ...answer }, headers: has };
}

/** Bytes that are no request that a line and headers make. */
const raw = (name: string, bytes: string, reason: AdminReason): AdminRow => ({ ...row(name, "", reason), bytes });

const JSON_BODY = "Content-Type: application/json\r\n";
const PATCH_BODY = "Content-Type: application/merge-patch+json\r\n";
const MATCH = "If-Match: ETAG\r\n";
const put = "PUT /v1/registry";
const patch = "PATCH /v1/registry";
const good = '{"s": {"type": "http", "endpoint": "http://127.0.0.1:1"}}';
const etag = { etag: "ETAG" } as const;
const says = (message: string): { answer: More } => ({ answer: { message } });
/** A fault of the registry as it would be; `REGISTRY` stands for its file. */
const fault = (line: number, col: number, message: string, pointer?: string, file = "REGISTRY") => ({
	file,
	line,
	col,
	message,
	...(pointer === undefined ? {} : { pointer }),
});
const AFTER = "The registry would have faults after this edit.";

export const calls: readonly AdminRow[] = [
	row("a foreign Host", "GET /v1/status", "host_denied", { headers: "Host: evil.example\r\n" }),
	row("a Host that begins well", "GET /v1/status", "host_denied", { headers: "Host: localhost.evil.example\r\n" }),
	row("an Origin", "GET /v1/status", "origin_denied", { headers: "Origin: http://localhost\r\n" }),
	row("an Origin that is null", put, "origin_denied", { headers: "Origin: null\r\n", body: good }),
	row("a path that is not there", "GET /v1/nosuch", "not_found"),
	row("dot segments", "GET /v1/../healthz", "not_found"),
	row("dot segments, escaped", "GET /v1/%2e%2e/healthz", "not_found"),
	row("two slashes", "GET //v1/status", "not_found"),
	row("an escape that is none", "GET /v1/servers/%zz", "bad_request"),
	row("an id of 300 characters", `GET /v1/servers/${"a".repeat(300)}`, "unknown_server"),
	row("an unknown server", "GET /v1/servers/nosuch", "unknown_server"),
	row("the server __proto__", "GET /v1/servers/__proto__", "unknown_server"),
	row("a slash in a server's id", "GET /v1/servers/a%2fb", "unknown_server"),
	row("a method that a path has not", "DELETE /v1/registry", "method_not_allowed", {
		has: { allow: "GET, HEAD, PUT, PATCH" },
	}),
	row("a body for what takes none", "POST /v1/status", "method_not_allowed", {
		headers: JSON_BODY,
		body: "{}",
		has: { allow: "GET, HEAD" },
	}),
	row("a method of others", "PROPFIND /v1/registry", "not_found"),
	row("a format that is none", "GET /v1/registry?format=xml", "bad_request", says("`format` is `json` or `yaml`.")),
	row(
		"a format twice",
		"GET /v1/registry?format=json&format=yaml",
		"bad_request",
		says("`format` is `json` or `yaml`."),
	),
	row("pictures only", "GET /v1/registry", "not_acceptable", { headers: "Accept: image/png\r\n" }),
	row("no Content-Type", put, "unsupported_media_type", {
		headers: MATCH,
		body: good,
		...says("Send this with the Content-Type application/json or application/yaml."),
		has: { accept: "application/json, application/yaml" },
	}),
	row("a form", put, "unsupported_media_type", {
		headers: `${MATCH}Content-Type: application/x-www-form-urlencoded\r\n`,
		body: "a=b",
		...says("Send this with the Content-Type application/json or application/yaml."),
	}),
	row("JSON as a patch", patch, "unsupported_media_type", {
		headers: MATCH + JSON_BODY,
		body: "{}",
		...says("Send this with the Content-Type application/merge-patch+json."),
		has: { "accept-patch": "application/merge-patch+json" },
	}),
	row("no JSON", put, "bad_request", {
		headers: MATCH + JSON_BODY,
		body: '{"s": ',
		answer: {
			message: "The body is not JSON.",
			errors: [fault(1, 7, "A value is expected here.", undefined, "body.json")],
		},
	}),
	row("no body", put, "bad_request", {
		headers: MATCH + JSON_BODY,
		answer: {
			message: "The body is not JSON.",
			errors: [fault(1, 1, "The file is empty. Write servers into it, or `{}` for none.", undefined, "body.json")],
		},
	}),
	row("no UTF-8", put, "bad_request", {
		headers: MATCH + JSON_BODY,
		body: "\xff\xfe",
		...says("The body is not UTF-8."),
	}),
	row("a list as a patch", patch, "bad_request", {
		headers: MATCH + PATCH_BODY,
		body: "[]",
		...says("The body must be a JSON object."),
	}),
	row("null as an entry", "PUT /v1/servers/x", "bad_request", {
		headers: JSON_BODY,
		body: "null",
		...says("The body must be a JSON object."),
	}),
	row("no If-Match", put, "precondition_required", { headers: JSON_BODY, body: good, answer: etag }),
	row("an If-Match of another registry", put, "precondition_failed", {
		headers: `If-Match: "abc"\r\n${JSON_BODY}`,
		body: good,
		answer: etag,
	}),
	row("a weak If-Match", put, "precondition_failed", {
		headers: `If-Match: W/ETAG\r\n${JSON_BODY}`,
		body: good,
		answer: etag,
	}),
	row("an If-Match that is no ETag", put, "precondition_failed", {
		headers: `If-Match: \xff,,"\r\n${JSON_BODY}`,
		body: good,
		answer: etag,
	}),
	row("a wait that is no number", "PUT /v1/servers/x?wait=soon", "bad_request", {
		headers: JSON_BODY,
		body: '{"cmd": ["x"]}',
		...says("`wait` takes a number of seconds."),
	}),
	row("a negative wait", "PUT /v1/servers/x?wait=-1", "bad_request", {
		headers: JSON_BODY,
		body: '{"cmd": ["x"]}',
		...says("`wait` takes a number of seconds."),
	}),
	row("a registry with faults", put, "registry_faulty", {
		headers: MATCH + JSON_BODY,
		body: '{"s": {"endpiont": "http://a"}}',
		answer: { errors: [fault(1, 8, "Unknown key `endpiont`. Did you mean `endpoint`?", "/s/endpiont", "body.json")] },
	}),
	row("a registry that is a list", put, "registry_faulty", {
		headers: MATCH + JSON_BODY,
		body: "[]",
		answer: {
			errors: [
				fault(
					1,
					1,
					"A registry is a map from server id to server, not a list. Write for example `my-server: {endpoint: http://host:8080/mcp}`.",
					"",
					"body.json",
				),
			],
		},
	}),
	row("a patch that would make the registry faulty", patch, "registry_faulty", {
		headers: MATCH + PATCH_BODY,
		body: '{"s": {"endpoint": "ftp://user:hunter2@a"}}',
		answer: {
			message: AFTER,
			errors: [fault(1, 27, "`endpoint` must begin with `http://` or `https://`.", "/s/endpoint")],
		},
	}),
	row("a patch that takes all from an entry", "PATCH /v1/servers/s", "registry_faulty", {
		headers: PATCH_BODY,
		body: '{"endpoint": null}',
		answer: {
			message: AFTER,
			errors: [
				fault(
					1,
					1,
					"This `http` entry does not say where its server is. Write `endpoint: http://host:8080/mcp`.",
					"/s",
				),
			],
		},
	}),
	row("a patch with __proto__", "PATCH /v1/servers/s", "registry_faulty", {
		headers: PATCH_BODY,
		body: '{"__proto__": {"x": 1}}',
		...says("`__proto__` cannot be a key. Choose another name."),
	}),
	row("a patch of an unknown server", "PATCH /v1/servers/nosuch", "unknown_server", {
		headers: PATCH_BODY,
		body: "{}",
	}),
	row(
		"an unknown server to remove",
		"DELETE /v1/servers/nosuch",
		"unknown_server",
		says("The registry has no server `nosuch`."),
	),
	row("an entry with a bad id", "PUT /v1/servers/..%2f..", "registry_faulty", {
		headers: JSON_BODY,
		body: '{"cmd": ["x"]}',
		answer: {
			message: AFTER,
			errors: [
				fault(4, 1, "A server's id may hold letters, digits, `.`, `_` and `-` only. Write for example `..-..`.", ""),
			],
		},
	}),
	row("an entry called __proto__", "PUT /v1/servers/__proto__", "registry_faulty", {
		headers: JSON_BODY,
		body: '{"cmd": ["x"]}',
		answer: { message: "`__proto__` cannot be a key. Choose another name.", errors: [] },
	}),
	row("an entry with half a character", "PUT /v1/servers/x", "registry_faulty", {
		headers: JSON_BODY,
		body: '{"cmd": ["\\ud83d"]}',
		answer: {
			message: AFTER,
			errors: [
				fault(
					6,
					7,
					"This text holds half of a character (an escape such as `\\ud83d` alone). Write the character itself.",
				),
			],
		},
	}),
	row("an entry 5,000 levels deep", "PUT /v1/servers/x", "registry_faulty", {
		headers: JSON_BODY,
		body: `{"cmd": ${"[".repeat(5000)}${"]".repeat(5000)}}`,
		...says("This is nested more than 100 levels deep."),
	}),
	row("a body over the limit", put, "body_too_large", { headers: `${MATCH + JSON_BODY}Content-Length: 33554433\r\n` }),
	raw("no HTTP", "\x16\x03\x01\r\n\r\n", "bad_request"),
	raw("headers of 100 KB", request("GET /v1/status", `X: ${"a".repeat(100_000)}\r\n`, ""), "headers_too_large"),
	raw("two lengths", request(put, `${MATCH + JSON_BODY}Content-Length: 1\r\nContent-Length: 2\r\n`, ""), "bad_request"),
	raw("no Host", "GET /v1/status HTTP/1.0\r\n\r\n", "host_denied"),
];
