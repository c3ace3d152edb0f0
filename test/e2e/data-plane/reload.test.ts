// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are placeholders of the registry
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { eventually, type Gateway, startGateway } from "../../support/gateway.ts";
import { type Recorder, startRecorder } from "../../support/upstreams.ts";
import { expectGatewayError, oneConnection, open, readUntil, send, toolCall } from "./client.ts";

let upstream: Recorder;
let gateway: Gateway;
let base: Record<string, object>;

beforeAll(async () => {
	upstream = await startRecorder({ reply: ({ target }) => ({ body: target }) });
	base = { steady: { type: "http", endpoint: `${upstream.url}/steady` } };
	gateway = await startGateway({ registry: base });
});
afterAll(async () => {
	await gateway?.stop();
	await upstream?.close();
});
afterEach(async () => {
	await gateway.writeRegistry(base);
	await served("/steady", "/steady");
});

const at = (path: string) => ({ type: "http", endpoint: `${upstream.url}${path}` });

/** Waits until a target is answered by the upstream's path, or not served any more. */
async function served(target: string, path: string | 404, timeoutMs = 30_000, url = gateway.url): Promise<void> {
	const wanted = (answer: { status: number; text: string }) =>
		path === 404 ? answer.status === 404 : answer.text === path;
	await eventually(`${target} is ${path}`, async () => wanted(await send(url, target)), timeoutMs);
}

interface Status {
	registry: { errors: { line: number; col: number; message: string }[] };
	servers: { id: string; state: string; problem?: string }[];
}
const status = async () => (await (await fetch(`${gateway.adminUrl}/v1/status`)).json()) as Status;

describe("add, change, remove", () => {
	test.each([
		["by an atomic rename", (registry: object) => gateway.writeRegistry(registry)],
		["written in place", (registry: object) => writeFile(gateway.registryFile, JSON.stringify(registry))],
	])("%s", async (_how, write) => {
		await write({ ...base, added: at("/one") });
		await served("/added", "/one");
		await write({ ...base, added: at("/two") });
		await served("/added", "/two");
		await write(base);
		await served("/added", 404);
		expectGatewayError(await send(gateway.url, "/added"), "unknown_server", { path: "/added" });
		await served("/steady", "/steady");
	});

	test("by a symlink swap, as Kubernetes updates a ConfigMap", async () => {
		const folder = await mkdtemp(join(tmpdir(), "gw-configmap-"));
		const put = async (version: string, registry: object) => {
			await mkdir(join(folder, version));
			await writeFile(join(folder, version, "registry.json"), JSON.stringify(registry));
			await symlink(version, join(folder, "..data_tmp"));
			await rename(join(folder, "..data_tmp"), join(folder, "..data"));
		};
		await put("..v1", base);
		await symlink("..data/registry.json", join(folder, "registry.json"));
		const other = await startGateway({ registry: undefined, args: ["--registry", join(folder, "registry.json")] });
		try {
			for (const [n, path] of ["/one", "/two"].entries()) {
				await put(`..v${n + 2}`, { ...base, added: at(path) });
				await rm(join(folder, `..v${n + 1}`), { recursive: true });
				await served("/added", path, 30_000, other.url);
			}
		} finally {
			await other.stop();
			await rm(folder, { recursive: true });
		}
	});

	test("SIGHUP reads a placeholder's file again", async () => {
		const secret = join(gateway.tempDir, "token");
		await writeFile(secret, "first");
		await gateway.writeRegistry({ ...base, secret: { ...at("/x"), headers: { "X-Token": `\${file:${secret}}` } } });
		await served("/secret", "/x");
		await writeFile(secret, "second");
		process.kill(gateway.pid, "SIGHUP");
		await eventually("the new token is sent", async () => {
			upstream.clear();
			await send(gateway.url, "/secret");
			return (await upstream.next()).headers["x-token"] === "second";
		});
	});
});

describe("faults", () => {
	test("a bad file changes nothing and shows in status and log", async () => {
		await gateway.writeRegistry('{\n\t"steady": {"endpiont": "http://127.0.0.1:1/"}\n}');
		await eventually("the status shows it", async () => (await status()).registry.errors.length > 0);
		const [error] = (await status()).registry.errors;
		expect(error).toMatchObject({ line: 2, col: expect.any(Number), message: expect.stringContaining("endpoint") });
		await served("/steady", "/steady");
		expect(gateway.output()).toContain("the last good registry stays");
		await gateway.writeRegistry({ ...base, added: at("/after") });
		await served("/added", "/after");
		expect((await status()).registry.errors).toEqual([]);
	});

	test("a file that is gone changes nothing", async () => {
		await rm(gateway.registryFile);
		await eventually("the status shows it", async () => (await status()).registry.errors.length > 0);
		await served("/steady", "/steady");
	});

	test.each([
		["a name that cannot be resolved", { type: "http", endpoint: "http://no-such-name.invalid:8080/mcp" }],
		[
			"a variable that is missing",
			{ type: "http", endpoint: "http://127.0.0.1:1/", headers: { "X-Key": "${GW_TEST_MISSING}" } },
		],
		[
			"a CA file that is missing",
			{ type: "http", endpoint: "https://127.0.0.1:1/", tls: { caFile: "/nowhere/ca.pem" } },
		],
		["a program that does not exist", { cmd: ["/nowhere/mcp-server"] }],
		[
			"a replica that nobody can reach",
			{ type: "http", endpoint: "http://192.0.2.1:8080/mcp", healthCheck: { interval: "1s" } },
		],
	])("%s harms no other, and a neighbour of the same write is served within 2 s", async (_what, bad) => {
		// By what a change takes on this machine just now, which other work may keep busy.
		const from = performance.now();
		await gateway.writeRegistry({ ...base, plain: at("/plain") });
		await served("/plain", "/plain");
		const limitMs = 2000 + 4 * (performance.now() - from);
		await gateway.writeRegistry({ before: at("/b"), bad, ...base, after: at("/a"), steady: at("/changed") });
		await Promise.all([
			served("/before", "/b", limitMs),
			served("/after", "/a", limitMs),
			served("/steady", "/changed", limitMs),
		]);
		const answer = await send(gateway.url, "/bad", { ...toolCall("x"), agent: oneConnection() });
		expect(answer.status).toBeGreaterThanOrEqual(400);
		expect(answer.headers["content-type"]).toBe("application/json");
		expect(JSON.parse(answer.text)).toMatchObject({ jsonrpc: "2.0", error: { data: { reason: expect.any(String) } } });
	});
});

test("50 changes under load: an unchanged server answers 200 only, and its open stream goes on", async () => {
	upstream.reply(({ target }) =>
		target === "/steady/stream" ? { chunks: ["data: one\n\n"], hang: true } : { body: target },
	);
	upstream.clear();
	const socket = open(gateway.url, "GET /steady/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
	await readUntil(socket, (text) => text.includes("data: one"));
	const stream = await upstream.next();
	let over = false;
	const statuses = new Map<number, number>();
	const load = Array.from({ length: 4 }, async () => {
		const agent = oneConnection();
		while (!over) {
			const answer = await send(gateway.url, "/steady", { ...toolCall("x"), agent });
			statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
		}
		agent.destroy();
	});
	for (let n = 0; n < 50; n++) {
		await gateway.writeRegistry({ ...base, [`s${n % 3}`]: at(`/${n}`), other: at(`/other${n}`) });
		await served("/other", `/other${n}`);
	}
	over = true;
	await Promise.all(load);
	expect([...statuses.keys()]).toEqual([200]);
	expect(statuses.get(200)).toBeGreaterThan(100);
	stream.response?.write("data: two\n\n");
	await readUntil(socket, (text) => text.includes("data: two"));
	socket.destroy();
});
