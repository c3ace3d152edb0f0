import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { mainFile } from "../../../control-plane/cli/paths.ts";
import { run } from "../../../envoy/run.ts";
import { type Certificate, makeCertificate } from "../../support/certificate.ts";
import { call as cli } from "../../support/cli.ts";
import { eventually, type Gateway, startGateway } from "../../support/gateway.ts";
import { NODE } from "../../support/process.ts";
import { type Recorder, type Replica, startMcpServer, startRecorder } from "../../support/upstreams.ts";
import { expectGatewayError, open, readUntil, send, toolCall } from "./client.ts";

/** HTTPS towards clients: both HTTP versions, renewal, certificates of clients. */

let folder: string;
let upstream: Recorder;
let replica: Replica;

beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), "mcpgw-https-"));
	[upstream, replica] = await Promise.all([startRecorder(), startMcpServer()]);
});
afterAll(async () => {
	await Promise.all([upstream?.close(), replica?.close()]);
	rmSync(folder, { recursive: true });
});
beforeEach(() => {
	upstream.clear();
	upstream.reply({ body: "{}" });
});

const registry = () => ({
	s: { type: "http", endpoint: `${upstream.url}/mcp` },
	mcp: { type: "http", endpoint: replica.url },
});

/** Replaces a file as certbot and Kubernetes do. */
function replace(file: string, text: string): void {
	writeFileSync(`${file}.new`, text);
	renameSync(`${file}.new`, file);
}

/** A TLS connection, once the handshake is through on this side. */
async function handshake(url: string, options: object = {}): Promise<TLSSocket> {
	const { hostname, port } = new URL(url);
	const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false, ...options });
	await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
	return socket;
}

/** Fingerprint of the certificate that a new connection is shown. */
async function shown(url: string): Promise<string> {
	const socket = await handshake(url);
	const { fingerprint256 } = socket.getPeerCertificate();
	socket.destroy();
	return fingerprint256;
}

/** Whole answer on an HTTP/2 stream. */
async function answerOf(stream: ClientHttp2Stream): Promise<{ status: unknown; text: string }> {
	let status: unknown;
	stream.once("response", (headers) => {
		status = headers[":status"];
	});
	let text = "";
	for await (const part of stream) text += part;
	return { status, text };
}

function ask(session: ClientHttp2Session, headers: Record<string, string>, body?: string): ClientHttp2Stream {
	const stream = session.request({ ":method": body === undefined ? "GET" : "POST", ...headers });
	stream.end(body);
	return stream;
}

const bodyOf = (reason: string) => expect.stringContaining(`"reason":"${reason}"`);

describe("a certificate and its key", () => {
	let gateway: Gateway;
	let first: Certificate;
	let certFile: string;
	let keyFile: string;

	beforeAll(async () => {
		first = await makeCertificate(["localhost"], ["127.0.0.1"]);
		certFile = join(folder, "tls.crt");
		keyFile = join(folder, "tls.key");
		// Both in one file, as some tools write them: the key must not travel with the chain.
		writeFileSync(certFile, `${first.key}\n${first.cert}`);
		writeFileSync(keyFile, first.key);
		gateway = await startGateway({
			registry: registry(),
			args: ["--tls-cert", certFile, "--tls-key", keyFile, "--max-body", "1KiB", "--envoy-log-level", "info"],
		});
	});
	afterAll(() => gateway?.stop());

	const tls = () => ({ ca: first.cert });
	const http2 = (options: object = {}) => connectHttp2(gateway.url, { ...tls(), ...options });
	const certificate = async () =>
		((await (await fetch(`${gateway.adminUrl}/v1/status`)).json()) as { certificate: Record<string, unknown> })
			.certificate;

	test("URLs say https, and status tells whose certificate it is and until when", async () => {
		expect(gateway.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
		expect(await certificate()).toMatchObject({
			file: certFile,
			subject: "CN=localhost",
			names: ["localhost", "127.0.0.1"],
			notAfter: expect.stringMatching(/^\d{4}-/),
		});
		const status = await cli("status", "--admin", new URL(gateway.adminUrl).host);
		expect(status).toMatchObject({ code: 0, stdout: expect.stringMatching(/HTTPS +localhost, 127\.0\.0\.1, until/) });
	});

	test("the SDK's client calls a tool, with --ca, with NODE_EXTRA_CA_CERTS, and not without", async () => {
		const echo = ["call", "mcp", "echo", '{"text":"hello"}', "--gateway", gateway.url];
		const trusted = await cli(...echo, "--ca", certFile);
		expect(trusted).toMatchObject({ code: 0, stdout: expect.stringContaining("hello") });
		const env = { ...process.env, NODE_EXTRA_CA_CERTS: certFile };
		expect(await run(NODE, [mainFile, ...echo], { env, timeoutMs: 90_000 })).toMatchObject({ code: 0 });
		const distrusted = await cli(...echo);
		expect(distrusted).toMatchObject({ code: 1, stderr: expect.stringMatching(/not trusted.*--ca FILE/) });
	});

	test("HTTP/1.1: sessions, errors and refusals are those of plain HTTP", async () => {
		expect((await send(gateway.url, "/s/x?y=%2F", { tls: tls() })).status).toBe(200);
		expect((await upstream.next()).target).toBe("/mcp/x?y=%2F");
		const nosuch = await send(gateway.url, "/nosuch", { ...toolCall("echo", 7), tls: tls() });
		expectGatewayError(nosuch, "unknown_server", { id: 7, path: "/nosuch" });
		const foreign = { headers: { origin: "https://evil.example" }, tls: tls() };
		expectGatewayError(await send(gateway.url, "/s", foreign), "origin_denied", { server: "s" });
		const own = { headers: { origin: `https://localhost:${new URL(gateway.url).port}` }, tls: tls() };
		expect((await send(gateway.url, "/s", own)).status).toBe(200);
	});

	test("HTTP/2: scopes, names, limits and errors", async () => {
		const session = http2();
		upstream.reply((recorded) => ({ body: `${recorded.method} ${recorded.target} ${recorded.headers.host}` }));
		const { host } = new URL(gateway.url);
		expect(await answerOf(ask(session, { ":path": "/s/x?y=%2F" }, "hi"))).toEqual({
			status: 200,
			text: `POST /mcp/x?y=%2F ${host}`,
		});
		expect(session.alpnProtocol).toBe("h2");
		const refused: [Record<string, string>, number, string, string?][] = [
			[{ ":path": "/nosuch" }, 404, "unknown_server"],
			[{ ":path": "/s", ":authority": "evil.example" }, 403, "host_denied"],
			[{ ":path": "/s", origin: "https://evil.example" }, 403, "origin_denied"],
			[{ ":path": "/s/../t" }, 400, "bad_path"],
			[{ ":path": "/s", "content-length": "2000" }, 413, "body_too_large", "x".repeat(2000)],
			// Envoy lets the last frame pass uncounted: 16 KiB.
			[{ ":path": "/s" }, 413, "body_too_large", "x".repeat(40_000)],
		];
		for (const [headers, status, reason, body] of refused) {
			const answer = await answerOf(ask(session, headers, body));
			expect(answer, reason).toEqual({ status, text: bodyOf(reason) });
		}
		// Envoy's HTTP/2 codec resets the stream; the connection and its other streams live on.
		const large = ask(session, { ":path": "/s", "x-large": "x".repeat(62_000) });
		await expect(answerOf(large)).rejects.toThrow("INTERNAL_ERROR");
		expect((await answerOf(ask(session, { ":path": "/s" }))).status).toBe(200);
		session.close();
	});

	test("sessions over HTTP/2 are those of HTTP/1.1", async () => {
		const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "t", version: "1" } };
		const initialize = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params });
		const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
		const began = await send(gateway.url, "/mcp", { method: "POST", headers, body: initialize, tls: tls() });
		const id = began.headers["mcp-session-id"] ?? "";
		expect(began.status).toBe(200);
		const session = http2();
		const list = JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/list" });
		const stream = ask(session, { ...headers, ":path": "/mcp", "mcp-session-id": id }, list);
		expect(await answerOf(stream)).toEqual({ status: 200, text: expect.stringContaining("whoami") });
		session.close();
	});

	const frame = Buffer.from([0x81, 0x85, 0, 0, 0, 0, ...Buffer.from("hello")]);

	test("WebSocket over TLS, as HTTP/1.1", async () => {
		const socket = await handshake(gateway.url, { ALPNProtocols: ["http/1.1"] });
		socket.write(
			"GET /s/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		);
		expect(await readUntil(socket, (text) => text.includes("\r\n\r\n"))).toMatch(/^HTTP\/1.1 101 /);
		socket.write(frame);
		expect(await readUntil(socket, (text) => text.length >= 7)).toBe("\x81\x05hello");
		socket.destroy();
	});

	test("WebSocket over HTTP/2, as an extended CONNECT; a plain one is refused", async () => {
		const session = http2();
		await new Promise((resolve) => session.once("remoteSettings", resolve));
		const websocket = { ":method": "CONNECT", ":protocol": "websocket", ":scheme": "https" };
		const headers = { ...websocket, ":path": "/s/ws", "sec-websocket-version": "13" };
		upstream.clear();
		const stream = session.request(headers);
		const [response] = await new Promise<[Record<string, unknown>]>((resolve) =>
			stream.once("response", (...all) => resolve(all as unknown as [Record<string, unknown>])),
		);
		expect(response[":status"]).toBe(200);
		expect((await upstream.next()).target).toBe("/mcp/ws");
		stream.write(frame);
		const [echo] = await new Promise<Buffer[]>((resolve) => stream.once("data", (part) => resolve([part])));
		expect(echo?.toString("latin1")).toBe("\x81\x05hello");
		stream.close();
		const foreign = session.request({ ...headers, origin: "https://evil.example" });
		expect(await answerOf(foreign)).toEqual({ status: 403, text: bodyOf("origin_denied") });
		const plain = session.request({ ":method": "CONNECT", ":authority": "127.0.0.1:1" });
		plain.end();
		expect(await answerOf(plain)).toEqual({ status: 400, text: bodyOf("bad_request") });
		expect((await answerOf(ask(session, { ":path": "/s" }))).status).toBe(200);
		session.close();
	});

	test("plain HTTP on the HTTPS port is cut, and so is TLS 1.1", async () => {
		const socket = open(gateway.url.replace("https", "http"), "GET /s HTTP/1.1\r\nHost: localhost\r\n\r\n");
		expect(await readUntil(socket)).not.toContain("HTTP/1.1");
		const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" };
		await expect(handshake(gateway.url, old)).rejects.toThrow();
		const newest = await handshake(gateway.url);
		expect(newest.getProtocol()).toBe("TLSv1.3");
		newest.destroy();
	});

	test("the key shows nowhere: config_dump, status, log, arguments", async () => {
		const [name] = readdirSync(gateway.tempDir).filter((entry) => entry.startsWith("mcp-gateway-"));
		const socketPath = join(gateway.tempDir, name as string, "envoy-admin.sock");
		const dump = await new Promise<string>((resolve, reject) => {
			const asked = request({ socketPath, path: "/config_dump", agent: false }, async (response) => {
				let text = "";
				for await (const part of response) text += part;
				resolve(text);
			});
			asked.on("error", reject).end();
		});
		expect(dump).toContain("listener/certificate");
		const [, line = ""] = first.key.split("\n");
		const status = JSON.stringify(await certificate());
		const processes = gateway.descendants().map(({ command }) => command);
		for (const text of [dump, status, gateway.output(), ...processes]) {
			for (const form of [line, Buffer.from(first.key).toString("base64").slice(0, 60)])
				expect(text.includes(form)).toBe(false);
		}
		expect(dump).not.toContain("PRIVATE KEY");
	});

	test("a renewal closes nothing: streams go on, new connections get the new certificate", async () => {
		const before = await shown(gateway.url);
		upstream.reply({ chunks: ["data: one\n\n"], hang: true });
		const session = http2();
		const events = ask(session, { ":path": "/s" });
		let seen = "";
		events.on("data", (part) => {
			seen += part;
		});
		const old = await handshake(gateway.url, { ALPNProtocols: ["http/1.1"] });
		old.write("GET /s HTTP/1.1\r\nHost: localhost\r\n\r\n");
		await readUntil(old, (text) => text.includes("data: one"));
		const streams = [await upstream.next(), await upstream.next()];

		const renewed = await makeCertificate(["localhost"], ["127.0.0.1"], { keyType: "ec" });
		replace(certFile, renewed.cert);
		replace(keyFile, renewed.key);
		await eventually("a new connection gets the new certificate", async () => (await shown(gateway.url)) !== before);
		expect((await send(gateway.url, "/nosuch", { tls: { ca: renewed.cert } })).status).toBe(404);

		for (const { response } of streams) response?.write("data: two\n\n");
		await readUntil(old, (text) => text.includes("data: two"));
		await eventually("the event arrives", () => seen.includes("data: two"));
		expect((await answerOf(ask(session, { ":path": "/nosuch" }))).status).toBe(404);
		expect([session.closed, old.closed]).toEqual([false, false]);
		session.destroy();
		old.destroy();
		expect(gateway.output()).not.toContain("certificate_error");
		first = renewed;
	});

	test("a broken renewal keeps the certificate, and says so until it is mended", async () => {
		const before = await shown(gateway.url);
		const other = await makeCertificate(["localhost"], ["127.0.0.1"], { keyType: "ec" });
		replace(certFile, other.cert);
		const told = await gateway.waitForEvent("certificate_error");
		expect(told["msg"]).toMatch(/is not the key of the certificate.*stays in force/);
		expect(await certificate()).toMatchObject({ problem: expect.stringContaining("is not the key") });
		expect(await shown(gateway.url)).toBe(before);
		expect((await fetch(`${gateway.adminUrl}/readyz`)).status).toBe(200);
		const status = await cli("status", "--admin", new URL(gateway.adminUrl).host);
		expect(status).toMatchObject({ code: 0, stdout: expect.stringContaining("is not the key of the certificate") });

		replace(keyFile, other.key);
		await eventually("the pair is whole again", async () => (await shown(gateway.url)) !== before);
		expect(await certificate()).not.toHaveProperty("problem");
		expect(gateway.events().filter(({ event }) => event === "certificate_error")).toHaveLength(1);
		first = other;
	});
});

describe("certificates of clients", () => {
	let gateway: Gateway;
	let server: Certificate;
	let authority: Certificate;
	let client: Certificate;
	let clientCa: string;

	beforeAll(async () => {
		server = await makeCertificate(["localhost"], []);
		authority = await makeCertificate([], []);
		client = await makeCertificate(["client"], [], { ca: authority });
		const files = { cert: join(folder, "m.crt"), key: join(folder, "m.key") };
		writeFileSync(files.cert, server.cert);
		writeFileSync(files.key, server.key);
		clientCa = join(folder, "clients.pem");
		writeFileSync(clientCa, authority.cert);
		const args = ["--tls-cert", files.cert, "--tls-key", files.key, "--tls-client-ca", clientCa];
		gateway = await startGateway({
			registry: registry(),
			args: [...args, "--listen", "0.0.0.0:0"],
		});
	});
	afterAll(() => gateway?.stop());

	const as = (who: Certificate | undefined) => ({ tls: { ca: server.cert, ...who } });
	const get = async (who: Certificate | undefined) => (await send(gateway.url, "/s", as(who))).status;

	test("the URL has a name of the certificate, and no API key is asked for beside", () => {
		expect(gateway.url).toMatch(/^https:\/\/localhost:\d+$/);
	});

	test("none and a stranger's are refused, a client of the authority is served", async () => {
		const stranger = await makeCertificate(["client"], []);
		await expect(get(undefined)).rejects.toThrow();
		await expect(get(stranger)).rejects.toThrow();
		expect(upstream.requests).toHaveLength(0);
		expect(await get(client)).toBe(200);
	});

	test("`call` shows a certificate", async () => {
		const file = (name: string, text: string) => {
			writeFileSync(join(folder, name), text);
			return join(folder, name);
		};
		const own = ["--client-cert", file("c.crt", client.cert), "--client-key", file("c.key", client.key)];
		const gatewayAt = ["--gateway", gateway.url, "--ca", file("ca.pem", server.cert)];
		const answer = await cli("call", "mcp", "echo", '{"text":"hello"}', ...gatewayAt, ...own);
		expect(answer).toMatchObject({ code: 0, stdout: expect.stringContaining("hello") });
		expect(await cli("call", "mcp", ...gatewayAt)).toMatchObject({ code: 1 });
	});

	test("another authority is taken up for new connections, and lets nobody of the old one in", async () => {
		let session: Buffer | undefined;
		const old = await handshake(gateway.url, { ...client, ALPNProtocols: ["http/1.1"] });
		old.on("session", (ticket) => {
			session = ticket;
		});
		const ping = "GET /s HTTP/1.1\r\nHost: localhost\r\n\r\n";
		old.write(ping);
		await readUntil(old, (text) => text.includes("200 OK"));
		expect(session).toBeDefined();

		const successor = await makeCertificate([], []);
		const welcome = await makeCertificate(["client"], [], { ca: successor });
		replace(clientCa, successor.cert);
		await eventually("the new authority's client is served", () =>
			get(welcome).then(
				() => true,
				() => false,
			),
		);
		await expect(get(client)).rejects.toThrow();
		// A ticket from before does not help past it.
		const resumed = await handshake(gateway.url, { session, ALPNProtocols: ["http/1.1"] }).catch(() => undefined);
		resumed?.write(ping);
		if (resumed) expect(await readUntil(resumed)).not.toContain("200 OK");
		old.write(ping);
		expect(await readUntil(old, (text) => text.includes("200 OK"))).toContain("200 OK");
		old.destroy();
	});
});
