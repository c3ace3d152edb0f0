import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ApiRequest } from "../../control-plane/kubernetes/api-server.ts";
import { eventually } from "../support/gateway.ts";
import { allow, createAccount, leaseRule, serverRules } from "./support/account.ts";
import { asAdmin, createNamespace, type Resource, type TestNamespace, unique } from "./support/api.ts";
import { startRelay } from "./support/relay.ts";
import { startTestWriter, type TestWriter, testImage } from "./support/writer.ts";

const OURS = ["configmaps", "services", "deployments", "poddisruptionbudgets"] as const satisfies readonly Resource[];
const LONG = 60_000;

let request: ApiRequest;
let home: TestNamespace;
let gatewayName: string;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
	request = await asAdmin();
});
afterEach(async () => {
	for (const close of closing.splice(0).reverse()) await close();
});

/** A control plane's Kubernetes side of its own, in a namespace of its own. */
async function start(more: Partial<Parameters<typeof startTestWriter>[0]> = {}): Promise<TestWriter> {
	home = await createNamespace(request, unique("k-reconciler"));
	gatewayName = home.name;
	closing.push(() => home.remove());
	const writer = await startTestWriter({ gatewayName, namespace: home.name, ...more });
	closing.push(() => writer.close());
	return writer;
}

const entry = (more: object = {}) => ({ type: "k8s", ...testImage, ...more });
/** As many objects of ours of each kind as there are of these names. */
async function names(resource: Resource): Promise<readonly string[]> {
	return (await home.list(resource))
		.map(({ metadata }) => metadata?.name ?? "")
		.filter((name) => name !== "kube-root-ca.crt");
}
const replicas = async (name: string) => (await home.deployment(name))?.spec?.replicas;
const ready = async (name: string) => (await home.deployment(name))?.status?.readyReplicas;

describe("a server's objects", () => {
	test("are created, changed as the entry changes, and removed with it", async () => {
		const writer = await start();
		writer.registry({ docs: entry({ env: { A: "1" } }) });
		await eventually(
			"all are there",
			async () => {
				const found = await Promise.all(OURS.map(names));
				return found.every((list) => list.join() === "docs");
			},
			LONG,
		);
		await eventually(
			"its pod is ready",
			async () => (await home.deployment("docs"))?.status?.readyReplicas === 1,
			LONG,
		);
		expect(writer.conditions("docs")).toEqual([]);

		writer.registry({ docs: entry({ env: { B: "2" }, autoscale: { min: 1, max: 3, cpu: 80 } }) });
		await eventually(
			"it has an autoscaler",
			async () => (await names("horizontalpodautoscalers")).join() === "docs",
			LONG,
		);
		await eventually(
			"its variables are others",
			async () => {
				const map = (await home.get("configmaps", "docs")) as { data?: Record<string, string> };
				return map.data?.["B"] === "2" && map.data["A"] === undefined;
			},
			LONG,
		);

		writer.registry({});
		await eventually(
			"nothing is left",
			async () => {
				const found = await Promise.all(
					[...OURS, "horizontalpodautoscalers", "pods"].map((one) => names(one as Resource)),
				);
				return found.every((list) => list.length === 0);
			},
			LONG,
		);
	});

	test("that are as they should be are not written again, nor after a restart", async () => {
		const docs = (cpu: string, memory: string) =>
			entry({ resources: { limits: { cpu, memory } }, env: { EMPTY: "" }, tolerations: [{ operator: "Exists" }] });
		const writer = await start();
		writer.registry({ docs: docs("0.5", "0.5Gi") });
		await eventually("its pod is ready", async () => (await ready("docs")) === 1, LONG);
		await writer.close();
		const next = await startTestWriter({ gatewayName, namespace: home.name });
		closing.push(() => next.close());
		const changes = () =>
			next.log.flatMap(({ event, object }) => (event === "kubernetes_apply" ? [String(object).split(" ")[0]] : []));
		next.registry({ docs: docs("0.5", "0.5Gi"), more: entry() });
		await eventually("the other one is there", async () => (await ready("more")) === 1, LONG);
		next.again();
		next.registry({ docs: docs("0.5", "0.5Gi") });
		await eventually("the other one is gone", async () => (await home.deployment("more")) === undefined, LONG);
		expect(changes()).toEqual([]);
		// The same in other words is written once, and rolls no pod.
		next.registry({ docs: docs("500m", "512Mi") });
		await eventually("it is written", () => changes().length > 0, LONG);
		next.registry({ docs: docs("500m", "512Mi"), more: entry() });
		await eventually("the other one is there again", async () => (await ready("more")) === 1, LONG);
		expect(changes()).toEqual(["Deployment"]);
		expect((await home.list("replicasets")).length).toBe(2);
	});

	test("that somebody changes or removes are put right", async () => {
		const writer = await start();
		writer.registry({ docs: entry({ env: { A: "1" } }) });
		await eventually("its variables are there", async () => (await home.get("configmaps", "docs")) !== undefined, LONG);
		await home.patch("configmaps", "docs", { data: { A: "2" }, metadata: { labels: { theirs: "yes" } } });
		await eventually(
			"they are as before",
			async () => {
				const map = (await home.get("configmaps", "docs")) as { data?: Record<string, string> };
				return map.data?.["A"] === "1";
			},
			LONG,
		);
		expect((await home.get("configmaps", "docs"))?.metadata?.labels?.["theirs"]).toBe("yes");
		await request("DELETE", home.path("services", "docs"));
		await eventually("its Service is back", async () => (await home.get("services", "docs")) !== undefined, LONG);
		expect(writer.conditions("docs")).toEqual([]);
	});

	test("that a finalizer holds up are told, and made anew once they are gone", async () => {
		const writer = await start();
		writer.registry({ docs: entry({ replicas: 0 }) });
		await eventually("it is there", async () => (await home.deployment("docs")) !== undefined, LONG);
		await home.patch("services", "docs", { metadata: { finalizers: ["example.com/stays"] } });
		await request("DELETE", home.path("services", "docs"));
		await eventually("it is told", () => writer.reasons("docs").join() === "terminating", LONG);
		expect(writer.conditions("docs")[0]?.message).toContain("example.com/stays");
		await home.patch("services", "docs", { metadata: { finalizers: null } });
		const made = async () => {
			const { metadata } = (await home.get("services", "docs")) ?? {};
			return metadata !== undefined && metadata.deletionTimestamp === undefined;
		};
		await eventually("it is made anew", made, LONG);
		await eventually("all is well", () => writer.conditions("docs").length === 0, LONG);
	});

	test("move to another namespace: the old ones go when the new ones are there", async () => {
		const writer = await start();
		const other = await createNamespace(request, unique("k-reconciler"));
		closing.push(() => other.remove());
		writer.registry({ docs: entry() });
		await eventually("it is here", async () => (await home.deployment("docs")) !== undefined, LONG);
		writer.registry({ docs: entry({ namespace: "k-reconciler-nowhere" }) });
		await eventually("there is nowhere", () => writer.reasons("docs").join() === "namespace_missing", LONG);
		expect(await home.deployment("docs")).toBeDefined();
		writer.registry({ docs: entry({ namespace: other.name }) });
		await eventually("it is there", async () => (await other.deployment("docs")) !== undefined, LONG);
		await eventually("and here no more", async () => (await home.deployment("docs")) === undefined, LONG);
		expect(writer.conditions("docs")).toEqual([]);
		writer.registry({});
		await eventually("nor there", async () => (await other.deployment("docs")) === undefined, LONG);
	});
});

describe("replicas", () => {
	test("are those of the entry, whatever others set; without them others decide", async () => {
		const writer = await start();
		writer.registry({ docs: entry({ replicas: 2 }) });
		await eventually("two are ready", async () => (await ready("docs")) === 2, LONG);
		await home.patch("deployments", "docs", { spec: { replicas: 3 } });
		await eventually("two again", async () => (await replicas("docs")) === 2, LONG);
		writer.registry({ docs: entry({ replicas: 1, env: { A: "1" } }) });
		await eventually("one is left", async () => (await replicas("docs")) === 1, LONG);

		writer.registry({ docs: entry() });
		await request("PATCH", `${home.path("deployments", "docs")}/scale`, {
			body: { spec: { replicas: 2 } },
			contentType: "application/merge-patch+json",
		});
		writer.registry({ docs: entry({ env: { A: "2" } }) });
		await eventually(
			"the change is there",
			async () => {
				const map = (await home.get("configmaps", "docs")) as { data?: Record<string, string> };
				return map.data?.["A"] === "2";
			},
			LONG,
		);
		await eventually("two are ready", async () => (await ready("docs")) === 2, LONG);
		writer.again();
		writer.registry({ docs: entry({ env: { A: "3" } }) });
		await eventually(
			"the next change is there",
			async () => {
				const map = (await home.get("configmaps", "docs")) as { data?: Record<string, string> };
				return map.data?.["A"] === "3";
			},
			LONG,
		);
		expect(await replicas("docs")).toBe(2);
	});
});

test("an autoscaler gets the pods to begin with where there were none, and none once it is paused", async () => {
	const writer = await start();
	const docs = (more: object) => entry({ resources: { requests: { cpu: "10m" } }, ...more });
	writer.registry({ docs: docs({ replicas: 0 }) });
	await eventually("there is no pod", async () => (await replicas("docs")) === 0, LONG);
	writer.registry({ docs: docs({ autoscale: { min: 2, max: 3 } }) });
	const scaled = async () => (await names("horizontalpodautoscalers")).length === 1 && (await replicas("docs")) === 2;
	await eventually("there is an autoscaler, and two pods", scaled, LONG);
	await home.patch("deployments", "docs", { spec: { replicas: 0 } });
	writer.again();
	writer.registry({ docs: docs({ autoscale: { min: 2, max: 3 }, env: { A: "1" } }) });
	const variable = async () => ((await home.get("configmaps", "docs")) as { data?: { A?: string } }).data?.A;
	await eventually("the next change is there", async () => (await variable()) === "1", LONG);
	await eventually("it says why", () => writer.reasons("docs").join() === "autoscaler_failing", LONG);
	expect(await replicas("docs")).toBe(0);
});

describe("objects of others", () => {
	test("that look like ours are untouched", async () => {
		const writer = await start();
		writer.registry({ docs: entry() });
		await eventually("it is there", async () => (await home.deployment("docs"))?.status?.readyReplicas === 1, LONG);
		const service = (await home.get("services", "docs"))!;
		const { labels = {}, annotations = {} } = service.metadata ?? {};
		const spec = { ports: [{ name: "mcp", port: 80 }] };
		const fakes = [
			["another name", { name: "docs-copy", labels, annotations }],
			[
				"another gateway",
				{
					name: "other",
					labels: { ...labels, "mcp-gateway/owner": "another" },
					annotations: { "mcp-gateway/server": "other" },
				},
			],
			["no annotation", { name: "bare", labels }],
			[
				"all of it, and the name of a server that is gone",
				{
					name: "gone",
					labels: { ...labels, "app.kubernetes.io/instance": "gone" },
					annotations: { ...annotations, "mcp-gateway/server": "gone" },
				},
			],
		] as const;
		const before = await Promise.all(fakes.map(([, metadata]) => home.create("services", { metadata, spec })));
		await eventually("the last one was looked at", () => writer.log.some(({ event }) => event === "not_ours"), LONG);
		writer.registry({});
		await eventually("ours is gone", async () => (await home.get("services", "docs")) === undefined, LONG);
		writer.again();
		writer.registry({ docs: entry() });
		await eventually("ours is back", async () => (await home.get("services", "docs")) !== undefined, LONG);
		const after = await Promise.all(fakes.map(([, { name }]) => home.get("services", name)));
		expect(after.map((one) => one?.metadata?.resourceVersion)).toEqual(
			before.map((one) => one.metadata?.resourceVersion),
		);
	});

	test("that have a name of ours are a clash, for as long as they are there", async () => {
		const writer = await start();
		const spec = { ports: [{ name: "mcp", port: 80 }] };
		const theirs = await home.create("services", { metadata: { name: "docs", labels: { app: "theirs" } }, spec });
		writer.registry({ docs: entry(), other: entry() });
		await eventually("it is a clash", () => writer.reasons("docs").join() === "name_clash", LONG);
		await eventually("the other one is well", async () => (await home.get("services", "other")) !== undefined, LONG);
		expect(writer.conditions("docs")[0]?.message).toContain(`Service docs in namespace ${home.name}`);
		expect(writer.conditions("other")).toEqual([]);
		expect((await home.get("services", "docs"))?.metadata?.resourceVersion).toBe(theirs.metadata?.resourceVersion);
		await request("DELETE", home.path("services", "docs"));
		await eventually("all is well", () => writer.conditions("docs").length === 0, LONG);
		expect((await home.get("services", "docs"))?.metadata?.labels?.["mcp-gateway/owner"]).toBe(gatewayName);
		// Whoever takes the label away takes the object.
		await home.patch("services", "docs", { metadata: { labels: { "mcp-gateway/owner": null } } });
		await eventually("it is a clash again", () => writer.reasons("docs").join() === "name_clash", LONG);
		writer.registry({});
		await eventually("the rest is gone", async () => (await home.deployment("docs")) === undefined, LONG);
		expect(await home.get("services", "docs")).toBeDefined();
	});

	test("of another gateway of the same name stay, and are a clash", async () => {
		const writer = await start();
		const far = await createNamespace(request, unique("k-reconciler"));
		closing.push(() => far.remove());
		const namesake = await startTestWriter({ gatewayName, namespace: far.name });
		closing.push(() => namesake.close());
		const here = entry({ namespace: home.name, replicas: 0 });
		writer.registry({ docs: here });
		namesake.registry({ more: here });
		await eventually("both are there", async () => (await names("deployments")).join() === "docs,more", LONG);
		const uid = async (name: string) => (await home.deployment(name))?.metadata?.uid;
		const before = [await uid("docs"), await uid("more")];
		namesake.registry({ docs: here, more: here });
		await eventually("it is a clash", () => namesake.reasons("docs")[0] === "name_clash", LONG);
		expect(namesake.conditions("docs")[0]?.message).toContain(`whose Lease is in namespace ${home.name}`);
		writer.registry({ docs: here, third: here });
		await eventually("each looks at everything", async () => (await home.deployment("third")) !== undefined, LONG);
		expect([await uid("docs"), await uid("more")]).toEqual(before);
		namesake.registry({});
		await eventually("its own goes", async () => (await names("deployments")).join() === "docs,third", LONG);
		expect(await uid("docs")).toBe(before[0]);
		expect(writer.conditions("docs")).toEqual([]);
	});

	test("stay where the entry says that the gateway only finds its server", async () => {
		const writer = await start();
		writer.registry({ docs: entry(), other: entry() });
		await eventually("both are there", async () => (await names("poddisruptionbudgets")).length === 2, LONG);
		writer.registry({ docs: { type: "k8s", manage: false } });
		await eventually("the other one is gone", async () => (await names("deployments")).join() === "docs", LONG);
		expect(await names("services")).toContain("docs");
	});
});

test("an API server that is away: nothing is lost, it is told, and then it is caught up", async () => {
	const apiServer = await startRelay();
	const folder = await mkdtemp(join(tmpdir(), "kube-relay-"));
	closing.push(
		() => apiServer.close(),
		() => rm(folder, { recursive: true }),
	);
	const kubeconfig = join(folder, "config");
	await writeFile(kubeconfig, apiServer.kubeconfig);
	const leaseTimes = { renewMs: 500, stopMs: 1000, durationMs: 2000, lookMs: 200 };
	const writer = await start({ kubeconfig, leaseTimes });
	writer.registry({ docs: entry(), old: entry(), free: entry() });
	await eventually("all are there", async () => (await names("poddisruptionbudgets")).length === 3, LONG);
	await apiServer.close();
	await eventually("it writes no more", () => !writer.state().writes, LONG);
	await eventually("it is told", () => writer.reasons("docs").join() === "unreachable", LONG);
	writer.registry({ docs: entry({ env: { A: "1" } }), fresh: entry(), free: entry() });
	await home.patch("deployments", "free", { spec: { replicas: 2 } });
	await request("DELETE", home.path("services", "free"));
	await apiServer.open();
	await eventually("the new one is there", async () => (await home.deployment("fresh")) !== undefined, LONG);
	await eventually("the old one is gone", async () => (await home.deployment("old")) === undefined, LONG);
	await eventually("what was removed is back", async () => (await home.get("services", "free")) !== undefined, LONG);
	await eventually(
		"the change is there",
		async () => ((await home.get("configmaps", "docs")) as { data?: { A?: string } }).data?.A === "1",
		LONG,
	);
	await eventually(
		"all is well",
		() => ["docs", "fresh", "free"].every((id) => writer.conditions(id).length === 0),
		LONG,
	);
	expect(await replicas("free")).toBe(2);
});

describe("what Kubernetes refuses", () => {
	test("a permission that is missing is named, others go on, and it is made use of once it is there", async () => {
		home = await createNamespace(request, unique("k-reconciler"));
		const other = await createNamespace(request, unique("k-reconciler"));
		closing.push(
			() => home.remove(),
			() => other.remove(),
		);
		const kubeconfig = await createAccount(request, home.name);
		const noDeployments = serverRules.map((rule) =>
			rule.resources.includes("deployments") ? { ...rule, verbs: ["get", "list", "watch"] } : rule,
		);
		await allow(request, home.name, home.name, serverRules);
		await allow(request, other.name, home.name, noDeployments);
		const namespaces = [home.name, other.name];
		const writer = await startTestWriter({ gatewayName: home.name, namespace: home.name, kubeconfig, namespaces });
		closing.push(() => writer.close());
		writer.registry({ docs: entry({ namespace: other.name }), here: entry(), out: entry({ namespace: "default" }) });
		await eventually("the Lease is told", () => writer.reasons("here").join() === "forbidden", LONG);
		expect(writer.conditions("here")[0]?.message).toContain(
			'{"apiGroups":["coordination.k8s.io"],"resources":["leases"],"verbs":["get"]}',
		);
		await allow(request, home.name, home.name, [...serverRules, leaseRule]);
		await eventually("one is well", async () => (await home.deployment("here")) !== undefined, LONG);
		await eventually("and nothing is told of it", () => writer.conditions("here").length === 0, LONG);
		await eventually("the other one is told", () => writer.reasons("docs").join() === "forbidden", LONG);
		expect(writer.conditions("docs")[0]?.message).toBe(
			`The gateway may not patch deployments in namespace ${other.name}. A Role there needs the rule {"apiGroups":["apps"],"resources":["deployments"],"verbs":["patch"]}.`,
		);
		expect(await other.get("services", "docs")).toBeDefined();
		await eventually("so is the one that is nowhere", () => writer.reasons("out").join() === "forbidden", LONG);
		expect(writer.conditions("out")[0]?.message).toContain("--kube-namespaces");
		await allow(request, other.name, home.name, serverRules);
		await eventually("the other one is well", async () => (await other.deployment("docs")) !== undefined, LONG);
		await eventually("and nothing is told of it", () => writer.conditions("docs").length === 0, LONG);
		writer.registry({ docs: entry({ namespace: other.name, replicas: 0 }) });
		await eventually("it is scaled", async () => (await other.deployment("docs"))?.spec?.replicas === 0, LONG);
		writer.registry({});
		await eventually("it is gone", async () => (await other.deployment("docs")) === undefined, LONG);
	});

	test("an absent namespace is told, and made use of once it is there", async () => {
		const writer = await start();
		const absent = unique("k-reconciler");
		writer.registry({ docs: entry({ namespace: absent }), other: entry() });
		await eventually("it is told", () => writer.reasons("docs").join() === "namespace_missing", LONG);
		await eventually("the other one is well", async () => (await home.deployment("other")) !== undefined, LONG);
		const there = await createNamespace(request, absent);
		closing.push(() => there.remove());
		await eventually("it is there", async () => (await there.deployment("docs")) !== undefined, LONG);
		await eventually("and well", () => writer.conditions("docs").length === 0, LONG);
	});

	test("a quota is told: of objects, and of pods", async () => {
		const writer = await start();
		const small = await createNamespace(request, unique("k-reconciler"));
		closing.push(() => small.remove());
		const quota = `/api/v1/namespaces/${small.name}/resourcequotas`;
		const limit = (hard: object) => request("POST", quota, { body: { metadata: { name: "limit" }, spec: { hard } } });
		await limit({ "count/services": "0" });
		await eventually(
			"the quota is in force",
			async () => {
				const one = (await request("GET", `${quota}/limit`)) as { status?: { hard?: object } };
				return one.status?.hard !== undefined;
			},
			LONG,
		);
		writer.registry({ docs: entry({ namespace: small.name }), other: entry() });
		await eventually("it is told", () => writer.reasons("docs").join() === "quota", LONG);
		await eventually("the other one is well", async () => (await home.deployment("other")) !== undefined, LONG);
		await request("PATCH", `${quota}/limit`, {
			body: { spec: { hard: { "count/services": null, pods: "0" } } },
			contentType: "application/merge-patch+json",
		});
		await eventually("its Service is there", async () => (await small.get("services", "docs")) !== undefined, LONG);
		writer.registry({ docs: entry({ namespace: small.name, env: { A: "1" } }), other: entry() });
		await eventually(
			"pods are told",
			() => writer.conditions("docs").some(({ message }) => message.includes("pods")),
			LONG,
		);
		await request("DELETE", `${quota}/limit`);
		await home.patch("deployments", "other", { metadata: { annotations: { touched: "yes" } } });
		await eventually("all is well", () => writer.conditions("docs").length === 0, 90_000);
	});

	test("a value that the API server refuses is told in its words", async () => {
		const writer = await start();
		writer.registry({ docs: entry({ nodeSelector: { "a/b/c": "d" } }), other: entry() });
		await eventually("it is told", () => writer.reasons("docs").join() === "rejected", LONG);
		expect(writer.conditions("docs")[0]?.message).toContain("a/b/c");
		await eventually("the other one is well", async () => (await home.deployment("other")) !== undefined, LONG);
		writer.registry({ docs: entry(), other: entry() });
		await eventually("all is well", () => writer.conditions("docs").length === 0, LONG);
	});
});
