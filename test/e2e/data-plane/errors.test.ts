import { createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually, freePort, type Gateway, noCluster, startGateway } from "../../support/gateway.ts";
import { type Recorder, startRecorder } from "../../support/upstreams.ts";
import { expectGatewayError, open, readUntil, send, sendRaw, toolCall } from "./client.ts";

const MAX_BODY = 100_000;
let upstream: Recorder;
let garbage: Server;
let gateway: Gateway;

beforeAll(async () => {
	upstream = await startRecorder();
	garbage = createServer((socket) =>
		socket.on("error", () => {}).once("data", () => socket.end("SSH-2.0-no http\r\n\r\n")),
	);
	await new Promise<void>((resolve) => garbage.listen(0, "127.0.0.1", resolve));
	const { port } = garbage.address() as { port: number };
	gateway = await startGateway({
		args: [
			"--max-body",
			String(MAX_BODY),
			"--allow-host",
			"gateway.example",
			"--allow-host",
			"127.0.0.1",
			...noCluster,
		],
		registry: {
			s: { type: "http", endpoint: `${upstream.url}/mcp` },
			refused: { type: "http", endpoint: `http://127.0.0.1:${await freePort()}/mcp` },
			down: {
				type: "http",
				endpoints: [`http://127.0.0.1:${await freePort()}/`, `http://127.0.0.1:${await freePort()}/`],
			},
			garbage: { type: "http", endpoint: `http://127.0.0.1:${port}/mcp` },
			kube: { type: "k8s", chart: "github-server", replicas: 2, namespace: "mcp" },
		},
	});
});
afterAll(async () => {
	await gateway?.stop();
	await upstream?.close();
	garbage?.close();
});

const call = (id: string | number = 1, headers: Record<string, string> = {}) => {
	const made = toolCall("echo", id);
	return { ...made, headers: { ...(made.headers as Record<string, string>), "x-request-id": "r-1", ...headers } };
};

describe("the error's id is the caller's, with its type", () => {
	test.each([1, 0, -5, 2 ** 40, "seven", "7", "", 'q"\\ü'])("%j", async (id) => {
		const answer = await send(gateway.url, "/nosuch", call(id));
		expectGatewayError(answer, "unknown_server", { id, requestId: "r-1", path: "/nosuch" });
	});

	test("null where there is none", async () => {
		for (const body of ["", "{}", "no json", "[1]", '{"jsonrpc":"2.0","method":"notifications/x"}']) {
			const answer = await send(gateway.url, "/nosuch", { ...call(), body });
			expectGatewayError(answer, "unknown_server", { id: null, requestId: "r-1", path: "/nosuch" });
		}
		expectGatewayError(await send(gateway.url, "/nosuch"), "unknown_server", { path: "/nosuch" });
	});
});

describe("each reason", () => {
	test("unknown_server names the path without its query, whatever is in it", async () => {
		const answer = await send(gateway.url, '/no"such\\x/%22?token=secret', call());
		expectGatewayError(answer, "unknown_server", { id: 1, requestId: "r-1", path: '/no"such\\x/%22' });
		expectGatewayError(await send(gateway.url, "/"), "unknown_server", { path: "/" });
	});

	test("cannot_connect", async () => {
		expectGatewayError(await send(gateway.url, "/refused", call("c")), "cannot_connect", {
			id: "c",
			server: "refused",
			requestId: "r-1",
		});
	});

	test("no_healthy_replica, once all are ejected; with a session it is lost", async () => {
		let last = await send(gateway.url, "/down", call());
		await eventually("both are ejected", async () => {
			last = await send(gateway.url, "/down", call());
			return last.status === 503;
		});
		expectGatewayError(last, "no_healthy_replica", { id: 1, server: "down", requestId: "r-1" });
	});

	test("session_lost", async () => {
		const id = Buffer.from("127.0.0.1:1").toString("base64");
		const headers = { "mcp-session-id": `${Buffer.from("x").toString("base64")}:${id}` };
		for (const method of ["POST", "GET", "DELETE"]) {
			const answer = await send(gateway.url, "/down", { ...call(3, headers), method });
			expect([method, answer.status, JSON.parse(answer.text).error?.data?.reason]).toEqual([
				method,
				404,
				"session_lost",
			]);
		}
	});

	test("replica_died", async () => {
		upstream.reply({ destroy: true });
		const answer = await send(gateway.url, "/s", call(9)).finally(() => upstream.reply({ body: "{}" }));
		expectGatewayError(answer, "replica_died", { id: 9, server: "s", requestId: "r-1" });
	});

	test("bad_answer", async () => {
		expectGatewayError(await send(gateway.url, "/garbage", call(9)), "bad_answer", {
			id: 9,
			server: "garbage",
			requestId: "r-1",
		});
	});

	test("server_unavailable tells why", async () => {
		for (const target of ["/kube", "/kube/", "/kube/x?y=1"]) {
			expectGatewayError(await send(gateway.url, target, call(4)), "server_unavailable", {
				id: 4,
				server: "kube",
				requestId: "r-1",
				detail: expect.stringContaining("no cluster: "),
			});
		}
	});

	test("origin_denied and host_denied, before the server sees anything", async () => {
		upstream.clear();
		const origin = await send(gateway.url, "/s", call(5, { origin: "https://evil.example" }));
		expectGatewayError(origin, "origin_denied", { server: "s", requestId: "r-1" });
		for (const host of ["evil.example", "gateway.example.evil", "xgateway.example", ""]) {
			for (const [method, rest] of [
				["GET", "\r\n"],
				["POST", "Content-Length: 2\r\n\r\n{}"],
			]) {
				const head = `${method} /s HTTP/1.1\r\nHost: ${host}\r\nX-Request-Id: r-1\r\n`;
				const answer = await sendRaw(gateway.url, head + rest);
				expectGatewayError(answer, "host_denied", { server: "s", requestId: "r-1" });
			}
		}
		expect(upstream.requests).toEqual([]);
		for (const host of ["gateway.example", "gateway.example:8443", "GATEWAY.example"]) {
			expect((await send(gateway.url, "/s", call(1, { host }))).status).toBe(200);
		}
	});
});

test("what is HTTP but not for a gateway is the client's fault", async () => {
	const answer = await sendRaw(gateway.url, "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
	expect([answer.status, JSON.parse(answer.text).error.data.reason]).toEqual([400, "bad_request"]);
});

describe("body_too_large", () => {
	const start = (headers: string) => `POST /s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-Id: r-1\r\n${headers}\r\n\r\n`;

	const lengths = [
		MAX_BODY + 1,
		2 ** 31,
		2 ** 52,
		Number.MAX_SAFE_INTEGER,
		"9223372036854775807",
		"18446744073709551615",
	];

	test.each(lengths)("a declared length of %s is refused before the body", async (length) => {
		upstream.clear();
		for (const more of ["", "\r\nExpect: 100-continue"]) {
			const answer = await sendRaw(gateway.url, start(`Content-Length: ${length}${more}`));
			expectGatewayError(answer, "body_too_large", { server: "s", requestId: "r-1" });
		}
		expect(upstream.requests).toEqual([]);
	});

	test("a chunked body is refused when it is over", async () => {
		upstream.clear();
		const headers = { "x-request-id": "r-1" };
		const body = Buffer.alloc(MAX_BODY + 1, "x");
		const answer = await send(gateway.url, "/s", { method: "POST", headers, body, chunked: true });
		expectGatewayError(answer, "body_too_large", { server: "s", requestId: "r-1" });
		expect(upstream.requests).toEqual([]);
	});

	test("at the limit it passes, with Expect: 100-continue too", async () => {
		const body = Buffer.alloc(MAX_BODY, "x");
		for (const chunked of [false, true]) {
			expect((await send(gateway.url, "/s", { method: "POST", body, chunked })).status).toBe(200);
		}
		const socket = open(gateway.url, start("Content-Length: 2\r\nExpect: 100-continue"));
		await readUntil(socket, (text) => text.startsWith("HTTP/1.1 100"));
		socket.write("{}");
		expect(await readUntil(socket, (text) => text.includes("\r\n\r\n"))).toMatch(/^HTTP\/1.1 200/);
		socket.destroy();
	});
});

describe("what is no readable HTTP", () => {
	const head = "POST /s HTTP/1.1\r\nHost: 127.0.0.1\r\n";
	test.each([
		["garbage", "\x16\x03\x01 no http\r\n\r\n"],
		["no version", "GET /s\r\n\r\n"],
		["no Host", "GET /s HTTP/1.1\r\n\r\n"],
		["Content-Length and Transfer-Encoding", `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
		["two lengths", `${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`],
		["a length that is no number", `${head}Content-Length: x\r\n\r\n`],
		["an unknown transfer coding", `${head}Transfer-Encoding: gzip\r\n\r\n`],
		["a bad header name", `${head}X Y: 1\r\n\r\n`],
		["a NUL in a header", `${head}X: a\0b\r\n\r\n`],
		["a space before the colon", `${head}Content-Length : 5\r\n\r\nhello`],
	])("%s is bad_request", async (_name, bytes) => {
		upstream.clear();
		const answer = await sendRaw(gateway.url, Buffer.from(bytes, "latin1"));
		expectGatewayError(answer, "bad_request", { requestId: expect.toSatisfy(() => true) });
		expect(upstream.requests).toEqual([]);
	});

	test.each([
		["one of 100 KB", `X-Big: ${"x".repeat(100_000)}\r\n`],
		["200 of them", Array.from({ length: 200 }, (_, n) => `X-${n}: 1\r\n`).join("")],
	])("headers_too_large: %s", async (_name, headers) => {
		const answer = await sendRaw(gateway.url, `${head}${headers}\r\n`);
		expectGatewayError(answer, "headers_too_large", { requestId: expect.toSatisfy(() => true) });
	});

	test("50 KiB of headers pass", async () => {
		// Node takes 16 KiB: that the answer is its bare 431 shows that they have reached it.
		const answer = await send(gateway.url, "/s", { headers: { "x-big": "x".repeat(50_000) } });
		expect([answer.status, answer.text]).toEqual([431, ""]);
	});
});
