import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { makeCertificate } from "../../support/certificate.ts";
import { eventually, freePort, type Gateway, startGateway } from "../../support/gateway.ts";
import { ROOT, startNode } from "../../support/process.ts";
import {
	type Recorded,
	type Recorder,
	type Reply,
	startConformanceServer,
	startMcpServer,
	startRecorder,
	startStateless,
} from "../../support/upstreams.ts";
import { expectGatewayError, send, toolCall } from "./client.ts";

/** Active checks and passive ejection: what counts as healthy, who gets traffic, and what the status tells. */

const ends: (() => unknown)[] = [];
afterEach(async () => {
	for (const end of ends.splice(0).reverse()) await end();
});

async function gatewayFor(registry: object, args: string[] = []): Promise<Gateway> {
	const gateway = await startGateway({ registry, args });
	ends.push(() => gateway.stop());
	return gateway;
}

async function recorder(options: Parameters<typeof startRecorder>[0] = {}): Promise<Recorder> {
	const made = await startRecorder(options);
	ends.push(() => made.close());
	return made;
}

interface Server1 {
	id: string;
	state: string;
	problem?: string;
	endpoints: { address: string; health: string; reason?: string; requests: number }[];
	ejections: number;
	checks?: number;
	failedChecks?: number;
}

const serverStatus = async (gateway: Gateway, id: string) =>
	(await (await fetch(`${gateway.adminUrl}/v1/servers/${id}`)).json()) as Server1;

const healthOf = async (gateway: Gateway, id: string) =>
	(await serverStatus(gateway, id)).endpoints.map(({ health }) => health);

const isCheck = ({ headers }: Recorded) => headers["user-agent"] === "Envoy/HC";

const quick = { interval: "50ms", timeout: "2s" };

describe("the mcp check", () => {
	test("finds real servers of every kind healthy, and leaves no session behind", async () => {
		const everything = async (transport: string) => {
			const port = await freePort();
			const server = await startNode(
				join(ROOT, "node_modules/@modelcontextprotocol/server-everything/dist/index.js"),
				[transport],
				{ env: { PORT: String(port), NODE_OPTIONS: `--import=${join(ROOT, "docs/examples/loopback.mjs")}` } },
			);
			ends.push(() => server.close());
			await server.waitFor(/(listening|running) on port/);
			return { origin: `http://127.0.0.1:${port}`, server };
		};
		const [http, sse] = await Promise.all([everything("streamableHttp"), everything("sse")]);
		const started = await Promise.all([startMcpServer(), startStateless(), startConformanceServer()]);
		for (const server of started) ends.push(() => server.close());
		// Opens a session for whatever comes without one, as the Python SDK does.
		let sessions = 0;
		const naive = await recorder({
			reply: ({ headers }) => {
				if (headers["mcp-session-id"] !== undefined) return { status: 400, body: "No valid session ID provided" };
				sessions++;
				return { body: "{}" };
			},
		});
		const urls = {
			everything: `${http.origin}/mcp`,
			sse: `${sse.origin}/sse`,
			v1: started[0].url,
			stateless: started[1].url,
			v2: started[2].url,
			naive: `${naive.url}/mcp`,
		};
		const registry = Object.entries(urls).flatMap(([id, endpoint]) =>
			["ping", "discover"].map((method) => [
				`${id}-${method}`,
				{ type: "http", endpoint, ...(id === "sse" ? { transport: "sse" } : {}), healthCheck: { method, ...quick } },
			]),
		);
		const gateway = await gatewayFor(Object.fromEntries(registry));
		const ids = registry.map(([id]) => String(id));
		const all = () => Promise.all(ids.map((id) => serverStatus(gateway, id)));
		await eventually("fifty checks of each", async () => (await all()).every(({ checks = 0 }) => checks >= 50), 60_000);
		for (const server of await all()) {
			expect(server).toMatchObject({ state: "serving", failedChecks: 0, endpoints: [{ health: "healthy" }] });
		}
		expect(sessions).toBe(0);
		expect(http.server.output()).toContain("Received MCP POST request");
		expect(http.server.output()).not.toContain("Session initialized");
		expect(sse.server.output()).not.toMatch(/client connected/i);
	});

	test("asks the endpoint itself, without the entry's headers", async () => {
		const upstream = await recorder({ reply: { status: 401 } });
		const { host } = new URL(upstream.url);
		const at = (path: string, method: string) => ({
			type: "http",
			endpoint: upstream.url + path,
			headers: { Authorization: "Bearer hunter2" },
			healthCheck: { type: "mcp", method, interval: "1m" },
		});
		const gateway = await gatewayFor({ a: at("/one/mcp", "ping"), b: at("/two", "discover") });
		const [ping, discover] = await Promise.all([upstream.next(), upstream.next()]).then((both) =>
			both.sort((x, y) => x.target.localeCompare(y.target)),
		);
		expect([ping?.method, ping?.target, discover?.method, discover?.target]).toEqual([
			...["POST", "/one/mcp"],
			...["POST", "/two"],
		]);
		const common = {
			host,
			"content-type": "application/json",
			accept: "application/json, text/event-stream",
			"mcp-session-id": "mcp-gateway-health-check",
		};
		expect(ping?.headers).toMatchObject(common);
		expect(discover?.headers).toMatchObject({
			...common,
			"mcp-protocol-version": "2026-07-28",
			"mcp-method": "server/discover",
		});
		expect(ping?.headers["mcp-method"]).toBeUndefined();
		for (const request of [ping, discover]) expect(request?.headers.authorization).toBeUndefined();
		expect(JSON.parse(String(ping?.body))).toMatchObject({ jsonrpc: "2.0", method: "ping" });
		expect(JSON.parse(String(discover?.body))).toMatchObject({
			method: "server/discover",
			params: { _meta: { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } },
		});
		expect(await healthOf(gateway, "a")).toEqual(["healthy"]);
	});

	test("whatever answers below 500 is there; 5xx, silence and refusals are not", async () => {
		const replies: Record<string, Reply> = {
			...Object.fromEntries([200, 202, 307, 400, 401, 403, 404, 405, 406, 429].map((status) => [status, { status }])),
			ending: { chunks: ["event: message\ndata: {}\n\n"] },
			...Object.fromEntries([500, 502, 503].map((status) => [`bad-${status}`, { status }])),
			"bad-cut": { destroy: true },
			"bad-late": { hang: true },
			"bad-endless": { chunks: ["event: message\ndata: {}\n\n"], hang: true },
		};
		const upstream = await recorder({ reply: ({ target }) => replies[target.slice(1)] });
		const healthCheck = { type: "mcp", interval: "100ms", timeout: "500ms" };
		const entries = Object.keys(replies).map((name) => [
			name,
			{ type: "http", endpoint: `${upstream.url}/${name}`, healthCheck },
		]);
		const refused = { type: "http", endpoint: `http://127.0.0.1:${await freePort()}/mcp`, healthCheck };
		const gateway = await gatewayFor({ ...Object.fromEntries(entries), "bad-refused": refused });
		for (const name of [...Object.keys(replies), "bad-refused"]) {
			const wanted = name.startsWith("bad") ? "unhealthy" : "healthy";
			await eventually(`${name} is ${wanted}`, async () => (await healthOf(gateway, name))[0] === wanted);
		}
		const endless = upstream.requests.find(({ target }) => target === "/bad-endless");
		expect(await endless?.closed).toBe("aborted");
		for (const name of ["bad-late", "bad-endless"]) {
			expect(await serverStatus(gateway, name)).toMatchObject({
				state: "failing",
				problem: "no replica is healthy",
				endpoints: [{ health: "unhealthy", reason: "no answer to its health check in time" }],
			});
		}
		expect((await serverStatus(gateway, "bad-503")).endpoints[0]?.reason).toMatch(/refused or answered wrongly/);
		expectGatewayError(await send(gateway.url, "/bad-503", toolCall("x")), "no_healthy_replica", {
			id: 1,
			server: "bad-503",
		});
	});
});

describe("the http check", () => {
	test("takes any 2xx, names the endpoint's host, and one failure is not enough", async () => {
		let failures = 0;
		const upstream = await recorder({
			reply: () => {
				if (failures === 0) return { status: 204 };
				failures--;
				return { status: 500 };
			},
		});
		const healthCheck = { path: "/healthz", interval: "100ms", unhealthyThreshold: 3 };
		const gateway = await gatewayFor({ s: { type: "http", endpoint: `${upstream.url}/mcp`, healthCheck } });
		await eventually("it is healthy", async () => (await healthOf(gateway, "s"))[0] === "healthy");
		expect(upstream.requests[0]).toMatchObject({ method: "GET", target: "/healthz" });
		expect(upstream.requests[0]?.headers.host).toBe(new URL(upstream.url).host);
		const failed = async () => (await serverStatus(gateway, "s")).failedChecks ?? 0;
		failures = 2;
		await eventually("two checks have failed", async () => (await failed()) === 2);
		expect(await healthOf(gateway, "s")).toEqual(["healthy"]);
		failures = 3;
		await eventually("it is unhealthy", async () => (await healthOf(gateway, "s"))[0] === "unhealthy");
		await eventually("it is healthy again", async () => (await healthOf(gateway, "s"))[0] === "healthy");
	});

	test("goes over TLS, by address and by DNS name", async () => {
		const folder = mkdtempSync(join(tmpdir(), "mcpgw-health-"));
		ends.push(() => rmSync(folder, { recursive: true }));
		const caFile = join(folder, "ca.pem");
		const { cert, key } = await makeCertificate(["localhost", "mcp.localhost"], ["127.0.0.1"]);
		writeFileSync(caFile, cert);
		const hosts = new Set<string | undefined>();
		const upstream: Server = createServer({ cert, key }, (request, response) => {
			if (request.headers["user-agent"] === "Envoy/HC") hosts.add(request.headers.host);
			response.end("{}");
		});
		await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
		ends.push(() => {
			upstream.closeAllConnections();
			upstream.close();
		});
		const { port } = upstream.address() as AddressInfo;
		const at = (host: string, tls: object, type = "mcp") => ({
			type: "http",
			endpoint: `https://${host}:${port}/mcp`,
			tls,
			healthCheck: { type, ...quick },
		});
		const gateway = await gatewayFor({
			address: at("127.0.0.1", { caFile }),
			name: at("localhost", { caFile }, "http"),
			resolved: at("mcp.localhost", { caFile }),
			plain: { type: "http", endpoint: `http://mcp.localhost:${port}/mcp`, healthCheck: quick },
			stranger: at("127.0.0.1", {}),
		});
		for (const id of ["address", "name", "resolved", "plain"]) {
			await eventually(`${id} is healthy`, async () => (await healthOf(gateway, id)).includes("healthy"));
		}
		for (const id of ["address", "name", "resolved"]) {
			expect((await send(gateway.url, `/${id}`, toolCall("x"))).status).toBe(200);
		}
		await eventually(
			"a stranger's certificate is refused",
			async () => (await healthOf(gateway, "stranger"))[0] === "unhealthy",
		);
		expect(hosts).toEqual(new Set([`127.0.0.1:${port}`, `localhost:${port}`, `mcp.localhost:${port}`]));
	});
});

describe("servers with checks", () => {
	const slow = { type: "mcp", interval: "10m", timeout: "10m" };

	test("are served after the first check; a silent replica holds up neither its neighbours nor other servers", async () => {
		const [alive, silent] = await Promise.all([recorder(), recorder({ reply: { hang: true } })]);
		const dead = `http://127.0.0.1:${await freePort()}/mcp`;
		const gateway = await gatewayFor({ first: { type: "http", endpoint: `${alive.url}/mcp` } });
		const served = (id: string) =>
			eventually(`${id} is served`, async () => (await send(gateway.url, `/${id}`, toolCall("x"))).status === 200);
		await gateway.writeRegistry({
			first: { type: "http", endpoint: `${alive.url}/mcp` },
			one: { type: "http", endpoint: `${alive.url}/mcp`, healthCheck: slow },
			"dead-first": { type: "http", endpoints: [dead, `${alive.url}/mcp`], healthCheck: slow },
		});
		await Promise.all([served("one"), served("dead-first")]);
		await gateway.writeRegistry({
			first: { type: "http", endpoint: `${alive.url}/mcp` },
			silent: { type: "http", endpoint: `${silent.url}/mcp`, healthCheck: slow },
			next: { type: "http", endpoint: `${alive.url}/mcp`, healthCheck: slow },
			plain: { type: "http", endpoint: `${alive.url}/mcp` },
		});
		await Promise.all([served("next"), served("plain"), served("first")]);
		// The silent one is still not warm; what is added now must not wait for it.
		await gateway.writeRegistry({
			silent: { type: "http", endpoint: `${silent.url}/mcp`, healthCheck: slow },
			later: { type: "http", endpoint: `${alive.url}/mcp`, healthCheck: slow },
		});
		await served("later");
	});

	test("a replica that left the registry gets no more traffic though it passes its checks", async () => {
		const [a, b] = await Promise.all([recorder(), recorder()]);
		const entry = (endpoints: string[]) => ({
			s: { type: "http", endpoints, healthCheck: { path: "/healthz", ...quick } },
		});
		const gateway = await gatewayFor(entry([`${a.url}/mcp`, `${b.url}/mcp`]));
		await eventually("both are healthy", async () => String(await healthOf(gateway, "s")) === "healthy,healthy");
		await gateway.writeRegistry(entry([`${a.url}/mcp`]));
		await eventually("one is left", async () => (await healthOf(gateway, "s")).length === 1);
		a.clear();
		b.clear();
		for (let n = 0; n < 20; n++) expect((await send(gateway.url, "/s", toolCall("x", n))).status).toBe(200);
		expect(a.requests.filter((request) => !isCheck(request))).toHaveLength(20);
		expect(b.requests.filter((request) => !isCheck(request))).toHaveLength(0);
	});

	test("a dead replica is found without traffic, and its return too", async () => {
		const [a, b] = await Promise.all([recorder(), startRecorder()]);
		const gateway = await gatewayFor({
			s: { type: "http", endpoints: [`${a.url}/mcp`, `${b.url}/mcp`], healthCheck: { type: "mcp", interval: "200ms" } },
		});
		await eventually("both are healthy", async () => String(await healthOf(gateway, "s")) === "healthy,healthy");
		await b.close();
		await eventually("one is unhealthy", async () => String(await healthOf(gateway, "s")) === "healthy,unhealthy");
		for (let n = 0; n < 10; n++) expect((await send(gateway.url, "/s", toolCall("x", n))).status).toBe(200);
		await recorder({ port: b.port });
		await eventually("both are healthy again", async () => String(await healthOf(gateway, "s")) === "healthy,healthy");
	});
});

describe("passive ejection", () => {
	const statuses = async (gateway: Gateway, calls: number) => {
		const seen: number[] = [];
		for (let n = 0; n < calls; n++) seen.push((await send(gateway.url, "/s", toolCall("x", n))).status);
		return seen;
	};

	test("all replicas dead: 503 with the reason, told in the status; one that returns serves", async () => {
		const [a, b] = [await freePort(), await freePort()];
		const gateway = await gatewayFor({
			s: { type: "http", endpoints: [a, b].map((port) => `http://127.0.0.1:${port}/mcp`) },
		});
		let answer = await send(gateway.url, "/s", toolCall("x"));
		await eventually("nobody is left", async () => {
			answer = await send(gateway.url, "/s", toolCall("x", 7));
			return answer.status === 503;
		});
		expectGatewayError(answer, "no_healthy_replica", { id: 7, server: "s" });
		await eventually("the status tells it", async () => {
			await statuses(gateway, 10);
			return (await serverStatus(gateway, "s")).state === "failing";
		});
		const status = await serverStatus(gateway, "s");
		expect(status.ejections).toBeGreaterThanOrEqual(2);
		const back = await recorder({ port: a });
		await eventually("it is served again", async () => (await send(gateway.url, "/s", toolCall("x"))).status === 200);
		expect(back.requests.length).toBeGreaterThan(0);
	});

	test("a replica that is only slow stays: requests that run out of time eject nobody", async () => {
		const [slow, good] = await Promise.all([recorder({ reply: { hang: true } }), recorder()]);
		const endpoints = [slow, good].map(({ url }) => `${url}/mcp`);
		const gateway = await gatewayFor({ s: { type: "http", endpoints, timeouts: { request: "500ms" } } });
		const seen = await statuses(gateway, 20);
		expect(seen.filter((status) => status !== 200 && status !== 504)).toEqual([]);
		expect(Math.abs(slow.requests.length - good.requests.length)).toBeLessThanOrEqual(2);
		expect(seen.filter((status) => status === 504)).toHaveLength(slow.requests.length);
		const status = await serverStatus(gateway, "s");
		expect(status).toMatchObject({ ejections: 0, endpoints: [{ health: "healthy" }, { health: "healthy" }] });
		expect(status.endpoints.reduce((sum, { requests }) => sum + requests, 0)).toBe(20);
	});
});
