import { afterEach, beforeAll, expect, test } from "vitest";
import type { ApiRequest } from "../../control-plane/kubernetes/api-server.ts";
import type { LeaseObject } from "../../control-plane/kubernetes/write/lease-object.ts";
import { leasesPath } from "../../control-plane/kubernetes/write/lease-object.ts";
import { call } from "../support/cli.ts";
import { eventually } from "../support/gateway.ts";
import { allow, createAccount, leaseRule, serverRules } from "./support/account.ts";
import { asAdmin, createNamespace, type TestNamespace, unique } from "./support/api.ts";
import { startTestWriter, testImage } from "./support/writer.ts";

const LONG = 60_000;
const entry = (more: object = {}) => ({ type: "k8s", ...testImage, drainSeconds: 1, ...more });

let request: ApiRequest;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
	request = await asAdmin();
});
afterEach(async () => {
	for (const close of closing.splice(0).reverse()) await close();
});

async function namespace(): Promise<TestNamespace> {
	const made = await createNamespace(request, unique("k-reconciler"));
	closing.push(() => made.remove());
	return made;
}
async function left({ list, name }: TestNamespace): Promise<readonly string[]> {
	const kinds = ["configmaps", "services", "deployments", "poddisruptionbudgets", "replicasets", "pods"] as const;
	const found = await Promise.all(
		kinds.map(async (kind) => (await list(kind)).map((one) => `${kind} ${one.metadata?.name}`)),
	);
	const leases = (await request("GET", leasesPath(name))) as { items: LeaseObject[] };
	return [...found.flat(), ...leases.items.map(() => "lease")].filter((one) => one !== "configmaps kube-root-ca.crt");
}

test("cleanup removes what the gateway has made in every namespace and nothing else, under a control plane that runs", async () => {
	const home = await namespace();
	const other = await namespace();
	const writer = await startTestWriter({ gatewayName: home.name, namespace: home.name });
	closing.push(() => writer.close());
	writer.registry({ docs: entry(), far: entry({ namespace: other.name, replicas: 2 }) });
	await eventually("one is ready", async () => (await home.deployment("docs"))?.status?.readyReplicas === 1, LONG);
	await eventually("so are two", async () => (await other.deployment("far"))?.status?.readyReplicas === 2, LONG);
	const { labels = {}, annotations = {} } = (await home.get("services", "docs"))?.metadata ?? {};
	const theirs = await other.create("services", {
		metadata: { name: "docs", labels, annotations },
		spec: { ports: [{ port: 80 }] },
	});

	const dry = await call("cleanup", "--gateway-name", home.name, "--dry-run");
	expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining(`Deployment ${other.name}/far`) });
	expect(dry.stdout).toContain("and 3 pods");
	expect(dry.stdout).toMatch(new RegExp(`Left alone.*\n {2}Service ${other.name}/docs`));
	expect(await other.deployment("far")).toBeDefined();

	const done = await call("cleanup", "--gateway-name", home.name);
	expect(done).toMatchObject({ code: 0, stderr: "" });
	expect(done.stdout).toContain(writer.state().identity);
	expect(done.stdout).toContain("Everything is gone.");
	expect(await left(home)).toEqual([]);
	expect(await left(other)).toEqual(["services docs"]);
	expect((await other.get("services", "docs"))?.metadata?.resourceVersion).toBe(theirs.metadata?.resourceVersion);

	// What is removed is not made anew by the control plane that runs, until it is told to.
	expect(writer.reasons("docs")).toEqual(["cleaned_up"]);
	writer.registry({ docs: entry({ env: { A: "1" } }) });
	expect(await call("cleanup", "--gateway-name", home.name)).toMatchObject({
		code: 0,
		stdout: expect.stringContaining("Nothing"),
	});
	expect(await left(home)).toEqual([]);
	writer.again();
	await eventually("it is made again", async () => (await home.deployment("docs")) !== undefined, LONG);
	expect(writer.conditions("docs")).toEqual([]);
});

test("cleanup needs permissions in its namespaces only, and says so", async () => {
	const home = await namespace();
	const kubeconfig = await createAccount(request, home.name);
	const writer = await startTestWriter({ gatewayName: home.name, namespace: home.name });
	closing.push(() => writer.close());
	writer.registry({ docs: entry() });
	await eventually("it is there", async () => (await home.deployment("docs"))?.status?.readyReplicas === 1, LONG);
	await writer.close();
	await allow(request, home.name, home.name, [
		...serverRules,
		{ ...leaseRule, verbs: ["get", "list", "create", "update", "delete"] },
	]);
	const at = ["cleanup", "--gateway-name", home.name, "--kubeconfig", kubeconfig];
	const everywhere = await call(...at);
	expect(everywhere).toMatchObject({ code: 1, stderr: expect.stringContaining("--kube-namespaces") });
	expect(await home.deployment("docs")).toBeDefined();
	const here = await call(...at, "--kube-namespaces", home.name);
	expect(here).toMatchObject({ code: 0, stderr: "" });
	expect(await left(home)).toEqual([]);
});

test("cleanup tells what stands in its way", async () => {
	const wrong = await call("cleanup", "--kubeconfig", "/nowhere");
	expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining("/nowhere") });
	expect(await call("cleanup", "--gateway-name", "a b")).toMatchObject({ code: 2 });
	const home = await namespace();
	const writer = await startTestWriter({ gatewayName: home.name, namespace: home.name });
	closing.push(() => writer.close());
	writer.registry({ docs: entry() });
	await eventually("it is there", async () => (await home.get("services", "docs")) !== undefined, LONG);
	await writer.close();
	await home.patch("services", "docs", { metadata: { finalizers: ["example.com/stays"] } });
	const stuck = await call("cleanup", "--gateway-name", home.name, "--timeout", "1");
	expect(stuck).toMatchObject({ code: 1, stderr: expect.stringContaining(`Service ${home.name}/docs`) });
	await home.patch("services", "docs", { metadata: { finalizers: null } });
});
