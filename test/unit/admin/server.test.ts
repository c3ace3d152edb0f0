import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createAdminApi } from "../../../control-plane/admin/server.ts";
import { type AdsServer, startAdsServer } from "../../../control-plane/ads/server.ts";
import type { SourceState } from "../../../control-plane/sources/registry-source.ts";
import type { StatusDeps } from "../../../control-plane/status/status.ts";
import { snapshotOf } from "../ads/resources.ts";

let ads: AdsServer;
let state: SourceState;
let api: ReturnType<typeof createAdminApi>;

beforeEach(async () => {
	ads = await startAdsServer({ address: "127.0.0.1:0", log: pino({ level: "silent" }), onChange: () => {} });
	state = { registry: { servers: new Map() }, errors: [], loadedAt: 5 };
	const server = { type: "k8s", id: "k", chart: "c" } as const;
	const deps: StatusDeps = {
		registryFile: "r.yaml",
		source: () => state,
		outcomes: () => new Map([["k", { server, state: "unavailable", problem: "needs Kubernetes" }]]),
		ads,
		bridges: [],
		processes: () => [{ name: "envoy", pid: 1 }],
	};
	api = createAdminApi(deps);
});

afterEach(async () => {
	await api.close();
	await ads.close();
});

const get = (url: string, headers: Record<string, string> = {}) =>
	api.inject({ url, headers: { host: "127.0.0.1:9090", ...headers } });

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
});
