import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubernetesObject, V1Deployment } from "@kubernetes/client-node";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { stringify } from "yaml";
import { OWNER_LABEL } from "../../control-plane/kubernetes/names.ts";
import { call } from "../support/cli.ts";
import { manifests } from "../support/gateway-chart.ts";
import { ROOT } from "../support/process.ts";
import { synth } from "../support/synth.ts";
import { asAdmin } from "./support/api.ts";
import { type McpClient, modernClient, podOf } from "./support/clients.ts";
import { dryRun } from "./support/dry-run.ts";
import {
	type Before,
	expectNothingLeft,
	type Ground,
	installationValues,
	prepare,
	useServers,
} from "./support/installation.ts";
import { everythingIn } from "./support/inventory.ts";
import { apps } from "./support/kube.ts";
import { kubectl } from "./support/kubectl.ts";
import { useNamespace } from "./support/namespace.ts";
import type { ReleaseAddress } from "./support/release.ts";

/** The same installation as the chart's, from `cdk8s synth` and without Helm. Each test needs those before it. */

const images = inject("images");
const home = useNamespace("cdk8s-home");
const tools = useNamespace("cdk8s-tools");
const release = "synth";
const SLOW = 240_000;
const credentials = ["credentials", "--namespace", home.name, "--prefix", release];
const cleanup = ["cleanup", "--yes", "--gateway-name", release, "--kube-namespaces", `${home.name},${tools.name}`];

let ground: Ground;
let before: Before;
let folder: string;
let gateway: ReleaseAddress;
const clients: McpClient[] = [];

beforeAll(async () => {
	ground = { request: await asAdmin(), images, release, home, tools };
	folder = await mkdtemp(join(tmpdir(), "cdk8s-install-"));
	before = await prepare(ground);
});
beforeEach(() => {
	home.tellOnFailure();
	tools.tellOnFailure();
});
afterAll(async () => {
	for (const client of clients) await client.close().catch(() => {});
	await rm(folder, { recursive: true });
});

/** What `cdk8s synth` prints for this registry. */
async function synthesized(registry: object, more: NodeJS.ProcessEnv = {}): Promise<string> {
	const { registry: _, ...values } = installationValues({ images, home, tools });
	const [REGISTRY, VALUES] = [join(folder, "mcp-gateway.yaml"), join(folder, "values.yaml")];
	await writeFile(REGISTRY, `# Ours.\n${stringify(registry)}`);
	await writeFile(VALUES, stringify(values));
	const { code, stdout, stderr } = await synth({ REGISTRY, VALUES, RELEASE: release, NAMESPACE: home.name, ...more });
	expect(stderr).toBe("");
	expect(code).toBe(0);
	return stdout;
}

const { registry } = installationValues({ images, home, tools });

test(
	"`cdk8s synth | kubectl apply` installs: two control planes and two Envoys are ready",
	async () => {
		const made = await call(...credentials);
		expect(made.stderr).toBe("");
		expect(made.stdout).toMatch(/^Made Secret .*\nMade Secret .*\n$/);
		const text = await synthesized(registry);
		const told = (await kubectl(["apply", "--validate=strict", "-f", "-"], text)).trim().split("\n");
		expect(told.filter((line) => !line.endsWith(" created"))).toEqual([]);
		expect(told).toHaveLength(manifests(text).length);
		await home.readyPods("app.kubernetes.io/component=control-plane", 2, 120_000);
		await home.readyPods("app.kubernetes.io/component=envoy", 2, 120_000);
		await home.readyPods("app.kubernetes.io/instance=web", 2);
		await home.readyPods("app.kubernetes.io/instance=named", 1);
		await tools.readyPods("app.kubernetes.io/instance=py", 1);
	},
	SLOW,
);

test("the SDK's clients of both eras use servers of four kinds by the Service, over TLS", async () => {
	gateway = await useServers(ground, before, clients);
});

test("the objects of its servers are what the gateway has made, field for field", async () => {
	const owned = manifests(await synthesized(registry, { SERVERS: "1" })).filter(
		({ metadata }) => metadata?.labels?.[OWNER_LABEL] === release,
	);
	expect(owned.map(({ kind }) => kind).filter((kind) => kind === "Deployment")).toHaveLength(3);
	const generations = async () => [
		(await apps.readNamespacedDeployment({ namespace: home.name, name: "web" })).metadata?.generation,
		(await apps.readNamespacedDeployment({ namespace: home.name, name: "named" })).metadata?.generation,
		(await apps.readNamespacedDeployment({ namespace: tools.name, name: "py" })).metadata?.generation,
	];
	const now = await generations();
	// Where a field has another value than the gateway gave it, the API server refuses.
	const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: owned });
	await kubectl(["apply", "--server-side", "--field-manager=somebody", "-f", "-"], list);
	expect(await generations()).toEqual(now);
});

test("another registry is another synth away", async () => {
	const text = await synthesized({ ...registry, late: registry.outside });
	const told = (await kubectl(["apply", "-f", "-"], text)).trim().split("\n");
	// Of a budget kubectl replaces the selector each time, by the same one.
	const changed = told.filter((line) => !line.endsWith(" unchanged") && !line.startsWith("poddisruptionbudget"));
	expect(changed).toEqual([`configmap/${release}-registry configured`]);
	await expect
		.poll(() => gateway.fetch(`${gateway.url}/late`).then(({ status }) => status), { timeout: 60_000 })
		.not.toBe(404);
	const late = await modernClient(`${gateway.url}/late`, gateway.fetch);
	clients.push(late);
	expect(await podOf(late)).toMatch(/^outside-/);
});

test(
	"`cleanup`, `kubectl delete` and `credentials --remove` leave nothing, in any namespace",
	async () => {
		for (const client of clients.splice(0)) await client.close().catch(() => {});
		const cleaned = await call(...cleanup);
		expect(cleaned).toMatchObject({ code: 0, stderr: "" });
		await kubectl(["delete", "-f", "-"], await synthesized(registry));
		expect(await call(...credentials, "--remove")).toMatchObject({ code: 0, stderr: "" });
		await expectNothingLeft(ground, before);
		expect((await everythingIn(ground.request, home.name)).filter((one) => one.includes(release))).toEqual([]);
	},
	SLOW,
);

describe("the overlay", () => {
	test("adapts what `cdk8s synth` writes, and the API server takes it", async () => {
		const overlay = join(folder, "overlay");
		await cp(join(ROOT, "cdk8s/overlay"), overlay, {
			recursive: true,
			filter: (source) => !source.endsWith("/overlay/base"),
		});
		expect(await synth({}, "--output", join(overlay, "base"))).toMatchObject({ code: 0 });
		const objects = manifests(await kubectl(["kustomize", overlay]));
		const lines = await dryRun(objects, home.name);
		expect(lines.filter((line) => !line.endsWith("created (server dry run)"))).toEqual([]);
		expect(objects.map(({ kind }) => kind)).toContain("ResourceQuota");
		for (const { metadata } of objects) expect(metadata?.labels).toMatchObject({ team: "agents" });
		const deployments = objects.filter(({ kind }) => kind === "Deployment") as (V1Deployment & KubernetesObject)[];
		expect(deployments).toHaveLength(2);
		for (const { spec } of deployments) {
			const { nodeSelector, containers = [], initContainers = [] } = spec?.template.spec ?? {};
			expect(nodeSelector).toEqual({ pool: "edge" });
			for (const { image } of [...containers, ...initContainers]) expect(image).toMatch(/^registry\.example\.com\//);
		}
		const replicas = Object.fromEntries(deployments.map(({ metadata, spec }) => [metadata?.name, spec?.replicas]));
		expect(replicas).toEqual({ "mcp-gateway-control-plane": 2, "mcp-gateway-envoy": 4 });
	});
});
