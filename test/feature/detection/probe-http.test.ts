import { createServer } from "node:https";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { httpTarget, probeHttp } from "../../../control-plane/detection/probe-http.ts";
import { buildServer } from "../../../control-plane/ir/build.ts";
import { expand } from "../../../control-plane/registry/expand.ts";
import { parseRegistry } from "../../../control-plane/registry/parse.ts";
import { listen } from "../../fixtures/http/listen.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { freePort } from "../../support/gateway.ts";
import { noCluster } from "../../support/kubernetes-server.ts";
import { type Child, NODE, ROOT, start } from "../../support/process.ts";
import {
	type Recorder,
	type Replica,
	type Responder,
	startConformanceServer,
	startMcpServer,
	startRecorder,
	startSseServer,
} from "../../support/upstreams.ts";

const secret = "Bearer hunter2-hunter2";

/** Probes what an entry says, as the control plane does. */
function probe(entry: object, options: { timeoutMs?: number; ca?: string } = {}) {
	const parsed = parseRegistry(JSON.stringify({ s: { type: "http", ...entry } }), "r.json");
	const server = parsed.ok ? parsed.registry.servers.get("s") : undefined;
	if (server?.type !== "http") throw new Error(JSON.stringify(parsed));
	const ir = buildServer(server, {
		expand: (template) => expand(template, { env: { TOKEN: secret }, readFile: () => "" }),
		readFile: () => options.ca ?? "",
		bridges: [],
		detection: () => ({ state: "detecting" }),
		discover: () => noCluster,
	});
	if (ir.state !== "serving") throw new Error(ir.problem);
	const target = httpTarget(
		ir,
		server.endpoints.map(({ url }) => url),
	);
	return probeHttp(target, { timeoutMs: options.timeoutMs ?? 10_000, signal: new AbortController().signal });
}

async function recorder(reply: Responder): Promise<Recorder> {
	const started = await startRecorder({ reply });
	onTestFinished(() => started.close());
	return started;
}

const json = { "content-type": "application/json" };

/** Answers `initialize` as a server of older revisions does, and everything else with 400. */
const legacy = (body: Buffer, headers: Record<string, string> = {}) => {
	const message = JSON.parse(body.toString() || "{}");
	if (message.method !== "initialize") return { status: 400, body: "no" };
	const result = { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: { name: "old", version: "1" } };
	return { headers: { ...json, ...headers }, body: JSON.stringify({ jsonrpc: "2.0", id: message.id, result }) };
};

describe("real servers", () => {
	let stateful: Replica;
	let both: Replica;
	let sse: Replica;
	let everything: Child[];
	let ports: number[];
	beforeAll(async () => {
		[stateful, both, sse] = await Promise.all([startMcpServer(), startConformanceServer(), startSseServer()]);
		const program = join(ROOT, "node_modules/@modelcontextprotocol/server-everything/dist/index.js");
		ports = [await freePort(), await freePort()];
		everything = await Promise.all(
			["streamableHttp", "sse"].map((mode, i) => start(NODE, [program, mode], { env: { PORT: String(ports[i]) } })),
		);
		await Promise.all(everything.map((child) => child.waitFor(/running on port|listening on port/i)));
	});
	afterAll(() => Promise.all([stateful, both, sse, ...everything].map((one) => one?.close())));

	test("SDK v1 with sessions, by its path", async () => {
		const { finding } = await probe({ endpoint: stateful.url });
		expect(finding).toEqual({
			transport: "streamable-http",
			path: "/mcp",
			revisions: ["2025-11-25"],
			serverInfo: { name: "replica", version: "1.0.0" },
		});
	});

	test.each(["", "/"])("SDK v2 in both eras, found at /mcp where the URL ends in %j", async (path) => {
		const { finding, tried } = await probe({ endpoint: both.origin + path });
		expect(finding).toEqual({
			transport: "streamable-http",
			path: "/mcp",
			revisions: ["2026-07-28", "2025-11-25"],
			serverInfo: { name: "conformance", version: "1.0.0" },
		});
		expect(tried.map(({ what, outcome }) => `${what}: ${outcome}`)).toEqual([
			`POST ${both.origin}/ server/discover: HTTP 404`,
			`POST ${both.origin}/ initialize: HTTP 404`,
			`POST ${both.origin}/mcp server/discover: 2026-07-28`,
			`POST ${both.origin}/mcp initialize: 2025-11-25`,
		]);
	});

	test("HTTP+SSE of SDK v1, by its path", async () => {
		const { finding } = await probe({ endpoint: sse.url });
		expect(finding).toEqual({ transport: "sse", path: "/api/sse", revisions: ["2024-11-05"] });
	});

	test("server-everything, wherever it is", async () => {
		const origins = ports.map((port) => ({ endpoint: `http://127.0.0.1:${port}` }));
		const [streamable, stream] = await Promise.all(origins.map((entry) => probe(entry)));
		expect(streamable?.finding).toMatchObject({
			transport: "streamable-http",
			path: "/mcp",
			revisions: ["2025-11-25"],
			serverInfo: { name: "mcp-servers/everything" },
		});
		expect(stream?.finding).toEqual({ transport: "sse", path: "/sse", revisions: ["2024-11-05"] });
	});

	test("a path that is written out is the only one that is looked at", async () => {
		const { finding, tried } = await probe({ endpoint: `${both.origin}/elsewhere` });
		expect(finding).toBeUndefined();
		expect(tried.map(({ what }) => what)).toEqual(
			["POST", "POST", "GET"].map((method) => expect.stringContaining(`${method} ${both.origin}/elsewhere `)),
		);
	});

	test("of several replicas the first that answers", async () => {
		const dead = `http://127.0.0.1:${await freePort()}/mcp`;
		const { finding, tried } = await probe({ endpoints: [dead, both.url] });
		expect(finding).toMatchObject({ revisions: ["2026-07-28", "2025-11-25"] });
		expect(tried[0]).toEqual({ what: `POST ${dead} server/discover`, outcome: "connection refused" });
	});
});

describe("what a probe does to a server", () => {
	test("it ends the session that it opened, and sends the entry's headers in its own place", async () => {
		const upstream = await recorder(({ body, method }) =>
			method === "DELETE" ? { status: 204 } : legacy(body, { "mcp-session-id": "s-1" }),
		);
		// biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of the registry
		const headers = { authorization: "${TOKEN}", Accept: "application/json" };
		const result = await probe({ endpoint: `${upstream.url}/mcp`, headers });
		expect(result.finding).toMatchObject({ revisions: ["2025-06-18"], serverInfo: { name: "old", version: "1" } });
		expect(upstream.requests.map(({ method, target }) => `${method} ${target}`)).toEqual([
			"POST /mcp",
			"POST /mcp",
			"DELETE /mcp",
		]);
		const [discover, initialize, end] = upstream.requests.map((request) => request.headers);
		for (const sent of [discover, initialize, end]) expect(sent).toMatchObject({ authorization: secret });
		expect(discover).toMatchObject({ "mcp-method": "server/discover", "mcp-protocol-version": "2026-07-28" });
		expect(initialize).toMatchObject({ host: `127.0.0.1:${upstream.port}`, accept: "application/json" });
		expect(end).toMatchObject({ "mcp-session-id": "s-1", "mcp-protocol-version": "2025-06-18" });
		expect(JSON.stringify(result)).not.toContain("hunter2");
	});

	test("an answer in a stream that stays open is enough when it is there", async () => {
		const upstream = await recorder(({ body }) => {
			const { body: message } = legacy(body);
			const events = [": hello\n\n", "event: message\ndata: {}\n\n", `event: message\ndata: ${message}\n\n`];
			return { chunks: message === "no" ? [] : events, hang: message !== "no", status: message === "no" ? 404 : 200 };
		});
		const before = performance.now();
		const { finding } = await probe({ endpoint: `${upstream.url}/mcp` });
		expect(finding).toMatchObject({ transport: "streamable-http", revisions: ["2025-06-18"] });
		expect(performance.now() - before).toBeLessThan(9000);
		expect(await upstream.requests[1]?.closed).toBe("aborted");
	});

	test("a server of the newest era alone, and one that wants another revision of it", async () => {
		const upstream = await recorder(({ body, headers }) => {
			const { id, method } = JSON.parse(body.toString());
			const supported = ["2027-03-01", "2026-07-28"];
			const message =
				method !== "server/discover"
					? { error: { code: -32022, message: "no", data: { supported } } }
					: headers["x-newer"] === undefined
						? { result: { supportedVersions: ["2026-07-28"] } }
						: { error: { code: -32022, message: "no", data: { supported } } };
			const status = "error" in message ? 400 : 200;
			return { status, headers: json, body: JSON.stringify({ jsonrpc: "2.0", id, ...message }) };
		});
		const endpoint = `${upstream.url}/mcp`;
		expect((await probe({ endpoint })).finding).toMatchObject({ revisions: ["2026-07-28"] });
		const newer = await probe({ endpoint, headers: { "x-newer": "1" } });
		expect(newer.finding).toMatchObject({ revisions: ["2027-03-01", "2026-07-28"] });
	});
});

describe("what is no MCP server, and what hides one", () => {
	const html = { headers: { "content-type": "text/html; charset=utf-8" }, body: "<h1>hello</h1>" };
	const error = { headers: json, body: '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"hunter2"}}' };
	const moved = { status: 307, headers: { location: "/mcp/?key=hunter2" } };
	test.each<[string, Responder, string]>([
		["a web page", html, "HTTP 200, text/html"],
		["an error without its cause", { ...error, status: 400 }, "HTTP 400, JSON-RPC error -32000"],
		["JSON of something else", { headers: json, body: "{}" }, "HTTP 200, application/json"],
		["a redirect", moved, "HTTP 307 to /mcp/, which is not followed: write that address"],
		[
			"headers without measure",
			{ raw: `HTTP/1.1 200 OK\r\nx: ${"y".repeat(100_000)}\r\n\r\n` },
			"answers with headers that are too large",
		],
		["not HTTP", { raw: "SSH-2.0-OpenSSH_9.9\r\n" }, "does not speak HTTP/1.1"],
		["a connection that is cut", { destroy: true }, "closed the connection"],
		["a flood", { headers: json, body: "x".repeat(2_000_000) }, "HTTP 200, application/json"],
	])("%s", async (_name, reply, outcome) => {
		const upstream = await recorder(reply);
		const result = await probe({ endpoint: upstream.url });
		expect(result.finding).toBeUndefined();
		expect(new Set(result.tried.map((one) => one.outcome))).toEqual(new Set([outcome]));
		expect(JSON.stringify(result)).not.toContain("hunter2");
	});

	test("one that hangs costs two waits and not more", async () => {
		const upstream = await recorder({ hang: true });
		const { finding, tried } = await probe({ endpoint: upstream.url }, { timeoutMs: 100 });
		expect(finding).toBeUndefined();
		expect(tried.map(({ outcome }) => outcome)).toEqual(["no answer within 0.1 s", "no answer within 0.1 s"]);
	});

	test("one that never answers what it does not know", async () => {
		const upstream = await recorder(({ body }) => (body.includes("server/discover") ? { hang: true } : legacy(body)));
		const { finding } = await probe({ endpoint: `${upstream.url}/mcp` }, { timeoutMs: 2000 });
		expect(finding).toMatchObject({ revisions: ["2025-06-18"] });
	});

	test.each([401, 403])("HTTP %i says that it is there, and nothing of its revisions", async (status) => {
		const upstream = await recorder({ status, headers: { "www-authenticate": "Bearer" } });
		const { finding, tried } = await probe({ endpoint: `${upstream.url}/mcp` });
		expect(finding).toEqual({ transport: "streamable-http", path: "/mcp", revisions: [], authorization: true });
		expect(tried.map(({ outcome }) => outcome)).toEqual([`HTTP ${status}, asks for authorization`]);
	});

	test("an endpoint that answers is the better guess than one that asks for a token", async () => {
		const upstream = await recorder(({ target, body }) => (target === "/mcp" ? legacy(body) : { status: 401 }));
		expect((await probe({ endpoint: upstream.url })).finding).toMatchObject({
			path: "/mcp",
			revisions: ["2025-06-18"],
		});
		upstream.reply({ status: 401 });
		expect((await probe({ endpoint: upstream.url })).finding).toMatchObject({ path: "/", authorization: true });
	});
});

describe("TLS", () => {
	test("an own authority, the name that is asked for, and certificates that do not fit", async () => {
		const { cert, key } = await makeCertificate(["mcp.internal"], []);
		const names: (string | false | undefined)[] = [];
		const server = createServer({ cert, key }, (request, response) => {
			const parts: Buffer[] = [];
			request.on("data", (part: Buffer) => parts.push(part));
			request.on("end", () => {
				const { status = 200, body } = { status: 200, ...legacy(Buffer.concat(parts)) };
				response.writeHead(status, json).end(body);
			});
		});
		server.on("secureConnection", ({ servername }: { servername?: string | false }) => names.push(servername));
		const port = await listen(server, 0);
		onTestFinished(() => void server.close());
		const endpoint = `https://127.0.0.1:${port}/mcp`;
		const caFile = "/ca.pem";
		const found = { finding: expect.objectContaining({ revisions: ["2025-06-18"] }) };
		expect(await probe({ endpoint, tls: { caFile, serverName: "mcp.internal" } }, { ca: cert })).toMatchObject(found);
		expect(names[0]).toBe("mcp.internal");
		expect(await probe({ endpoint, tls: { insecureSkipVerify: true } })).toMatchObject(found);
		for (const [tls, why] of [
			[{ caFile }, "ERR_TLS_CERT_ALTNAME_INVALID"],
			[{ serverName: "mcp.internal" }, "DEPTH_ZERO_SELF_SIGNED_CERT"],
		] as const) {
			const { finding, tried } = await probe({ endpoint, tls }, { ca: cert });
			expect(finding).toBeUndefined();
			expect(tried.map(({ outcome }) => outcome)).toEqual([`its certificate is refused (${why})`]);
		}
	});

	test("https to a server that speaks http", async () => {
		const upstream = await recorder({ body: "" });
		const { tried } = await probe({ endpoint: `https://127.0.0.1:${upstream.port}/mcp` });
		expect(tried[0]?.outcome).toBe("TLS failed; is it http?");
	});
});
