import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, onTestFinished } from "vitest";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { legacyClient, modernClient, podOf } from "./support/clients.ts";
import { tellOnFailure } from "./support/gateway.ts";
import { httpDeployment, httpPort } from "./support/http-deployment.ts";
import { startLoad } from "./support/load.ts";
import { useNamespace } from "./support/namespace.ts";

/** Pods behind an entry of type http that names their addresses: what the gateway does without asking the cluster. */

const replicas = 3;
const namespace = useNamespace("http-pods");
let gateway: Gateway;
let pods: readonly string[] = [];

beforeAll(async () => {
	await namespace.create(httpDeployment({ name: "web", image: inject("images").http, replicas }));
	await namespace.rollout("web");
	const ready = await namespace.readyPods("app=web", replicas);
	pods = ready.map(({ metadata }) => metadata?.name ?? "").sort();
	const endpoints = ready.map(({ status }) => `http://${status?.podIP}:${httpPort}/mcp`);
	gateway = await startGateway({ registry: { web: { type: "http", endpoints } } });
});
afterAll(() => gateway?.stop());
beforeEach(() => {
	namespace.tellOnFailure();
	tellOnFailure(gateway);
});

describe("pods by their addresses", () => {
	it("have fair shares of stateless calls", async () => {
		const { statuses, pods: shares, failures } = await startLoad({ url: `${gateway.url}/web`, requests: 300 }).done;
		expect(failures).toEqual([]);
		expect([...statuses]).toEqual([[200, 300]]);
		expect([...shares.keys()].sort()).toEqual(pods);
		for (const count of shares.values()) expect(Math.abs(count - 300 / replicas)).toBeLessThanOrEqual(30 / replicas);
	});

	it("keep their sessions, and answer clients of both eras", async () => {
		const [legacy, modern] = [await legacyClient(`${gateway.url}/web`), await modernClient(`${gateway.url}/web`)];
		onTestFinished(() => Promise.all([legacy.close(), modern.close()]).then(() => {}));
		const own = await podOf(legacy);
		for (let n = 1; n <= 6; n++) {
			expect(await legacy.call("add_note", { text: String(n) })).toBe(String(n));
			expect(await podOf(legacy)).toBe(own);
		}
		const seen = new Set<string>();
		for (let n = 0; n < 2 * replicas; n++) seen.add(await podOf(modern));
		expect([...seen].sort()).toEqual(pods);
	});
});
