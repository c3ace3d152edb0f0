import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { ListRootsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { eventually, type Gateway, startGateway } from "../../support/gateway.ts";
import { onprogress, progressOf } from "../../support/progress.ts";
import { type Recorder, type Replica, startRecorder, startSseServer } from "../../support/upstreams.ts";
import { expectGatewayError, open, readUntil, send } from "./client.ts";

/** HTTP+SSE of 2024-11-05 behind the path prefix and with replicas: ADR 15. */

let replicas: Replica[];
let raw: Recorder[];
let gateway: Gateway;
const clients = new Set<Client>();

beforeAll(async () => {
	replicas = await Promise.all(["a", "b", "c"].map((name) => startSseServer({ name })));
	raw = await Promise.all([startRecorder(), startRecorder()]);
	const [one, two] = raw.map(({ url }) => `${url}/a/sse`);
	gateway = await startGateway({
		registry: {
			s: { type: "sse", endpoints: replicas.map(({ url }) => url) },
			raw: { endpoint: one, transport: "sse" },
			both: { endpoints: [one, two], transport: "sse" },
			root: { endpoint: `${raw[0]?.url}/`, transport: "sse" },
			loose: { endpoints: [one, two], transport: "sse", sessionAffinity: false },
			modern: { type: "http", endpoint: one },
			local: { endpoints: [one, two].map((url) => url?.replace("127.0.0.1", "localhost")), transport: "sse" },
			dns: { endpoints: [one, two].map((url) => url?.replace("127.0.0.1", "mcp.localhost")), transport: "sse" },
		},
	});
});
afterAll(async () => {
	for (const client of clients) await client.close();
	await gateway?.stop();
	for (const server of [...(replicas ?? []), ...(raw ?? [])]) await server.close();
});
beforeEach(() => {
	for (const one of raw) {
		one.clear();
		one.reply({ status: 202 });
	}
});

interface Connected {
	readonly client: Client;
	readonly transport: SSEClientTransport;
	/** Where the client was told to send its messages to. */
	readonly messages: URL;
}

async function connect(): Promise<Connected> {
	const client = new Client({ name: "test", version: "1" }, { capabilities: { roots: {} } });
	const transport = new SSEClientTransport(new URL(`${gateway.url}/s`));
	await client.connect(transport as Transport);
	clients.add(client);
	return { client, transport, messages: (transport as unknown as { _endpoint: URL })._endpoint };
}

async function call(client: Client, name: string, args: Record<string, unknown> = {}): Promise<string> {
	const { content } = await client.callTool({ name, arguments: args });
	return (content as { text: string }[])[0]?.text ?? "";
}

const whoami = async (client: Client) => (JSON.parse(await call(client, "whoami")) as { name: string }).name;

const hex = (text: string) => Buffer.from(text).toString("hex");
const parameter = (replica: { port: number } | undefined) => `mcp-gateway-replica=${hex(`127.0.0.1:${replica?.port}`)}`;

describe("official clients and servers", () => {
	test("20 sessions over 3 replicas: every call is answered by the stream's own replica", async () => {
		const connected = await Promise.all(Array.from({ length: 20 }, connect));
		const homes = await Promise.all(connected.map(({ client }) => whoami(client)));
		expect(new Set(homes)).toEqual(new Set(["a", "b", "c"]));
		await Promise.all(
			connected.map(async ({ client }, n) => {
				for (let i = 0; i < 25; i++) await call(client, "add_note", { text: `${n}/${i}` });
				expect(await whoami(client)).toBe(homes[n]);
				expect((await call(client, "notes")).split("\n")).toEqual(Array.from({ length: 25 }, (_, i) => `${n}/${i}`));
			}),
		);
	});

	test("requests of the server and the client's answers to them take the same ways", async () => {
		for (let n = 0; n < 6; n++) {
			const { client } = await connect();
			const roots = [{ uri: `file:///${n}`, name: "r" }];
			client.setRequestHandler(ListRootsRequestSchema, () => ({ roots }));
			expect(JSON.parse(await call(client, "roots"))).toEqual(roots);
		}
	});

	test("progress arrives while the call goes on", async () => {
		const { client } = await connect();
		const seen = progressOf(client.transport);
		await client.callTool({ name: "slow", arguments: { ms: 300 } }, undefined, { onprogress });
		expect(seen).toEqual([1, 2, 3, 4, 5]);
	});

	test("a killed replica: its streams end, their messages get 404, and a client that connects again goes on", async () => {
		const connected = await Promise.all(Array.from({ length: 9 }, connect));
		const homes = await Promise.all(connected.map(({ client }) => whoami(client)));
		const gone = homes[0] as string;
		const victim = replicas.find(({ name }) => name === gone) as Replica;
		const ended = connected.map(({ transport }, n) => {
			return homes[n] === gone ? new Promise((resolve) => (transport.onerror = resolve)) : undefined;
		});
		await victim.kill();
		await Promise.all(ended);
		for (const [n, { client, messages }] of connected.entries()) {
			if (homes[n] !== gone) {
				expect(await whoami(client)).toBe(homes[n]);
				continue;
			}
			const answer = await send(gateway.url, messages.pathname + messages.search, { method: "POST", body: "{}" });
			expectGatewayError(answer, "session_lost", { server: "s" });
			expect(await whoami((await connect()).client)).not.toBe(gone);
		}
		replicas[replicas.indexOf(victim)] = await startSseServer({ name: gone, port: victim.port });
		await eventually("the restarted replica gets streams again", async () => {
			return (await whoami((await connect()).client)) === gone;
		});
		// It is back, but knows nothing of the session: its own 404 passes.
		const { pathname, search } = connected[0]?.messages as URL;
		const late = await send(gateway.url, pathname + search, { method: "POST", body: "{}" });
		expect([late.status, late.text]).toEqual([404, "Session not found"]);
	});
});

/** Opens a stream whose upstream writes exactly these bytes, and reads what the client gets of them. */
async function stream(
	chunks: (string | Buffer)[],
	until: string,
	{
		target = "/raw",
		headers = {},
		host = "localhost",
	}: { target?: string; headers?: Record<string, string>; host?: string } = {},
): Promise<{ body: string; head: string; socket: Socket }> {
	raw[0]?.reply({ chunks, hang: true, headers: { "content-type": "text/event-stream; charset=utf-8", ...headers } });
	const socket = open(gateway.url, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nAccept-Encoding: gzip\r\n\r\n`);
	const text = await readUntil(socket, (so) => unchunked(so).includes(until));
	return { body: unchunked(text), head: text.slice(0, text.indexOf("\r\n\r\n")), socket };
}

/** The body of an answer in chunks, as far as it came. */
function unchunked(text: string): string {
	let rest = text.slice(text.indexOf("\r\n\r\n") + 4);
	let body = "";
	for (;;) {
		const [, size, after] = /^([0-9a-f]+)\r\n(.*)$/s.exec(rest) ?? [];
		if (size === undefined || after === undefined) return body;
		body += after.slice(0, Number.parseInt(size, 16));
		rest = after.slice(Number.parseInt(size, 16) + 2);
	}
}

describe("the endpoint event", () => {
	const own = () => parameter(raw[0]);

	test.each([
		["a path", "/messages/?session_id=1", "/raw/messages/?session_id=1&"],
		["a path without a query", "/messages", "/raw/messages?"],
		["an empty query", "/messages?", "/raw/messages?&"],
		["a relative path", "messages?session_id=1", "/raw/a/messages?session_id=1&"],
		["a relative path upwards", "../m/./x?y=1", "/raw/m/x?y=1&"],
		["more upwards than there is", "../../../m", "/raw/m?"],
		["upwards in disguise", "%2E%2e/%2e/m", "/raw/m?"],
		["a query only", "?session_id=1", "/raw/a/sse?session_id=1&"],
		["a fragment", "/m?x=1#part?y", "/raw/m?x=1&"],
		["escapes and odd bytes", "/m%20%2Fx/ü;v=1?a=%26&b=/?:@", "/raw/m%20%2Fx/ü;v=1?a=%26&b=/?:@&"],
		["the root", "/?session_id=1", "/raw/?session_id=1&"],
	])("%s: %s", async (_name, given, wanted) => {
		const bytes = `event: endpoint\ndata: ${given}\n\n`;
		const { body, socket } = await stream([bytes], "\n\n");
		socket.destroy();
		const fragment = given.includes("#") ? given.slice(given.indexOf("#")) : "";
		expect(Buffer.from(body, "latin1").toString()).toBe(`event: endpoint\ndata: ${wanted}${own()}${fragment}\n\n`);
		// What a client does with it reaches the upstream as the server has named it.
		raw[0]?.clear();
		raw[0]?.reply({ status: 202 });
		const resolved = new URL(Buffer.from(body, "latin1").toString().split("data: ")[1]?.trim() ?? "", gateway.url);
		await send(gateway.url, resolved.pathname + resolved.search, { method: "POST", body: "{}" });
		const expected = new URL(given, "http://upstream/a/sse");
		const { href } = expected;
		expect((await raw[0]?.next())?.target).toBe(
			href.slice("http://upstream".length, href.length - expected.hash.length),
		);
	});

	test("an absolute URL of the server's own origin, as the client or the registry calls it", async () => {
		const origins = [
			["http://localhost:8080", "localhost:8080"],
			["HTTPS://LocalHost:443", "localhost"],
			["http://localhost:80", "localhost"],
			[raw[0]?.url as string, "localhost"],
			["//localhost", "localhost"],
		] as const;
		for (const [origin, host] of origins) {
			for (const [path, wanted] of [
				["/m?x", "/m?x&"],
				["", "/?"],
				["?x", "/?x&"],
			] as const) {
				const { body, socket } = await stream([`event:endpoint\ndata:${origin}${path}\n\n`], "\n\n", { host });
				socket.destroy();
				expect(body).toBe(`event:endpoint\ndata: /raw${wanted}${own()}\n\n`);
			}
		}
	});

	test.each([
		"https://evil.example/m",
		"http://evil.example:80/m",
		"//evil.example/m",
		"http://localhost:1/m",
		"http://localhost@evil.example/m",
		"http://user@localhost/m",
		"javascript:alert(1)",
		"http:m",
		"\\\\evil.example/m",
		"/\\evil.example/m",
		"/m\t/x",
		"/m /x",
		"ht\ndata: tp://evil.example/",
	])("elsewhere is not passed on, and messages are told so: %j", async (data) => {
		const { body, socket } = await stream([`event: endpoint\ndata: ${data}\nid: 1\n\ndata: next\n\n`], "next\n\n");
		socket.destroy();
		expect(body).toBe("event: endpoint\ndata: /raw/?mcp-gateway-replica=foreign\nid: 1\n\ndata: next\n\n");
		raw[0]?.clear();
		const answer = await send(gateway.url, "/raw/?mcp-gateway-replica=foreign", { method: "POST", body: "{}" });
		expectGatewayError(answer, "foreign_endpoint", { server: "raw" });
		expect(raw[0]?.requests).toEqual([]);
	});

	const bytes =
		"\uFEFF: hello\n\n: more\r\nevent: endpoint\r\nid: 1\r\ndata: /m?x=1\r\n\r\nevent: message\r\ndata: 1\r\n\r\n";
	const rewritten = () => bytes.replace("/m?x=1", `/raw/m?x=1&${own()}`);
	test.each([
		["CRLF", bytes, rewritten],
		[
			"CR",
			bytes.replaceAll("\r\n", "\n").replaceAll("\n", "\r"),
			() => rewritten().replaceAll("\r\n", "\n").replaceAll("\n", "\r"),
		],
		["LF", bytes.replaceAll("\r\n", "\n"), () => rewritten().replaceAll("\r\n", "\n")],
	])("%s, comments and a BOM before it, in one piece and byte by byte", async (_name, given, wanted) => {
		for (const chunks of [[given], [...Buffer.from(given)].map((byte) => Buffer.from([byte]))]) {
			const { body, socket } = await stream(chunks, wanted().slice(-8));
			socket.destroy();
			expect(Buffer.from(body, "latin1").toString()).toBe(wanted());
		}
	});

	test("only the first one, and only whole events of that name", async () => {
		const before = "data: endpoint\n\nevent: endpoints\ndata: /m\n\nevent: endpoint\n\nevent: message\ndata: /m\n\n";
		const after = "event: endpoint\ndata: /again\n\n";
		const { body, socket } = await stream([`${before}data: /m\nevent: endpoint\n\n${after}`], "/again\n\n");
		socket.destroy();
		expect(body).toBe(`${before}data: /raw/m?${own()}\nevent: endpoint\n\n${after}`);
	});

	test("what comes before it is not held back, and after 16 KiB without one the stream is left alone", async () => {
		const { socket } = await stream([": a comment\n"], ": a comment\n");
		const { response } = (await raw[0]?.next()) as { response: { write(text: string): void } };
		response.write("event: other\ndata: x\n\n");
		await readUntil(socket, (text) => text.includes("data: x\n\n"));
		response.write(`data: ${"y".repeat(16_400)}`);
		await readUntil(socket, (text) => text.includes("yyyy"));
		response.write("\n\nevent: endpoint\ndata: /m\n\n");
		expect(await readUntil(socket, (text) => text.includes("/m"))).toContain("event: endpoint\ndata: /m\n\n");
		socket.destroy();
	});

	test("a declared length, other types, other codes", async () => {
		const event = "event: endpoint\ndata: /m\n\n";
		const { body, head, socket } = await stream([event], "\n\n", { headers: { "content-length": "100" } });
		socket.destroy();
		expect(body).toContain("/raw/m?");
		expect(head).not.toMatch(/content-length|x-mcp-gateway/i);
		expect((await raw[0]?.next())?.headers["accept-encoding"]).toBeUndefined();
		raw[0]?.reply({ body: event, headers: { "content-type": "text/plain" } });
		const plain = await send(gateway.url, "/raw");
		expect([plain.text, plain.headers["x-mcp-gateway-replica"]]).toEqual([event, undefined]);
		raw[0]?.reply({ status: 401, body: "no" });
		expect(await send(gateway.url, "/raw")).toMatchObject({ status: 401, text: "no" });
	});
});

describe("the parameter that names the replica", () => {
	const post = (target: string) => send(gateway.url, target, { method: "POST", body: "{}" });
	const counts = () => raw.map(({ requests }) => requests.length);

	test("goes to that replica only, without the parameter", async () => {
		const [, second] = raw;
		for (const [query, wanted] of [
			[`?${parameter(second)}`, ""],
			[`?&${parameter(second)}`, "?"],
			[`?x=1&&y&${parameter(second)}`, "?x=1&&y"],
			[`?${parameter(second)}&z=%20`, "?z=%20"],
			[`?x&${parameter(second)}&z?=/`, "?x&z?=/"],
		]) {
			for (let n = 0; n < 4; n++) {
				expect((await post(`/both/m/%7E${query}`)).status).toBe(202);
				expect((await second?.next())?.target).toBe(`/m/%7E${wanted}`);
			}
		}
		expect(raw[0]?.requests).toEqual([]);
	});

	test("without it requests are balanced", async () => {
		for (let n = 0; n < 20; n++)
			expect((await post("/both/m?mcp-gateway-replicas=1&x=mcp-gateway-replica=1")).status).toBe(202);
		for (const count of counts()) expect(Math.abs(count - 10)).toBeLessThanOrEqual(2);
	});

	test("forged ones reach nobody", async () => {
		const stranger = replicas[0] as Replica;
		const forged = [
			hex(`127.0.0.1:${stranger.port}`), // a replica, but of another server
			hex(new URL(gateway.adminUrl).host),
			hex("169.254.169.254:80"),
			hex("localhost:80"),
			hex("127.0.0.1"),
			hex("[::1]:80"),
			hex("\0"),
			hex(`127.0.0.1:${raw[0]?.port}\0`),
			hex("/run/gateway/bridge.sock"),
			"",
			"zz",
			"abc",
			"%31",
			"31".repeat(3000),
			hex("x").toUpperCase(),
			`${hex(`127.0.0.1:${raw[0]?.port}`)}0`,
		];
		for (const token of forged) {
			const answer = await post(`/both/m?mcp-gateway-replica=${token}`);
			expectGatewayError(answer, "session_lost", { server: "both" });
		}
		const twice = await post(`/both/m?${parameter(raw[0])}&${parameter(raw[1])}`);
		expectGatewayError(twice, "session_lost", { server: "both" });
		expect(counts()).toEqual([0, 0]);
	});

	test("a request that was pinned is never sent to another replica, whatever the method", async () => {
		const nobody = await startRecorder();
		await nobody.close();
		await gateway.writeRegistry({
			...JSON.parse(await readFile(gateway.registryFile, "utf8")),
			half: { transport: "sse", endpoints: [`${raw[0]?.url}/a/sse`, `${nobody.url}/a/sse`] },
		});
		await eventually("it is served", async () => (await send(gateway.url, "/half/m")).status === 202);
		raw[0]?.clear();
		for (const method of ["POST", "GET", "DELETE"]) {
			for (let n = 0; n < 5; n++) {
				const answer = await send(gateway.url, `/half/m?${parameter(nobody)}`, { method });
				expectGatewayError(answer, "session_lost", { server: "half" });
			}
		}
		expect(raw[0]?.requests).toEqual([]);
		// Not pinned and never sent: another replica may have it.
		for (let n = 0; n < 10; n++) expect((await post("/half/m")).status).toBe(202);
	});

	test.each(["both", "local", "dns"])("%s: every stream's messages reach its own replica", async (id) => {
		const seen = new Set<number>();
		for (let n = 0; n < 6; n++) {
			raw.forEach((one, index) => {
				one.clear();
				one.reply(({ method }) =>
					method === "GET" ? { chunks: [`event: endpoint\ndata: /m?${index}\n\n`] } : { status: 202 },
				);
			});
			const data = /data: (.*)/.exec((await send(gateway.url, `/${id}`)).text)?.[1] ?? "";
			const home = Number(/\?(\d)&/.exec(data)?.[1]);
			seen.add(home);
			for (let i = 0; i < 4; i++) expect((await post(data)).status).toBe(202);
			expect(raw[home]?.requests.map(({ target }) => target)).toEqual(["/a/sse", ...Array(4).fill(`/m?${home}`)]);
			expect(raw[1 - home]?.requests).toEqual([]);
		}
		expect(seen.size).toBe(2);
	});

	test("a server without affinity gets none", async () => {
		for (const one of raw) one.reply({ chunks: ["event: endpoint\ndata: /m?x\n\n"] });
		expect((await send(gateway.url, "/loose")).text).toBe("event: endpoint\ndata: /loose/m?x\n\n");
	});
});

describe("paths", () => {
	test.each([
		["GET", "/raw", "/a/sse"],
		["GET", "/raw/", "/a/sse"],
		["GET", "/raw?key=1", "/a/sse?key=1"],
		["POST", "/raw", "/a/sse"],
		["POST", "/raw/", "/"],
		["POST", "/raw/messages/?s=1", "/messages/?s=1"],
		["GET", "/raw/a/sse", "/a/sse"],
		["GET", "/root", "/"],
		["POST", "/root/", "/"],
		["GET", "/modern/x", "/a/sse/x"],
	])("%s %s is %s", async (method, target, wanted) => {
		await send(gateway.url, target, { method });
		expect((await raw[0]?.next())?.target).toBe(wanted);
	});

	test("the event of a stream at another path is resolved against that path", async () => {
		const { body, socket } = await stream(["event: endpoint\ndata: m\n\n"], "\n\n", {
			target: "/raw/v2/deep/sse?x=/y/",
		});
		socket.destroy();
		expect(body).toBe(`event: endpoint\ndata: /raw/v2/deep/m?${parameter(raw[0])}\n\n`);
	});

	test("other servers' streams are not looked into", async () => {
		const event = "event: endpoint\ndata: /m\n\n";
		const { body, socket } = await stream([event], "\n\n", { target: "/modern" });
		socket.destroy();
		expect(body).toBe(event);
	});
});

// Envoy's defaults cut a silent stream after 15 s (route timeout); nothing but time itself shows that they are off.
test("a stream that is silent for 17 s is not cut", async () => {
	const { socket } = await stream(["event: endpoint\ndata: /m\n\n"], "\n\n");
	const seen = await raw[0]?.next();
	await sleep(17_000);
	seen?.response?.write("data: still here\n\n");
	expect(await readUntil(socket, (text) => text.includes("still here"))).toContain("still here");
	socket.destroy();
	expect(await seen?.closed).toBe("aborted");
});
