import type { RequestAnswer, RequestRow } from "./requests.ts";

/** A request with these headers, lines and all, behind a good Host. */
const get = (headers: string, target = "/s") => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n\r\n`;
/** A session id as the gateway gives it out, of this replica. */
const session = (replica: string, own = "x") =>
	`${Buffer.from(replica).toString("base64")};UV:${Buffer.from(own).toString("base64")}`;

const bad: RequestAnswer = { reason: "bad_request" };
const passes: RequestAnswer = { passes: "/mcp" };
const denied: RequestAnswer = { reason: "host_denied", server: "s" };
const foreign: RequestAnswer = { reason: "origin_denied", server: "s" };
const host = (value: string) => `GET /s HTTP/1.1\r\nHost: ${value}\r\n\r\n`;

/** Headers that no one should send, and those that others might believe. */
export const headers: readonly RequestRow[] = [
	{ name: "no Host", bytes: "GET /s HTTP/1.1\r\n\r\n", answer: bad },
	{ name: "two Hosts", bytes: "GET /s HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", answer: denied },
	{ name: "an empty Host", bytes: host(""), answer: denied },
	{ name: "a foreign Host", bytes: host("evil.example"), answer: denied },
	{ name: "a Host that begins well", bytes: host("localhost.evil.example"), answer: denied },
	{ name: "a Host with a user", bytes: host("localhost@evil.example"), answer: denied },
	{ name: "a Host with a path", bytes: host("localhost/x"), answer: bad },
	{ name: "a Host with a port that is none", bytes: host("localhost:x"), answer: denied },
	{ name: "a Host with two ports", bytes: host("localhost:80:80"), answer: denied },
	{ name: "a Host in other case", bytes: host("LOCALHOST:1"), answer: passes },
	{ name: "a foreign Origin", bytes: get("Origin: https://evil.example"), answer: foreign },
	{ name: "the Origin of files and frames", bytes: get("Origin: null"), answer: foreign },
	{ name: "an Origin that begins well", bytes: get("Origin: http://localhost.evil.example"), answer: foreign },
	{ name: "an Origin with a path", bytes: get("Origin: http://localhost/x"), answer: foreign },
	{ name: "two Origins", bytes: get("Origin: http://localhost\r\nOrigin: https://evil.example"), answer: foreign },
	{ name: "an empty Origin", bytes: get("Origin:"), answer: foreign },
	{
		name: "a preflight of a foreign Origin",
		bytes:
			"OPTIONS /s HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n",
		answer: foreign,
	},
	{ name: "a header over two lines, which becomes one", bytes: get("X-A: a\r\n b"), answer: passes },
	{ name: "a NUL in a value", bytes: get("X-A: a\0b"), answer: bad },
	{ name: "a CR in a value, which is dropped", bytes: get("X-A: a\rb"), answer: passes },
	{ name: "a space in a name", bytes: get("X A: 1"), answer: bad },
	{ name: "a space before the colon", bytes: get("X-A : 1"), answer: bad },
	{ name: "no name", bytes: get(": 1"), answer: bad },
	{ name: "no colon", bytes: get("X-A"), answer: bad },
	{ name: "a name of HTTP/2", bytes: get(":path: /other"), answer: bad },
	{ name: "bytes beyond ASCII in a value", bytes: get("X-A: \xff\xfe"), answer: passes },
	{ name: "bytes beyond ASCII in a name", bytes: get("X-\xff: 1"), answer: bad },
	{ name: "a header of 128 KiB", bytes: get(`X-A: ${"a".repeat(131_072)}`), answer: { reason: "headers_too_large" } },
	{
		name: "200 headers",
		bytes: get(Array.from({ length: 200 }, (_, n) => `X-${n}: 1`).join("\r\n")),
		answer: { reason: "headers_too_large" },
	},
	{
		name: "an Upgrade to nothing known",
		bytes: get("Connection: upgrade\r\nUpgrade: gopher/1.0"),
		answer: {
			reason: "bad_request",
			server: "s",
			detail: "A connection is upgraded to `websocket` and to nothing else.",
		},
	},
	{
		name: "an Upgrade to HTTP/2",
		bytes: get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__"),
		answer: passes,
	},
	{
		name: "a session id that is no base64",
		bytes: get("Mcp-Session-Id: %%%:???", "/pair"),
		answer: { passes: "/mcp" },
	},
	{
		name: "a session id of the address of someone else",
		bytes: get(`Mcp-Session-Id: ${session("10.255.255.1:80")}`, "/pair"),
		answer: { reason: "session_lost", server: "pair" },
	},
	{
		name: "a session id of Envoy's own socket",
		bytes: get(`Mcp-Session-Id: ${session("/run/envoy-admin.sock")}`, "/pair"),
		answer: { reason: "session_lost", server: "pair" },
	},
	{
		name: "a session id that decodes to line breaks",
		bytes: get(`Mcp-Session-Id: ${session("127.0.0.1:1", "a\r\nX: b")}`, "/pair"),
		answer: { reason: "session_lost", server: "pair" },
	},
	{
		name: "a session id of 10 kB",
		bytes: get(`Mcp-Session-Id: ${"A".repeat(10_000)}`, "/pair"),
		answer: { passes: "/mcp" },
	},
	{
		name: "two session ids",
		bytes: get("Mcp-Session-Id: a\r\nMcp-Session-Id: b", "/pair"),
		answer: { passes: "/mcp" },
	},
	{ name: "an empty session id", bytes: get("Mcp-Session-Id:", "/pair"), answer: { passes: "/mcp" } },
	{
		name: "a session id for stdio that no one gave out",
		bytes: get("Accept: text/event-stream\r\nMcp-Session-Id: abc", "/stdio"),
		answer: { reason: "session_lost", server: "stdio" },
	},
	{
		name: "no session id for stdio, where HTTP+SSE has no stream",
		bytes: get("Accept: text/event-stream", "/stdio/below"),
		answer: { reason: "session_required", server: "stdio" },
	},
	{
		name: "orders to Envoy",
		bytes: get(
			"X-Envoy-Retry-On: 5xx\r\nX-Envoy-Upstream-Rq-Timeout-Ms: 1\r\nX-Envoy-Original-Path: /x\r\nX-Envoy-Force-Trace: 1\r\nX-Envoy-Decorator-Operation: x\r\nX-Envoy-Internal: true",
		),
		answer: passes,
	},
	{ name: "the gateway's own header", bytes: get("X-Mcp-Gateway-Path: /nosuch"), answer: passes },
	{
		name: "the gateway's own header, to somewhere else",
		bytes: get("X-Mcp-Gateway-Path: /s", "/nosuch"),
		answer: { reason: "unknown_server", path: "/nosuch" },
	},
	{
		name: "headers named as hop by hop that matter",
		bytes: get("Connection: host, x-mcp-gateway-path, mcp-session-id"),
		answer: bad,
	},
	{ name: "a request id of 8 KB", bytes: get(`X-Request-Id: ${"a".repeat(8000)}`), answer: passes },
	{
		name: "a request id that would break JSON",
		bytes: get('X-Request-Id: "},"a":{"', "/nosuch"),
		answer: { reason: "unknown_server", path: "/nosuch" },
	},
	{
		name: "a forwarding header of nonsense",
		bytes: get('X-Forwarded-For: $(jndi:x), 999.1.1.1,,\r\nForwarded: for="\r\nVia: x'),
		answer: passes,
	},
];
