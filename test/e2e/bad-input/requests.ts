import type { Reason } from "../../../control-plane/errors/catalogue.ts";

/** What a request is answered with. */
export type RequestAnswer =
	/** An error of the gateway's own, whole; the upstream sees nothing. */
	| {
			readonly reason: Reason;
			readonly server?: string | null;
			readonly id?: string | number | null;
			readonly path?: string;
			readonly detail?: string;
	  }
	/** It reaches the upstream as it is, with this target and, where it has one, this body. */
	| { readonly passes: string; readonly body?: string }
	/** The connection ends without an answer. */
	| { readonly closed: true };

export interface RequestRow {
	readonly name: string;
	/** Bytes as Latin-1. */
	readonly bytes: string;
	readonly answer: RequestAnswer;
}

export const MAX_BODY = 100_000;

const get = (target: string, headers = "Host: localhost\r\n") => `GET ${target} HTTP/1.1\r\n${headers}\r\n`;
const post = (target: string, body: string, headers = "") =>
	`POST ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
const rest = (headers: string, body = "") => `POST /s HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n${body}`;

const bad: RequestAnswer = { reason: "bad_request" };
const passes: RequestAnswer = { passes: "/mcp" };

/** Targets, request lines and framing. */
export const requests: readonly RequestRow[] = [
	...["/s/%2e%2e/x", "/s/..%2fx", "/s/%2E./", "/s/a/..", "/s/..;a=b/x", "/s\\..\\x", "/s/..%5cx"].map(
		(target): RequestRow => ({
			name: `a dot segment: ${target}`,
			bytes: get(target),
			answer: { reason: "bad_path", server: target.startsWith("/s/") ? "s" : null },
		}),
	),
	{ name: "a first segment that is empty", bytes: get("//s"), answer: { reason: "unknown_server", path: "//s" } },
	{ name: "an empty segment further on", bytes: get("/s//x"), answer: { passes: "/mcp//x" } },
	{ name: "an absolute target", bytes: get("http://localhost/s?q"), answer: { passes: "/mcp?q" } },
	{
		name: "an absolute target of another host",
		bytes: get("http://evil.example/s"),
		answer: { reason: "host_denied", server: "s" },
	},
	{ name: "a scheme that is none of HTTP", bytes: get("ftp://localhost/s"), answer: bad },
	{ name: "a target that is no path", bytes: get("s"), answer: bad },
	{ name: "a fragment in the target", bytes: get("/s#x"), answer: bad },
	{ name: "bytes beyond ASCII in the target", bytes: get("/s/\xc3\xbc"), answer: bad },
	{ name: "percent signs that escape nothing", bytes: get("/s/%zz%"), answer: { passes: "/mcp/%zz%" } },
	{ name: "a NUL that is escaped", bytes: get("/s/%00"), answer: { passes: "/mcp/%00" } },
	{ name: "a line break that is escaped", bytes: get("/s/%0d%0aX:1"), answer: { passes: "/mcp/%0d%0aX:1" } },
	{ name: "the id in other case", bytes: get("/S"), answer: { reason: "unknown_server", path: "/S" } },
	{ name: "the id with an escape", bytes: get("/%73"), answer: { reason: "unknown_server", path: "/%73" } },
	{ name: "ids of JavaScript", bytes: get("/__proto__"), answer: { reason: "unknown_server", path: "/__proto__" } },
	{
		name: "a target of 50 KB",
		bytes: get(`/nosuch${"a".repeat(50_000)}`),
		answer: { reason: "unknown_server", path: `/nosuch${"a".repeat(50_000)}` },
	},
	{ name: "CONNECT", bytes: "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n", answer: bad },
	{ name: "OPTIONS *", bytes: "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", answer: bad },
	{ name: "TRACE", bytes: "TRACE /s HTTP/1.1\r\nHost: localhost\r\n\r\n", answer: passes },
	{ name: "a method in lower case", bytes: "get /s HTTP/1.1\r\nHost: localhost\r\n\r\n", answer: bad },
	{ name: "a method that no one knows", bytes: "BREW /s HTTP/1.1\r\nHost: localhost\r\n\r\n", answer: bad },
	{ name: "HTTP/0.9", bytes: "GET /s\r\n\r\n", answer: bad },
	{ name: "HTTP/1.0", bytes: "GET /s HTTP/1.0\r\nHost: localhost\r\n\r\n", answer: bad },
	{ name: "HTTP/3.7", bytes: "GET /s HTTP/3.7\r\nHost: localhost\r\n\r\n", answer: bad },
	{ name: "TLS on a port without it", bytes: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", answer: bad },
	{
		name: "the preface of HTTP/2, then garbage",
		bytes: `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${"\xff".repeat(64)}`,
		answer: { closed: true },
	},
	{ name: "the preface of HTTP/2, cut", bytes: "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", answer: { closed: true } },
	{ name: "line ends without CR", bytes: "GET /s HTTP/1.1\nHost: localhost\n\n", answer: passes },
	{
		name: "a chunk whose size is no number",
		bytes: rest("Transfer-Encoding: chunked\r\n", "zz\r\nhello\r\n0\r\n\r\n"),
		answer: { reason: "bad_request", server: "s" },
	},
	{
		name: "a chunk of a negative size",
		bytes: rest("Transfer-Encoding: chunked\r\n", "-5\r\nhello\r\n0\r\n\r\n"),
		answer: { reason: "bad_request", server: "s" },
	},
	{
		name: "a chunk of more than 64 bits",
		bytes: rest("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\nx"),
		answer: { reason: "bad_request", server: "s" },
	},
	{
		name: "Content-Length and Transfer-Encoding",
		bytes: rest("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
		answer: bad,
	},
	{ name: "chunked, twice", bytes: rest("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), answer: bad },
	{ name: "an unknown transfer coding", bytes: rest("Transfer-Encoding: gzip\r\n"), answer: bad },
	{ name: "two lengths", bytes: rest("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"), answer: bad },
	{ name: "the same length twice", bytes: rest("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), answer: bad },
	{ name: "a negative length", bytes: rest("Content-Length: -1\r\n"), answer: bad },
	{ name: "a length with a sign", bytes: rest("Content-Length: +5\r\n", "hello"), answer: bad },
	{ name: "a length in hexadecimal", bytes: rest("Content-Length: 0x5\r\n", "hello"), answer: bad },
	{
		name: "a declared length over the limit",
		bytes: rest(`Content-Length: ${MAX_BODY + 1}\r\n`),
		answer: { reason: "body_too_large", server: "s" },
	},
	{ name: "a declared length beyond 64 bits", bytes: rest("Content-Length: 99999999999999999999999\r\n"), answer: bad },
	{
		name: "chunks over the limit",
		bytes: rest(
			"Transfer-Encoding: chunked\r\n",
			`${(MAX_BODY + 1).toString(16)}\r\n${"x".repeat(MAX_BODY + 1)}\r\n0\r\n\r\n`,
		),
		answer: { reason: "body_too_large", server: "s" },
	},
	...[
		["no JSON", "no json {"],
		["cut JSON", '{"jsonrpc":"2.0","id":1,"met'],
		["a batch", '[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]'],
		["an empty batch", "[]"],
		["no UTF-8", "\xff\xfe{"],
		["a NUL", '{"a":"\0"}'],
		["300 brackets", "[".repeat(300)],
		["a key twice", '{"id":1,"id":2,"method":"a","method":"b"}'],
		["numbers out of range", '{"jsonrpc":"2.0","id":1e999,"method":"ping"}'],
		["an id that is an object", '{"jsonrpc":"2.0","id":{},"method":"ping"}'],
		["a method of 60 KB", `{"jsonrpc":"2.0","id":1,"method":"${"m".repeat(60_000)}"}`],
	].map(
		([name, body = ""]): RequestRow => ({
			name: `a body: ${name}`,
			bytes: post("/s", body),
			answer: { passes: "/mcp", body },
		}),
	),
	{
		name: "an error's id where that is an object",
		bytes: post("/nosuch", '{"jsonrpc":"2.0","id":{},"method":"ping"}'),
		answer: { reason: "unknown_server", path: "/nosuch", id: null },
	},
	{
		name: "an error's id where it is a number out of range",
		bytes: post("/nosuch", '{"jsonrpc":"2.0","id":1e999,"method":"ping"}'),
		answer: { reason: "unknown_server", path: "/nosuch", id: null },
	},
	{
		name: "an error's id where it is a fraction",
		bytes: post("/nosuch", '{"jsonrpc":"2.0","id":1.5,"method":"ping"}'),
		answer: { reason: "unknown_server", path: "/nosuch", id: 1.5 },
	},
];
