import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Gateway, startGateway } from "../../support/gateway.ts";
import { type Recorded, type Recorder, startRecorder } from "../../support/upstreams.ts";
import { type Answer, type Call, open, readUntil, send } from "./client.ts";

let upstream: Recorder;
let gateway: Gateway;

beforeAll(async () => {
	upstream = await startRecorder();
	gateway = await startGateway({
		args: ["a.example", "mcp.example", "somewhere.example", "127.0.0.1", "localhost"].flatMap((host) => [
			"--allow-host",
			host,
		]),
		registry: {
			root: { type: "http", endpoint: upstream.url },
			plain: { type: "http", endpoint: `${upstream.url}/mcp` },
			slash: { type: "http", endpoint: `${upstream.url}/mcp/` },
			deep: { type: "http", endpoint: `${upstream.url}/a/b%2Fc/d` },
			"Odd.id_-1": { type: "http", endpoint: `${upstream.url}/odd` },
			rewrite: { type: "http", endpoint: `${upstream.url}/mcp`, hostHeader: "rewrite" },
			set: {
				type: "http",
				endpoint: `${upstream.url}/mcp`,
				headers: { Authorization: "Bearer ours", "X-Team": "blue" },
			},
		},
	});
});
afterAll(async () => {
	await gateway?.stop();
	await upstream?.close();
});
beforeEach(() => upstream.clear());

async function pass(target: string, call?: Call): Promise<{ seen: Recorded; answer: Answer }> {
	const answer = await send(gateway.url, target, call);
	return { seen: await upstream.next(), answer };
}

describe("the target that reaches the upstream", () => {
	test.each([
		["/root", "/"],
		["/root/", "/"],
		["/root/mcp", "/mcp"],
		["/root//", "//"],
		["/plain", "/mcp"],
		["/plain/", "/mcp"],
		["/plain/x/y", "/mcp/x/y"],
		["/plain/x/", "/mcp/x/"],
		["/plain//x", "/mcp//x"],
		["/slash", "/mcp/"],
		["/slash/", "/mcp/"],
		["/slash/x", "/mcp/x"],
		["/deep", "/a/b%2Fc/d"],
		["/deep/e", "/a/b%2Fc/d/e"],
		["/Odd.id_-1/x", "/odd/x"],
	])("%s is %s", async (target, expected) => {
		expect((await pass(target)).seen.target).toBe(expected);
	});

	test.each([
		"?",
		"?q=1&q=2",
		"?a=%7E~%2F/+%20&%C3%BC",
		"?x=//y/../z",
		"?a?b=c",
		"?%",
		"?token=a%3Db%26c",
	])("the query %s is unchanged", async (query) => {
		expect((await pass(`/plain${query}`)).seen.target).toBe(`/mcp${query}`);
		expect((await pass(`/plain/x${query}`)).seen.target).toBe(`/mcp/x${query}`);
	});

	test.each([
		"/%7Euser",
		"/~user",
		"/a%2Fb",
		"/a%2fb",
		"/a+b",
		"/a%20b",
		"/%C3%BC",
		"/a//b///c",
		"/a;v=1/b",
		"/a%00b",
		"/%zz",
		"/!$&'()*,:@=",
		'/{x}|^`"<>',
		"/plain",
	])("the path %s is unchanged", async (path) => {
		expect((await pass(`/plain${path}`)).seen.target).toBe(`/mcp${path}`);
	});

	test("an id is found by its exact bytes only", async () => {
		for (const target of ["/PLAIN", "/plai", "/plainx", "/plain%20", "/%70lain", "//plain", "/"]) {
			expect([target, (await send(gateway.url, target)).status]).toEqual([target, 404]);
		}
		expect(upstream.requests).toEqual([]);
	});

	test("the absolute form of a target is served like the other", async () => {
		const { seen } = await pass("http://somewhere.example/plain/x?y=1");
		expect(seen.target).toBe("/mcp/x?y=1");
	});
});

describe("headers that reach the upstream", () => {
	test("values are unchanged, byte for byte, and repeated ones stay in order", async () => {
		const socket = open(
			gateway.url,
			Buffer.from(
				'POST /plain HTTP/1.1\r\nHost: a.example:99\r\nX-Raw: \xfc "q" ; a=b,  c\r\nX-Many: 1\r\nx-many: 2\r\nX-Empty:\r\nCookie: a=1; b=2\r\nMcp-Session-Id-Not: x\r\nContent-Length: 2\r\n\r\n{}',
				"latin1",
			),
		);
		const seen = await upstream.next();
		socket.destroy();
		expect(seen.headers).toMatchObject({
			host: "a.example:99",
			"x-raw": '\xfc "q" ; a=b,  c',
			"x-many": "1, 2",
			"x-empty": "",
			cookie: "a=1; b=2",
			"content-length": "2",
		});
	});

	test("Host is the client's; the endpoint's where the entry says rewrite", async () => {
		expect((await pass("/plain", { headers: { host: "mcp.example" } })).seen.headers.host).toBe("mcp.example");
		expect((await pass("/rewrite", { headers: { host: "mcp.example" } })).seen.headers.host).toBe(
			new URL(upstream.url).host,
		);
	});

	test("only what a proxy must add is added", async () => {
		const { seen } = await pass("/plain", { headers: { "x-request-id": "mine", "user-agent": "t" }, body: "{}" });
		const names = Object.keys(seen.headers).sort();
		expect(names).toEqual(["content-length", "host", "traceparent", "user-agent", "x-forwarded-proto", "x-request-id"]);
		expect(seen.headers["x-request-id"]).toBe("mine");
	});

	test("internal headers stay inside, whatever the client sends", async () => {
		const lies = {
			"x-mcp-gateway-path": "/root/other",
			"x-envoy-original-path": "/x",
			"x-envoy-decorator-operation": "x",
			"x-envoy-attempt-count": "7",
			"x-envoy-internal": "true",
			"x-envoy-external-address": "1.2.3.4",
			"x-envoy-expected-rq-timeout-ms": "1",
			"x-envoy-original-host": "x",
			"x-envoy-ip-tags": "x",
			"x-envoy-force-trace": "true",
			"x-envoy-hedge-on-per-try-timeout": "true",
		};
		const { seen } = await pass("/plain/x", { headers: lies });
		expect(seen.target).toBe("/mcp/x");
		expect(Object.keys(seen.headers).filter((name) => /^x-(mcp-gateway|envoy)/.test(name))).toEqual([]);
	});

	test("an entry's headers replace the client's", async () => {
		const { seen } = await pass("/set", { headers: { authorization: "Bearer theirs", "X-Team": ["red", "green"] } });
		expect(seen.headers["authorization"]).toBe("Bearer ours");
		expect(seen.headers["x-team"]).toBe("blue");
		expect((await pass("/plain", { headers: { authorization: "Bearer theirs" } })).seen.headers["authorization"]).toBe(
			"Bearer theirs",
		);
	});

	test("a client's x-envoy headers steer nothing", async () => {
		let calls = 0;
		upstream.reply(() => ({ status: 503, body: `${++calls}`, delayMs: 120 }));
		const { answer } = await pass("/plain", {
			headers: {
				"x-envoy-retry-on": "5xx,gateway-error,retriable-4xx",
				"x-envoy-retry-grpc-on": "cancelled",
				"x-envoy-max-retries": "5",
				"x-envoy-upstream-rq-timeout-ms": "20",
				"x-envoy-upstream-rq-per-try-timeout-ms": "20",
				"x-envoy-upstream-rq-timeout-alt-response": "1",
				"x-envoy-upstream-alt-stat-name": "x",
			},
			body: "{}",
		});
		expect([answer.status, answer.text, calls]).toEqual([503, "1", 1]);
		const names = Object.keys(upstream.requests[0]?.headers ?? {}).filter((name) => name.startsWith("x-envoy"));
		expect(names).toEqual([]);
	});
});

test("what a proxy in front says of the client is left alone", async () => {
	const headers = { "x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.9", forwarded: "for=192.0.2.9" };
	expect((await pass("/plain", { headers })).seen.headers).toMatchObject(headers);
});

test("pipelined requests on one connection are answered in order", async () => {
	upstream.reply(({ target }) => ({ body: target, delayMs: target.endsWith("1") ? 100 : 0 }));
	const one = (n: number, close = "") => `GET /plain/${n} HTTP/1.1\r\nHost: localhost\r\n${close}\r\n`;
	const text = await readUntil(open(gateway.url, one(1) + one(2) + one(3, "Connection: close\r\n")));
	expect(text.match(/\/mcp\/\d/g)).toEqual(["/mcp/1", "/mcp/2", "/mcp/3"]);
});
