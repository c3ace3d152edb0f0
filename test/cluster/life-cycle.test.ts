import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, onTestFinished } from "vitest";
import type { ApiRequest } from "../../control-plane/kubernetes/api-server.ts";
import { BASE_CHART, ownCharts } from "../../control-plane/kubernetes/objects/chart.ts";
import { eventually, type Gateway } from "../support/gateway.ts";
import { helm } from "../support/helm.ts";
import { asAdmin } from "./support/api.ts";
import { useBystanders } from "./support/bystanders.ts";
import { legacyClient, modernClient, podOf } from "./support/clients.ts";
import { entriesIn } from "./support/entries.ts";
import { startClusterGateway, tellOnFailure } from "./support/gateway.ts";
import { inventory } from "./support/inventory.ts";
import { type TestNamespace, useNamespace } from "./support/namespace.ts";
import { served } from "./support/status.ts";

/** From a registry to pods that answer, and back to nothing. */

const home = useNamespace("life-cycle");
const other = useNamespace("life-cycle-other");
const entries = entriesIn(home.name);
const bystanders = useBystanders({
	...{ home: home.name, other: other.name, gatewayName: home.name },
	ids: ["docs", "files", "Local"],
});
let request: ApiRequest;
let gateway: Gateway;

beforeAll(async () => {
	request = await asAdmin();
	gateway = await startClusterGateway({ name: home.name, namespaces: [home.name, other.name], registry: {} });
});
afterAll(async () => {
	await gateway?.stop();
});
beforeEach(() => {
	home.tellOnFailure();
	tellOnFailure(gateway);
});

/** Calls by both SDKs: a session of 2025-11-25, and 2026-07-28 without one. Returns the pods that answered. */
async function useServer(id: string): Promise<readonly string[]> {
	const url = `${gateway.url}/${id}`;
	const [legacy, modern] = [await legacyClient(url), await modernClient(url)];
	onTestFinished(() => Promise.all([legacy.close(), modern.close()]).then(() => {}));
	expect(legacy.sessionId).toBeDefined();
	expect(await legacy.call("add_note", { text: "first" })).toBe("1");
	expect(await legacy.call("add_note", { text: "second" })).toBe("2");
	expect(await modern.call("echo", { text: "ünïcode" })).toBe("ünïcode");
	return [await podOf(legacy), await podOf(modern)];
}

const podNames = async (namespace: TestNamespace, label: string) =>
	(await namespace.pods(label)).map(({ metadata }) => metadata?.name ?? "").sort();

async function answersNothing(id: string): Promise<void> {
	await eventually(`/${id} is unknown`, async () => {
		const { status } = await fetch(`${gateway.url}/${id}`, { method: "POST", body: "{}" });
		return status === 404;
	});
}

describe("servers of the registry", () => {
	it("come from nothing, answer clients of both eras, and go with everything that was made for them", async () => {
		const before = await inventory(request, home.name);
		const elsewhere = await inventory(request, other.name);
		await gateway.writeRegistry({
			docs: entries.http({ replicas: 2, env: { LEVEL: "info" } }),
			files: entries.http({ resources: { requests: { cpu: "50m" } }, autoscale: { min: 1, max: 2 } }),
			Local: entries.stdio(),
			[bystanders.taken]: entries.http(),
		});
		await Promise.all([served(gateway, "docs", 2), served(gateway, "files", 1), served(gateway, "Local", 1)]);
		for (const id of ["docs", "files", "Local"]) {
			const pods = await podNames(home, `mcp-gateway/owner=${home.name}`);
			for (const pod of await useServer(id)) expect(pods).toContain(pod);
		}
		const made = (await inventory(request, home.name)).filter((object) => !before.includes(object));
		for (const object of ["Deployment docs", "Service docs", "ConfigMap docs", "PodDisruptionBudget docs"]) {
			expect(made).toContain(object);
		}
		expect(made).toContain("HorizontalPodAutoscaler files");
		await bystanders.expectClash(gateway);

		await gateway.writeRegistry({});
		for (const id of ["docs", "files", "Local"]) await answersNothing(id);
		const left = async () => (await inventory(request, home.name)).filter((object) => !before.includes(object));
		await eventually("all of it is gone", async () => (await left()).length === 0, 90_000).catch(
			async (error: Error) => {
				throw new Error(`${error.message}: ${(await left()).join(", ")}`);
			},
		);
		expect(await inventory(request, home.name)).toEqual(before);
		expect(await inventory(request, other.name)).toEqual(elsewhere);
	});

	it("come again under the names that they had", async () => {
		await gateway.writeRegistry({ docs: entries.http() });
		await served(gateway, "docs", 1);
		await useServer("docs");
	});
});

describe("a server that Helm installed", () => {
	const release = "installed";
	const label = `app.kubernetes.io/instance=${release}`;
	/** What is its owner's of an object: not its status. */
	interface Theirs {
		readonly metadata: { readonly uid: string; readonly generation?: number; readonly labels: object };
		readonly spec: object;
	}
	const theirs = async () => {
		const lists = ["/apis/apps/v1", "/api/v1"].flatMap((base) =>
			(base === "/api/v1" ? ["services"] : ["deployments", "replicasets"]).map(
				(kind) => request("GET", `${base}/namespaces/${other.name}/${kind}`) as Promise<{ items: readonly Theirs[] }>,
			),
		);
		return (await Promise.all(lists)).flatMap(({ items }) =>
			items.map(({ metadata: { uid, generation, labels }, spec }) => ({ uid, generation, labels, spec })),
		);
	};

	it("answers by an entry that only finds it, and stays as it is without that", async () => {
		await helm(
			...["install", release, join(ownCharts, BASE_CHART), "--namespace", other.name, "--wait", "--timeout", "90s"],
			...["--set", `image=${inject("images").http}`, "--set", "replicas=2"],
		);
		const [before, pods] = [await theirs(), await podNames(other, label)];
		const everything = await inventory(request, other.name);
		expect(pods).toHaveLength(2);
		await gateway.writeRegistry({ found: { type: "k8s", manage: false, namespace: other.name, service: release } });
		await served(gateway, "found", 2);
		for (const pod of await useServer("found")) expect(pods).toContain(pod);

		await gateway.writeRegistry({});
		await answersNothing("found");
		// Whatever would be removed has been by the time that something else is made.
		await gateway.writeRegistry({ docs: entries.http() });
		await served(gateway, "docs", 1);
		expect(await theirs()).toEqual(before);
		expect(await podNames(other, label)).toEqual(pods);
		expect(await inventory(request, other.name)).toEqual(everything);
	});
});

describe("everything else", () => {
	bystanders.itIsUntouched();
});
