import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mainFile } from "../../../control-plane/cli/paths.ts";
import { run } from "../../../envoy/run.ts";
import { eventually, type Gateway, startGateway } from "../../support/gateway.ts";
import { openApiChecker } from "../../support/openapi.ts";
import { NODE } from "../../support/process.ts";
import { type Replica, startStateless } from "../../support/upstreams.ts";

const token = "the-token-of-the-admin-api";
let gateway: Gateway;
let upstream: Replica;
let check: ReturnType<typeof openApiChecker>;

beforeAll(async () => {
	upstream = await startStateless({ name: "one" });
	gateway = await startGateway({
		registry: `# what we have\nfirst:\n  type: http\n  endpoint: ${upstream.url} # on this machine\n`,
		env: { MCP_GATEWAY_ADMIN_TOKEN: token },
	});
	check = openApiChecker((await (await admin("GET", "/openapi.json")).json()) as Parameters<typeof openApiChecker>[0]);
});
afterAll(async () => {
	await gateway?.stop();
	await upstream?.close();
});

const admin = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
	fetch(gateway.adminUrl + path, {
		method,
		headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : types[method]), ...headers },
		...(body === undefined ? {} : { body: JSON.stringify(body) }),
	});
const types: Record<string, Record<string, string>> = {
	PUT: { "content-type": "application/json" },
	PATCH: { "content-type": "application/merge-patch+json" },
};

const cli = (args: readonly string[], env: NodeJS.ProcessEnv) =>
	run(NODE, [mainFile, ...args], { env: { ...process.env, NO_COLOR: "1", ...env }, timeoutMs: 90_000 });

const call = (id: string) =>
	fetch(`${gateway.url}/${id}`, {
		method: "POST",
		headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
		body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
	});

test("what is put is served once the answer to `wait` is there, and gone when it is deleted", async () => {
	expect((await call("second")).status).toBe(404);
	const put = await admin("PUT", "/v1/servers/second?wait=10", { type: "http", endpoint: upstream.url });
	expect([put.status, await put.json()]).toEqual([
		201,
		{
			etag: put.headers.get("etag"),
			added: ["second"],
			changed: [],
			removed: [],
			inSync: true,
			envoys: [{ id: expect.stringContaining("envoy-"), inSync: true, refused: [] }],
		},
	]);
	expect((await call("second")).status).toBe(200);
	const text = await readFile(gateway.registryFile, "utf8");
	expect(text).toContain(
		`# what we have\nfirst:\n  type: http\n  endpoint: ${upstream.url} # on this machine\nsecond:\n`,
	);
	const gone = await admin("DELETE", "/v1/servers/second", undefined, { prefer: "wait=10" });
	expect(await gone.json()).toMatchObject({ removed: ["second"], inSync: true });
	expect((await call("second")).status).toBe(404);
	expect((await call("first")).status).toBe(200);
});

test("a change without `wait` takes effect at once, too", async () => {
	const etag = String((await admin("GET", "/v1/registry")).headers.get("etag"));
	const patch = await admin(
		"PATCH",
		"/v1/registry",
		{ third: { type: "http", endpoint: upstream.url } },
		{ "if-match": etag },
	);
	expect(patch.status).toBe(200);
	await eventually("the new server is served", async () => (await call("third")).status === 200);
	const conflict = await admin("PATCH", "/v1/registry", { third: null }, { "if-match": etag });
	expect([conflict.status, ((await conflict.json()) as { error: string }).error]).toEqual([412, "precondition_failed"]);
	expect((await call("third")).status).toBe(200);
});

test("a server whose secret is missing is in force and unavailable", async () => {
	// biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of the registry
	const entry = { type: "http", endpoint: "http://127.0.0.1:1", headers: { a: "${NOT_SET_HERE}" } };
	const put = await admin("PUT", "/v1/servers/broken?wait=10", entry);
	expect(await put.json()).toMatchObject({ added: ["broken"], inSync: true });
	expect(await (await admin("GET", "/v1/servers/broken")).json()).toMatchObject({ state: "unavailable" });
});

test("answers of a gateway at work are as described", async () => {
	for (const path of ["/healthz", "/readyz", "/v1/status", "/v1/servers", "/v1/servers/first", "/v1/registry"]) {
		const answer = await admin("GET", path);
		const contentType = String(answer.headers.get("content-type"));
		const body = await answer.text();
		expect(check({ method: "GET", path, status: answer.status, contentType, body }), body).toEqual([]);
	}
});

test("the token is asked for, and `mcp-gateway status` sends it", async () => {
	expect((await fetch(`${gateway.adminUrl}/v1/registry`)).status).toBe(401);
	expect((await fetch(`${gateway.adminUrl}/readyz`)).status).toBe(200);
	const at = ["--admin", new URL(gateway.adminUrl).host];
	const without = await cli(["status", ...at], {});
	expect([without.code, without.stderr]).toEqual([1, expect.stringContaining("--admin-token-file")]);
	const named = await cli(["status", ...at], { MCP_GATEWAY_ADMIN_TOKEN: token });
	expect([named.code, named.stdout]).toEqual([0, expect.stringContaining("first")]);
	expect(gateway.output()).not.toContain(token);
});
