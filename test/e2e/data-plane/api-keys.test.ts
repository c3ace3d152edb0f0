import { createHash } from "node:crypto";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { apiKeyFilters } from "../../../control-plane/xds/api-keys.ts";
import { any, extension, type Message } from "../../../control-plane/xds/message.ts";
import { startEnvoy } from "../../bench/envoy.ts";
import { staticRoute } from "../../bench/envoy-config.ts";
import { call as cli } from "../../support/cli.ts";
import { envoyAdmin } from "../../support/envoy-admin.ts";
import { eventually, type Gateway, startGateway } from "../../support/gateway.ts";
import { readMetrics } from "../../support/prometheus.ts";
import { type Recorder, startRecorder } from "../../support/upstreams.ts";
import { type Answer, expectGatewayError, oneConnection, open, readUntil, send } from "./client.ts";

const alice = "alice-s3cret-key-0123456789";
const bob = "bob-s3cret-key-0123456789";
const carol = "carol-s3cret-key-0123456789";
const dave = "dave-s3cret-key-0123456789";
/** As `keys new` makes them; nothing sends it but beside another. */
const erin = "mcpgw_erin-s3cret-key-0123456789";
const sha = (key: string) => createHash("sha256").update(key).digest("hex");
/** One key of each length that there may be: the padding of SHA-256 depends on it. */
const byLength = Array.from({ length: 241 }, (_, n) => `${n}-`.padEnd(n + 16, "kl#~"));
const base = {
	alice,
	bob: `sha256:${sha(bob)}`,
	erin: `sha256:${sha(erin)}`,
	// biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of the file
	carol: { key: "${CAROL}", servers: ["s", "later"] },
	...Object.fromEntries(byLength.map((key) => [`length-${key.length}`, key])),
};

let upstream: Recorder;
let gateway: Gateway;
let folder: string;
let keyFile: string;

async function writeKeys(keys: object | string): Promise<void> {
	await writeFile(`${keyFile}.new`, typeof keys === "string" ? keys : JSON.stringify(keys, null, 1));
	await rename(`${keyFile}.new`, keyFile);
}

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "gw-keys-"));
	keyFile = join(folder, "keys.yaml");
	await writeKeys(base);
	upstream = await startRecorder();
	const endpoint = `${upstream.url}/mcp`;
	gateway = await startGateway({
		args: ["--api-key-file", keyFile, "--envoy-log-level", "info"],
		env: { CAROL: carol, MCP_GATEWAY_API_KEYS: `dave: ${dave}` },
		registry: {
			s: { type: "http", endpoint },
			other: { type: "http", endpoint },
			bare: { type: "http", endpoint, authorization: "remove" },
			own: { type: "http", endpoint, headers: { Authorization: "Bearer upstream-token", "X-Api-Key": "upstream-key" } },
		},
	});
});
afterAll(async () => {
	await gateway?.stop();
	await upstream?.close();
	await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
	upstream.clear();
	upstream.reply({ body: "{}" });
});

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const post = (target: string, headers: Record<string, string | string[]> = {}) =>
	send(gateway.url, target, { headers, body: "{}" });

describe("a key", () => {
	test.each([
		["plain in the file, as x-api-key", { "x-api-key": alice }],
		["plain in the file, as a bearer token", bearer(alice)],
		["with its scheme in small letters", { authorization: `bearer ${alice}` }],
		["hashed in the file", { "x-api-key": bob }],
		["of a placeholder", bearer(carol)],
		["of the environment", bearer(dave)],
	])("%s opens the gateway and is removed before the upstream", async (_what, headers) => {
		expect((await post("/s", headers)).status).toBe(200);
		const seen = await upstream.next();
		expect(seen.headers).not.toHaveProperty("x-api-key");
		expect(seen.headers).not.toHaveProperty("authorization");
		expect(JSON.stringify(seen.headers)).not.toContain("s3cret");
		expect(Object.keys(seen.headers).filter((name) => name.startsWith("x-mcp-gateway"))).toEqual([]);
	});

	test("of any length is known by its hash, at the first and at later requests", async () => {
		const agent = oneConnection();
		for (const key of [...byLength, ...byLength]) {
			const { status } = await send(gateway.url, "/s", { headers: { "x-api-key": key }, body: "{}", agent });
			expect([key.length, status]).toEqual([key.length, 200]);
		}
		agent.destroy();
	});

	test("beside a client's own Authorization leaves that to the upstream", async () => {
		await post("/s", { "x-api-key": alice, authorization: "Bearer the-clients-own" });
		expect((await upstream.next()).headers["authorization"]).toBe("Bearer the-clients-own");
		await post("/s", { "x-api-key": alice, authorization: "Basic dTpw" });
		expect((await upstream.next()).headers["authorization"]).toBe("Basic dTpw");
	});

	test("sent in both headers reaches the upstream in neither", async () => {
		expect((await post("/s", { "x-api-key": alice, ...bearer(alice) })).status).toBe(200);
		expect(upstream.requests[0]?.headers).not.toHaveProperty("authorization");
		expect(upstream.requests[0]?.headers).not.toHaveProperty("x-api-key");
	});

	test.each<[string, string | string[]]>([
		["twice", [`Bearer ${alice}`, `Bearer ${alice}`]],
		["without a scheme", alice],
		["behind a tab", `Bearer\t${alice}`],
		["behind a token of the upstream's", `Bearer the-clients-own, Bearer ${alice}`],
		["of somebody else, as `keys new` makes them", `Bearer ${erin}`],
	])("sent as x-api-key and in Authorization %s reaches no upstream", async (_how, authorization) => {
		expect((await post("/s", { "x-api-key": alice, authorization })).status).toBe(200);
		expect((await upstream.next()).headers).not.toHaveProperty("authorization");
	});

	test("is removed with any other Authorization where the entry says so", async () => {
		await post("/bare", { "x-api-key": alice, authorization: "Bearer the-clients-own" });
		expect((await upstream.next()).headers).not.toHaveProperty("authorization");
	});

	test("does not keep the registry's headers from the upstream", async () => {
		await post("/own", { "x-api-key": alice, authorization: "Bearer the-clients-own" });
		expect((await upstream.next()).headers).toMatchObject({
			authorization: "Bearer upstream-token",
			"x-api-key": "upstream-key",
		});
	});
});

describe("401 unauthorized", () => {
	test.each<[string, Record<string, string | string[]>]>([
		["no key", {}],
		["an unknown key", { "x-api-key": "unknown-0123456789" }],
		["an unknown bearer token", bearer("unknown-0123456789")],
		["a hash instead of its key", { "x-api-key": sha(bob) }],
		["a hash as the file has it", { "x-api-key": `sha256:${sha(bob)}` }],
		["the name of a key", { "x-api-key": "alice" }],
		["an empty key", { "x-api-key": "" }],
		["another scheme", { authorization: `Basic ${alice}` }],
		["no scheme", { authorization: alice }],
		["two keys in one header", { "x-api-key": [alice, bob] }],
		["an unknown key beside a good one", { "x-api-key": "unknown-0123456789", ...bearer(alice) }],
		["more than a key", { "x-api-key": `${alice} x` }],
		["a key longer than any", { "x-api-key": "x".repeat(20_000) }],
		["what the script would leave", { "x-mcp-gateway-client": "alice", "x-mcp-gateway-path": "/s" }],
	])("for %s", async (_what, headers) => {
		const answer = await post("/s", headers);
		expectGatewayError(answer, "unauthorized");
		expect(answer.headers["www-authenticate"]).toBe('Bearer realm="mcp-gateway"');
		expect(upstream.requests).toEqual([]);
	});
});

/** What a client can see of an answer but for what differs from request to request. */
const visible = ({ status, headers: { date: _, ...headers }, text }: Answer) => ({
	status,
	headers,
	text: text.replace(/"requestId":"[^"]*"/, ""),
});

describe("a key with servers", () => {
	test("opens these, those that come later too", async () => {
		expect((await post("/s", bearer(carol))).status).toBe(200);
		expect((await post("/s/deeper?x=/other", bearer(carol))).status).toBe(200);
		expectGatewayError(await post("/later", bearer(carol)), "unknown_server", { path: "/later" });
	});

	test.each([
		"/other",
		"/other/s",
		"/S",
		"/s%2Fx",
		"/",
		"//s",
		"/other?/s",
		"/s;x",
		"/x/../s",
	])("does not open %s", async (target) => {
		const answer = await post(target, bearer(carol));
		if (target.includes("..")) expectGatewayError(answer, "bad_path");
		else expectGatewayError(answer, "key_denied");
		expect(upstream.requests).toEqual([]);
	});

	test.each<[string, Record<string, string>]>([
		["nobody", {}],
		["a web page", { origin: "http://localhost:3000" }],
		["a foreign web page", { origin: "https://evil.example" }],
		["a key for another server", bearer(carol)],
	])("tells %s nothing of which servers there are", async (_who, headers) => {
		for (const method of ["POST", "GET", "DELETE", "OPTIONS"]) {
			for (const preflight of method === "OPTIONS" ? [{ "access-control-request-method": "POST" }, {}] : [{}]) {
				const ask = async (target: string) =>
					visible(await send(gateway.url, target, { method, headers: { ...headers, ...preflight } }));
				expect(await ask("/other")).toEqual(await ask("/nosuch"));
			}
		}
	});

	test("that nobody knows is warned of", async () => {
		const warning = await gateway.waitForEvent("api_key_servers");
		expect(warning["keys"]).toEqual({ carol: ["later"] });
	});
});

const upgrade = (target: string, header: string) =>
	`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${header}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;

describe("WebSocket", () => {
	test("needs a key, and for that server", async () => {
		for (const [target, header, status] of [
			["/s", "", 401],
			["/other", `x-api-key: ${carol}\r\n`, 403],
			["/s", `x-api-key: ${carol}\r\n`, 101],
		] as const) {
			const socket = open(gateway.url, upgrade(target, header));
			expect(await readUntil(socket, (text) => text.includes("\r\n\r\n"))).toMatch(`HTTP/1.1 ${status} `);
			socket.destroy();
		}
		const seen = await upstream.next();
		expect(seen.headers).not.toHaveProperty("x-api-key");
	});
});

test("a preflight needs no key, and answers may be read", async () => {
	const origin = "http://localhost:3000";
	const preflight = await send(gateway.url, "/s", {
		method: "OPTIONS",
		headers: { origin, "access-control-request-method": "POST" },
	});
	expect([preflight.status, preflight.headers["access-control-allow-origin"]]).toEqual([200, origin]);
	const refused = await post("/s", { origin });
	expect([refused.status, refused.headers["access-control-allow-origin"]]).toEqual([401, origin]);
});

test("the access log tells the key's name", async () => {
	await post("/s", { ...bearer(carol), "x-request-id": "by-carol" });
	await post("/s", { "x-request-id": "by-nobody" });
	const line = (id: string) => gateway.events().find(({ requestId }) => requestId === id);
	await eventually("both are logged", () => line("by-carol") !== undefined && line("by-nobody") !== undefined, 15_000);
	expect(line("by-carol")).toMatchObject({ key: "carol", server: "s", status: 200 });
	expect(line("by-nobody")).not.toHaveProperty("key");
});

test("requests are counted by key and outcome", async () => {
	const counts = async () => {
		const samples = readMetrics(await (await fetch(`${gateway.adminUrl}/metrics`)).text());
		const found = samples.filter(({ name }) => name === "mcp_gateway_requests_by_key_total");
		return Object.fromEntries(found.map(({ labels, value }) => [`${labels["key"]} ${labels["outcome"]}`, value]));
	};
	const before = await counts();
	for (const headers of [bearer(dave), bearer(dave), bearer(carol), {}]) await post("/other", headers);
	upstream.reply({ status: 403 });
	await post("/other", bearer(dave));
	const grown = { "dave allowed": 3, "carol denied": 1, " unauthorized": 1 };
	await eventually("all are counted", async () => {
		const after = await counts();
		return Object.entries(grown).every(([name, by]) => after[name] === (before[name] ?? 0) + by);
	});
	expect(Object.keys(await counts())).toContain("bob allowed");
});

describe("a change of the keys", () => {
	const opens = async (key: string) => (await post("/s", bearer(key))).status === 200;
	const status = async () =>
		(await (await fetch(`${gateway.adminUrl}/v1/status`)).json()) as { apiKeys: { errors: object[] } };

	test("is in force at once, and neither cuts a stream nor drains the listener", async () => {
		upstream.reply({ chunks: ["data: one\n\n"], hang: true });
		const stream = open(gateway.url, `GET /s HTTP/1.1\r\nHost: localhost\r\nx-api-key: ${alice}\r\n\r\n`);
		await readUntil(stream, (text) => text.includes("data: one"));
		const { response } = await upstream.next();
		upstream.reply({ body: "{}" });
		const socket = open(gateway.url, upgrade("/s", `x-api-key: ${alice}\r\n`));
		await readUntil(socket, (text) => text.includes("\r\n\r\n"));
		const agent = oneConnection();
		await send(gateway.url, "/s", { headers: bearer(bob), body: "{}", agent });

		const listeners = await envoyAdmin(gateway, "/stats?filter=listener_manager.listener_(modified|in_place_updated)");
		const eve = "eve-s3cret-key-0123456789";
		await writeKeys({ bob: base.bob, eve });
		await eventually("the new key is known to every worker", async () => {
			const all = await Promise.all(Array.from({ length: 8 }, () => opens(eve)));
			return all.every(Boolean);
		});
		await eventually("the old key is unknown to every worker", async () => {
			const all = await Promise.all(Array.from({ length: 8 }, () => opens(alice)));
			return !all.some(Boolean);
		});
		expect((await send(gateway.url, "/s", { headers: bearer(bob), body: "{}", agent })).status).toBe(200);
		agent.destroy();
		expect(await envoyAdmin(gateway, "/stats?filter=listener_manager.listener_(modified|in_place_updated)")).toBe(
			listeners,
		);
		expect(
			await envoyAdmin(gateway, "/stats?filter=listener_manager.total_(listeners_draining|filter_chains_draining)"),
		).not.toMatch(/: [1-9]/);

		response?.write("data: two\n\n");
		await readUntil(stream, (text) => text.includes("data: two"));
		stream.destroy();
		socket.write(Buffer.from([0x81, 0x85, 0, 0, 0, 0, ...Buffer.from("hello")]));
		expect(await readUntil(socket, (text) => text.length >= 7)).toBe("\x81\x05hello");
		socket.destroy();
	});

	test("in a file that a placeholder names is taken up on SIGHUP", async () => {
		const file = join(folder, "frank");
		const frank = (n: number) => `frank-s3cret-key-012345678${n}`;
		await writeFile(file, frank(1));
		await writeKeys({ ...base, frank: `\${file:${file}}` });
		await eventually("the first key opens", () => opens(frank(1)));
		await writeFile(file, frank(2));
		process.kill(gateway.pid, "SIGHUP");
		await eventually("the second key opens", () => opens(frank(2)));
	});

	test.each([
		["faulty", () => writeKeys("alice: short"), "at least 16 characters"],
		["empty", () => writeKeys(""), "Write a map"],
		["gone", () => rm(keyFile), "does not exist"],
	])("for the worse is none: a file that is %s keeps the old keys, and status tells it", async (_what, spoil, words) => {
		await writeKeys(base);
		await eventually("the good file is in force", async () => {
			return (await opens(alice)) && (await status()).apiKeys.errors.length === 0;
		});
		await spoil();
		await eventually("the status tells it", async () => JSON.stringify((await status()).apiKeys).includes(words));
		expect(await opens(alice)).toBe(true);
		expect((await post("/s")).status).toBe(401);
		expect(await cli("status", "--admin", new URL(gateway.adminUrl).host)).toMatchObject({
			code: 1,
			stdout: expect.stringContaining("The API keys are faulty; the last good ones are in force"),
		});
		expect(gateway.output()).toContain(words);
	});
});

test("no key shows anywhere: log, status, config_dump, command lines", async () => {
	const shown = {
		config_dump: await envoyAdmin(gateway, "/config_dump?include_eds"),
		stats: await envoyAdmin(gateway, "/stats"),
		status: await (await fetch(`${gateway.adminUrl}/v1/status`)).text(),
		log: gateway.output(),
		arguments: gateway
			.descendants()
			.map(({ command }) => command)
			.join("\n"),
	};
	expect(shown.config_dump).toContain(sha(alice));
	for (const [where, text] of Object.entries(shown)) {
		expect(text.includes("s3cret"), `a key is in ${where}`).toBe(false);
	}
});

test("a script that fails lets nothing pass", async () => {
	const fails = extension(
		"fails",
		any("envoy.extensions.filters.http.lua.v3.Lua", {
			default_source_code: { inline_string: "function envoy_on_request() error() end" },
		}),
	);
	const through = async (filters: readonly Message[]) => {
		const envoy = await startEnvoy(folder, (port) =>
			staticRoute(port, upstream.port, join(folder, "access.log"), (manager) => {
				manager.http_filters.splice(1, 0, ...(filters as { name: string }[]));
			}),
		);
		try {
			return await send(`http://127.0.0.1:${envoy.port}`, "/server-0", { body: "{}" });
		} finally {
			await envoy.close();
		}
	};
	const [, needKey] = apiKeyFilters;
	expect((await through([fails])).status).toBe(200);
	expectGatewayError(await through([fails, needKey as Message]), "unauthorized", { server: "server-0" });
});

test("a gateway with a faulty key file does not start, and says why without the key", async () => {
	const file = join(folder, "faulty.yaml");
	await writeFile(file, `alice: ${alice}\nbob: s3cret\n`);
	const { code, stdout, stderr } = await cli("up", "--api-key-file", file);
	expect(code).toBe(1);
	expect(stderr).toContain(`${file}:2:6: \`bob\` must have at least 16 characters`);
	expect(stdout + stderr).not.toContain("s3cret");
});
