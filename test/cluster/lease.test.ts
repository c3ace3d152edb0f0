import { afterEach, beforeAll, expect, test } from "vitest";
import type { ApiRequest } from "../../control-plane/kubernetes/api-server.ts";
import type { LeaseObject } from "../../control-plane/kubernetes/write/lease-object.ts";
import { leasesPath } from "../../control-plane/kubernetes/write/lease-object.ts";
import { eventually } from "../support/gateway.ts";
import { type Child, startNode } from "../support/process.ts";
import { asAdmin, createNamespace, type TestNamespace, unique } from "./support/api.ts";
import { startTestWriter, type TestWriter, testImage } from "./support/writer.ts";

/** A tenth of the real ones, but for the duration, which counts in seconds. */
const leaseTimes = { renewMs: 500, stopMs: 1000, durationMs: 2000, lookMs: 200 };
const LONG = 60_000;
const entry = (more: object = {}) => ({ type: "k8s", ...testImage, ...more });

let request: ApiRequest;
let home: TestNamespace;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
	request = await asAdmin();
});
afterEach(async () => {
	for (const close of closing.splice(0).reverse()) await close();
});

async function namespace(): Promise<void> {
	home = await createNamespace(request, unique("k-reconciler"));
	closing.push(() => home.remove());
}
async function inProcess(): Promise<TestWriter> {
	const writer = await startTestWriter({ gatewayName: home.name, namespace: home.name, leaseTimes });
	closing.push(() => writer.close());
	return writer;
}
async function asProcess(registry: object): Promise<Child> {
	const args = [home.name, JSON.stringify(registry), JSON.stringify(leaseTimes)];
	const child = await startNode("test/cluster/support/writer-main.ts", args);
	closing.push(() => child.close());
	return child;
}
const lease = () => request("GET", `${leasesPath(home.name)}/${home.name}`) as Promise<LeaseObject>;

test("one of two writes; the other one takes over when it ends, and knows of it all the time", async () => {
	await namespace();
	const one = await inProcess();
	await eventually("the first one writes", () => one.state().writes, LONG);
	const other = await inProcess();
	one.registry({ docs: entry() });
	other.registry({ docs: entry({ replicas: 0 }) });
	await eventually("it is there", async () => (await home.deployment("docs")) !== undefined, LONG);
	await eventually("the other one knows", () => other.state().holder === one.state().identity, LONG);
	expect(other.state()).toMatchObject({ writes: false });
	expect(other.log.filter(({ event }) => event?.startsWith("kubernetes_"))).toEqual([]);
	const from = performance.now();
	await one.close();
	await eventually("the other one writes", () => other.state().writes, LONG);
	// It looks every 200 ms and has not to wait until the Lease has run out.
	expect(performance.now() - from).toBeLessThan(1500);
	await eventually("as its registry says", async () => (await home.deployment("docs"))?.spec?.replicas === 0, LONG);
	expect((await lease()).spec).toMatchObject({ holderIdentity: other.state().identity, leaseTransitions: 1 });
});

test("after kill -9 of the one that writes another one does, when the Lease has run out and not before", async () => {
	await namespace();
	const killed = await asProcess({ docs: entry() });
	await killed.waitFor(/created PodDisruptionBudget/, LONG);
	const other = await inProcess();
	other.registry({ docs: entry(), more: entry() });
	await eventually("it knows who writes", () => other.state().holder !== undefined, LONG);
	killed.kill("SIGKILL");
	await killed.exited;
	const from = performance.now();
	const renewed = (await lease()).spec?.renewTime;
	await eventually("the other one writes", () => other.state().writes, LONG);
	expect(performance.now() - from).toBeGreaterThan(1000);
	expect((await lease()).spec?.renewTime).not.toBe(renewed);
	await eventually("and goes on", async () => (await home.deployment("more")) !== undefined, LONG);
});

test("one that stood still for longer than the Lease lasts writes nothing when it goes on", async () => {
	await namespace();
	const frozen = await asProcess({ docs: entry() });
	await frozen.waitFor(/created PodDisruptionBudget/, LONG);
	const other = await inProcess();
	other.registry({ docs: entry({ replicas: 0, env: { A: "1" } }) });
	frozen.kill("SIGSTOP");
	await eventually("the other one writes", () => other.state().writes, LONG);
	const variable = async () => ((await home.get("configmaps", "docs")) as { data?: { A?: string } }).data?.A;
	await eventually("as its registry says", async () => (await variable()) === "1", LONG);
	const before = frozen.output();
	frozen.kill("SIGCONT");
	await frozen.waitFor(/no longer writes/, LONG);
	await eventually("it knows who writes", async () => (await lease()).spec?.holderIdentity === other.state().identity);
	expect(frozen.output().slice(before.length)).not.toMatch(/kubernetes_(apply|create|scale|delete)/);
	expect(await variable()).toBe("1");
});

test("a Lease that was lost and whose answer never came is taken up again, and one of somebody else is left alone", async () => {
	await namespace();
	const body = { metadata: { name: home.name }, spec: { holderIdentity: "theirs", leaseDurationSeconds: 1 } };
	await request("POST", leasesPath(home.name), { body });
	const writer = await inProcess();
	writer.registry({ docs: entry() });
	await eventually("it is told", () => writer.reasons("docs").join() === "name_clash", LONG);
	expect(writer.state().problem?.message).toContain(`Lease ${home.name}`);
	expect((await lease()).spec?.holderIdentity).toBe("theirs");
	await request("DELETE", `${leasesPath(home.name)}/${home.name}`);
	await eventually("it writes", async () => (await home.deployment("docs")) !== undefined, LONG);
	expect(writer.conditions("docs")).toEqual([]);
	// As after a renewal that was done, and told to nobody.
	await request("PATCH", `${leasesPath(home.name)}/${home.name}`, {
		body: { spec: { renewTime: "2026-01-01T00:00:00.000000Z" } },
		contentType: "application/merge-patch+json",
	});
	const renewed = async () => (await lease()).spec?.renewTime;
	await eventually("it is renewed", async () => (await renewed()) !== "2026-01-01T00:00:00.000000Z", LONG);
	expect(writer.log.filter(({ event }) => event === "lease_lost")).toEqual([]);
	expect(writer.state().writes).toBe(true);
});
