import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AdminDeps, createAdminApi } from "../../../control-plane/admin/server.ts";
import { tokenSource } from "../../../control-plane/admin/token.ts";
import { type AdsServer, startAdsServer } from "../../../control-plane/ads/server.ts";
import type { KubernetesStatus } from "../../../control-plane/kubernetes/contract.ts";
import { createMetrics } from "../../../control-plane/metrics/metrics.ts";
import type { Server } from "../../../control-plane/registry/model.ts";
import { createFileSource, type FileSource } from "../../../control-plane/sources/file-source.ts";
import type { SourceState } from "../../../control-plane/sources/registry-source.ts";
import { createRegistryWriter } from "../../../control-plane/sources/registry-writer.ts";
import type { StatusDeps } from "../../../control-plane/status/status.ts";
import { kubernetesServer } from "../../support/kubernetes-server.ts";
import { openApiChecker } from "../../support/openapi.ts";
import { snapshotOf } from "../ads/resources.ts";

let ads: AdsServer;
let state: SourceState;
let source: FileSource;
let deps: AdminDeps;
let api: ReturnType<typeof createAdminApi>;

beforeEach(async () => {
	ads = await startAdsServer({ address: "127.0.0.1:0", log: pino({ level: "silent" }), onChange: () => {} });
	state = { registry: { servers: new Map() }, errors: [], loadedAt: 5 };
	const server = kubernetesServer("k", { chart: "c" });
	const status: StatusDeps = {
		registryFile: "r.yaml",
		source: () => state,
		outcomes: () => new Map([["k", { server, state: "unavailable", problem: "needs Kubernetes" }]]),
		ads,
		bridges: [],
		processes: () => [{ name: "envoy", pid: 1 }],
	};
	source = await createFileSource({ path: "/nowhere.yaml" });
	const registry = { writer: createRegistryWriter(source), parse: source.parse, waitInSync: async () => [] };
	deps = {
		loopback: true,
		token: undefined,
		version: "0",
		status,
		registry,
		metrics: createMetrics("0"),
		log: pino({ level: "silent" }),
	};
	api = createAdminApi(deps);
});

afterEach(async () => {
	await api.close();
	await source.close();
	await ads.close();
});

const get = (url: string, headers: Record<string, string> = {}, from = api) =>
	from.inject({ url, headers: { host: "127.0.0.1:9090", ...headers } });

describe("admin API", () => {
	it("is alive before it is ready", async () => {
		expect((await get("/healthz")).statusCode).toBe(200);
		expect((await get("/readyz")).statusCode).toBe(503);
		ads.setSnapshot(snapshotOf());
		expect((await get("/readyz")).json()).toEqual({ ready: false });
	});

	it("tells the status, the file's errors included", async () => {
		state = { ...state, errors: [{ file: "r.yaml", line: 2, col: 1, message: "Unknown key." }] };
		expect((await get("/v1/status")).json()).toEqual({
			ready: false,
			controlPlane: hostname(),
			registry: { file: "r.yaml", loadedAt: 5, errors: [{ file: "r.yaml", line: 2, col: 1, message: "Unknown key." }] },
			servers: [{ id: "k", type: "k8s", state: "unavailable", problem: "needs Kubernetes" }],
			envoys: [],
			processes: [{ name: "envoy", pid: 1 }],
			bridges: [],
		});
	});

	it("tells of one server, or that there is none", async () => {
		expect((await get("/v1/servers")).json()).toHaveLength(1);
		expect((await get("/v1/servers/k")).json()).toMatchObject({ id: "k" });
		expect((await get("/v1/servers/nope")).statusCode).toBe(404);
	});

	it.each([
		["a rebound DNS name", { host: "evil.example:9090" }, "host_denied"],
		["a name that begins like loopback", { host: "localhost.evil.example" }, "host_denied"],
		["a web page", { origin: "http://localhost:3000" }, "origin_denied"],
	])("refuses %s", async (_name, headers, error) => {
		const answer = await get("/v1/status", headers);
		expect(answer.statusCode).toBe(403);
		expect(answer.json()).toMatchObject({ error });
	});

	it("says in one shape what is not there or not taken", async () => {
		const nowhere = await get("/v1/nowhere");
		expect([nowhere.statusCode, nowhere.json()]).toEqual([404, { error: "not_found", message: expect.any(String) }]);
		const method = await api.inject({ method: "POST", url: "/v1/servers/k", headers: { host: "localhost" } });
		expect([method.statusCode, method.headers["allow"]]).toEqual([405, "GET, HEAD, PUT, PATCH, DELETE"]);
		expect(method.json()).toMatchObject({ error: "method_not_allowed" });
	});
});

describe("description", () => {
	it("is OpenAPI 3.1 that says what is answered", async () => {
		const document = (await get("/openapi.json")).json();
		expect(document.openapi).toBe("3.1.0");
		const check = openApiChecker(document);
		const ask = async (path: string, headers = {}) => {
			const answer = await get(path, headers);
			const { statusCode: status, body } = answer;
			expect(
				check({ method: "GET", path, status, contentType: String(answer.headers["content-type"]), body }),
				`${path} ${body}`,
			).toEqual([]);
		};
		state = { ...state, errors: [{ file: "r.yaml", line: 2, col: 1, message: "Unknown key." }] };
		for (const path of ["/healthz", "/readyz", "/v1/status", "/v1/servers", "/v1/servers/k", "/v1/servers/x"]) {
			await ask(path);
		}
		await ask("/v1/status", { origin: "https://a.example" });
		const operations = Object.values(document.paths).flatMap((path) => Object.values(path as object));
		for (const { summary, responses } of operations) {
			expect(summary).toMatch(/^[A-Z]/);
			for (const response of Object.values(responses)) expect(response).toHaveProperty("description");
		}
		// A schema that says nothing would agree with everything.
		const answer = { method: "GET", path: "/v1/status", status: 200, contentType: "application/json", body: "{}" };
		expect(check(answer)).not.toEqual([]);
		expect(check({ ...answer, path: "/healthz", body: '{"status":"ok","more":1}' })).not.toEqual([]);
	});
});

describe("a server on Kubernetes", () => {
	const pod = { name: "k-1", namespace: "mcp", ready: false, terminating: false, restarts: 2, problem: "crash loop" };
	const about = { namespace: "mcp", name: "k", managed: true, via: "endpoints" as const, conditions: [], pods: [pod] };
	const connection = { source: "service account", inCluster: true, problems: ["nobody answers"] };

	function withKubernetes(known: KubernetesStatus, state: "serving" | "unavailable", problem?: string) {
		const server = kubernetesServer("k");
		const http = { server: { ...kubernetesServer("h"), type: "http" } as unknown as Server, state };
		const pods = async () => [{ ...pod, lastLines: ["bye"] }];
		return createAdminApi({
			...deps,
			status: {
				...deps.status,
				outcomes: () => new Map([["k", { server, state, ...(problem && { problem }) }] as const, ["h", http] as const]),
				kubernetes: { connection: () => connection, status: () => known, pods },
			},
		});
	}

	it("tells of its pods, as the description says", async () => {
		const kube = withKubernetes({ ...about, replicas: { wanted: 1, ready: 0 } }, "serving");
		const problem = "none of its pods is ready: crash loop";
		const check = openApiChecker((await get("/openapi.json", {}, kube)).json());
		const ask = async (path: string) => {
			const { statusCode: status, body, headers } = await get(path, {}, kube);
			const contentType = String(headers["content-type"]);
			expect(check({ method: "GET", path, status, contentType, body }), `${path} ${body}`).toEqual([]);
			return JSON.parse(body);
		};
		expect(await ask("/v1/servers/k")).toMatchObject({ state: "failing", problem, kubernetes: { pods: [pod] } });
		expect((await ask("/v1/status")).kubernetes).toEqual(connection);
		expect(await ask("/v1/servers/k/pods")).toEqual([{ ...pod, lastLines: ["bye"] }]);
		expect(await ask("/v1/servers/h/pods")).toEqual([]);
		expect(await ask("/v1/servers/none/pods")).toMatchObject({ error: "unknown_server" });
		await kube.close();
	});

	it.each<[string, Partial<KubernetesStatus>, string | undefined]>([
		["one pod is ready", { pods: [pod, { ...pod, ready: true }] }, undefined],
		[
			"all terminate",
			{ pods: [{ ...pod, terminating: true, problem: "" }].map(({ problem: _, ...one }) => one) },
			"its pods are terminating",
		],
		["scaled to none", { pods: [], replicas: { wanted: 0, ready: 0 } }, "it is scaled to no pods"],
		["of others, whose pods are not seen", { pods: [], managed: false }, undefined],
	])("%s", async (_name, more, problem) => {
		const kube = withKubernetes({ ...about, ...more }, "serving");
		const shown = (await get("/v1/servers/k", {}, kube)).json();
		expect([shown.state, shown.problem]).toEqual([problem === undefined ? "serving" : "failing", problem]);
		await kube.close();
	});

	it("says why it was not made rather than that it is not there", async () => {
		const conditions = [{ reason: "quota", message: "the quota is used up" }];
		const kube = withKubernetes({ ...about, conditions, pods: [] }, "unavailable", "there is no Service k");
		expect((await get("/v1/servers/k", {}, kube)).json()).toMatchObject({ problem: "the quota is used up" });
		await kube.close();
	});
});

describe("token", () => {
	const token = "a-token-of-the-admin-api";
	const bearer = (text: string) => ({ authorization: `Bearer ${text}` });

	it("is asked for everywhere but of probes, whatever the Host", async () => {
		const open = createAdminApi({ ...deps, loopback: false, token: () => token });
		const host = { host: "gateway.example" };
		const without = await get("/v1/status", host, open);
		expect([without.statusCode, without.headers["www-authenticate"]]).toEqual([401, 'Bearer realm="mcp-gateway"']);
		expect(without.json()).toMatchObject({ error: "unauthorized" });
		const wrong = await get("/v1/status", { ...host, ...bearer(`${token}x`) }, open);
		expect(wrong.headers["www-authenticate"]).toContain("invalid_token");
		for (const path of ["/nowhere", "/openapi.json", "/v1/servers", "/healthzz", "//healthz"]) {
			expect((await get(path, host, open)).statusCode, path).toBe(401);
		}
		expect((await get("/healthz?x", host, open)).statusCode).toBe(200);
		expect((await get("/readyz", host, open)).statusCode).toBe(503);
		expect((await get("/v1/status", { ...host, ...bearer(token) }, open)).statusCode).toBe(200);
		expect((await get("/v1/status", { ...bearer(token), origin: "https://a.example" }, open)).statusCode).toBe(403);
		await open.close();
	});

	it("counts as it is now; one that cannot be read lets no one in", async () => {
		const file = join(await mkdtemp(join(tmpdir(), "token-")), "token");
		await writeFile(file, `${token}\n`);
		const rotated = createAdminApi({ ...deps, token: tokenSource(file, {}) });
		const status = async (text: string) => (await get("/v1/status", bearer(text), rotated)).statusCode;
		expect(await status(token)).toBe(200);
		await writeFile(file, "another-token-of-the-api");
		expect([await status(token), await status("another-token-of-the-api")]).toEqual([401, 200]);
		await rm(dirname(file), { recursive: true });
		expect([await status(token), await status("another-token-of-the-api"), await status("")]).toEqual([401, 401, 401]);
		await rotated.close();
	});

	it("comes from a file before the environment, and must be one", () => {
		expect(tokenSource(undefined, {})).toBeUndefined();
		expect(tokenSource(undefined, { MCP_GATEWAY_ADMIN_TOKEN: token })?.()).toBe(token);
		expect(tokenSource("/nowhere", { MCP_GATEWAY_ADMIN_TOKEN: token })).toThrow("/nowhere");
		expect(tokenSource(undefined, { MCP_GATEWAY_ADMIN_TOKEN: "short" })).toThrow("at least 16 characters");
		expect(() => createAdminApi({ ...deps, loopback: false })).toThrow("needs a token");
	});
});
