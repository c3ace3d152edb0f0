import { createHash, randomBytes } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { send } from "./client.ts";
import { recordedServer } from "./recorded.ts";

const running = recordedServer();
beforeEach(() => running.upstream.clear());

const digest = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const MiB = 1024 ** 2;

describe("a body reaches the upstream and comes back, byte for byte", () => {
	test.each([
		["nothing", Buffer.alloc(0), false],
		["every byte there is", Buffer.from(Array.from({ length: 256 }, (_, n) => n)), false],
		["every byte there is, chunked", Buffer.from(Array.from({ length: 256 }, (_, n) => n)), true],
		["JSON with odd spacing", Buffer.from('\r\n{ "a" :\t1.0, "a":2 , "\\u00e9":"é" }\n'), false],
		["1 MiB", randomBytes(MiB), false],
		["1 MiB, chunked", randomBytes(MiB), true],
		["20 MiB", randomBytes(20 * MiB), false],
		["20 MiB, chunked", randomBytes(20 * MiB), true],
	])("%s", async (_name, body, chunked) => {
		running.upstream.reply((request) => ({
			body: request.body,
			headers: { "content-type": "application/octet-stream" },
		}));
		const answer = await send(running.gateway.url, "/s", { method: "POST", body, chunked });
		expect(answer.status).toBe(200);
		expect(digest(answer.body)).toBe(digest(body));
		const seen = await running.upstream.next();
		expect(digest(seen.body)).toBe(digest(body));
	});

	test.each([65_536, 65_537, 5 * MiB])("an MCP message of %i bytes that declares no length", async (bytes) => {
		const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "x", arguments: { a: "" } } };
		message.params.arguments.a = "a".repeat(bytes - JSON.stringify(message).length);
		const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
		const body = JSON.stringify(message);
		running.upstream.reply({ body: "{}" });
		const answer = await send(running.gateway.url, "/s", { method: "POST", headers, body, chunked: true });
		expect(answer.status).toBe(200);
		expect((await running.upstream.next()).body.toString()).toBe(body);
	});

	test("declared lengths stay declared", async () => {
		await send(running.gateway.url, "/s", { body: "{}" });
		const seen = await running.upstream.next();
		expect(seen.headers["content-length"]).toBe("2");
		expect(seen.headers["transfer-encoding"]).toBeUndefined();
	});

	test("a content encoding is left alone", async () => {
		const body = randomBytes(100);
		running.upstream.reply({ body, headers: { "content-encoding": "gzip", "content-type": "application/json" } });
		const headers = { "content-encoding": "gzip", "accept-encoding": "gzip, br" };
		const answer = await send(running.gateway.url, "/s", { method: "POST", headers, body });
		expect([answer.headers["content-encoding"], digest(answer.body)]).toEqual(["gzip", digest(body)]);
		const seen = await running.upstream.next();
		expect(seen.headers).toMatchObject({ "content-encoding": "gzip", "accept-encoding": "gzip, br" });
		expect(digest(seen.body)).toBe(digest(body));
	});
});

test.each([
	"GET",
	"POST",
	"PUT",
	"PATCH",
	"DELETE",
	"OPTIONS",
	"HEAD",
	"PROPFIND",
])("the method %s is passed on", async (method) => {
	const answer = await send(running.gateway.url, "/s", { method });
	expect(answer.status).toBe(200);
	expect((await running.upstream.next()).method).toBe(method);
});

describe("an upstream's answer is passed untouched", () => {
	test.each([
		200, 201, 202, 204, 301, 307, 400, 401, 403, 404, 405, 406, 408, 413, 426, 429, 431, 500, 501, 502, 503, 504,
	])("status %i", async (status) => {
		const body = status === 204 ? "" : `{"not":"ours","status":${status}}`;
		running.upstream.reply({
			status,
			body,
			headers: { "content-type": "application/problem+json", location: "/elsewhere" },
		});
		const answer = await send(running.gateway.url, "/s", { body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' });
		expect(answer).toMatchObject({ status, text: body });
		expect(answer.headers).toMatchObject({ "content-type": "application/problem+json", location: "/elsewhere" });
	});

	test("also with a session header, and where it says what the gateway would say of a lost one", async () => {
		running.upstream.reply({ status: 503, body: "no healthy upstream", headers: { "content-type": "text/plain" } });
		const answer = await send(running.gateway.url, "/s", { headers: { "mcp-session-id": "mine" }, body: "{}" });
		expect(answer).toMatchObject({ status: 503, text: "no healthy upstream" });
		expect(answer.headers["content-type"]).toBe("text/plain");
		expect((await running.upstream.next()).headers["mcp-session-id"]).toBe("mine");
	});

	test("headers, repeated ones and the server's own name included", async () => {
		const headers = {
			"content-type": "text/html",
			"set-cookie": ["a=1; Path=/", "b=2"],
			server: "theirs/1.0",
			date: "Thu, 01 Jan 1970 00:00:00 GMT",
			"www-authenticate": 'Bearer resource_metadata="https://x/.well-known/y"',
			"x-odd": "a,  b",
			via: "1.1 theirs",
		};
		running.upstream.reply({ status: 401, headers, body: "<p>" });
		const direct = await send(running.upstream.url, "/mcp");
		const through = await send(running.gateway.url, "/s");
		const named = ({ rawHeaders }: typeof direct) =>
			Array.from(
				{ length: rawHeaders.length / 2 },
				(_, n) => `${rawHeaders[2 * n]?.toLowerCase()}: ${rawHeaders[2 * n + 1]}`,
			)
				.filter((line) => !/^(connection|keep-alive|content-length|transfer-encoding):/.test(line))
				.sort();
		expect(named(through)).toEqual(named(direct));
	});
});
