import type { V1EndpointSlice, V1Pod, V1Service } from "@kubernetes/client-node";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createApiServer } from "../../../control-plane/kubernetes/api-server.ts";
import type { ClusterCache } from "../../../control-plane/kubernetes/contract.ts";
import { createClusterCache } from "../../../control-plane/kubernetes/watch/cache.ts";
import { type FakeApiServer, startApiServer } from "../../support/api-server.ts";
import { eventually } from "../../support/gateway.ts";

const kinds = 7;
const owner = { "mcp-gateway/owner": "gw" };
const slicesIn = (namespace: string) => `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
const podsIn = (namespace: string) => `/api/v1/namespaces/${namespace}/pods`;
const servicesIn = (namespace: string) => `/api/v1/namespaces/${namespace}/services`;

let server: FakeApiServer;
let cache: ClusterCache;
let changes: string[];

beforeEach(async () => {
	server = await startApiServer();
	changes = [];
});
afterEach(async () => {
	await cache?.close();
	await server?.stop();
});

async function open(namespaces: readonly string[] = []): Promise<void> {
	cache = createClusterCache({
		api: createApiServer(server.kubeConfig),
		owner: "gw",
		namespaces,
		log: pino({ level: "silent" }),
		firstWaitMs: 5,
	});
	cache.subscribe(({ kind, namespace, name }) => {
		if (kind !== "*") changes.push(`${kind} ${namespace}/${name}`);
	});
}

const watching = (count: number) => eventually(`${count} watches`, () => server.watches === count);

async function opened(namespaces?: readonly string[]): Promise<void> {
	await open(namespaces);
	await eventually("it is synced", () => cache.synced);
	await watching(kinds * Math.max(1, namespaces?.length ?? 0));
}

function slice(name: string, service: string, namespace: string, labels: object = owner): V1EndpointSlice {
	const all = { ...labels, "kubernetes.io/service-name": service };
	return { metadata: { name, namespace, labels: all }, addressType: "IPv4", endpoints: [] };
}

function pod(name: string, instance: string, labels: object = owner): V1Pod {
	const all = { ...labels, "app.kubernetes.io/instance": instance };
	return {
		metadata: { name, namespace: "a", labels: all, managedFields: [{ manager: "kubelet" }], annotations: { x: "y" } },
		spec: { nodeName: "n1", containers: [{ name: "c", image: "i" }], volumes: [{ name: "v" }] },
		status: { phase: "Running" },
	};
}

test("lists once for each kind, then is told: what comes, changes and goes, of this gateway only", async () => {
	server.put(slicesIn("a"), slice("s1", "x", "a"));
	server.put(slicesIn("a"), slice("foreign", "x", "a", { "mcp-gateway/owner": "another" }));
	await opened();
	expect(server.requests.filter((line) => line.startsWith("LIST"))).toHaveLength(kinds);
	expect(cache.slices("a", "x").map(({ metadata }) => metadata?.name)).toEqual(["s1"]);
	expect(cache.problems).toEqual([]);

	const before = cache.slices("a", "x");
	server.put(slicesIn("a"), slice("s2", "x", "a"));
	server.put(slicesIn("b"), slice("s3", "y", "b"));
	await eventually("they are there", () => cache.slices("b", "y").length === 1);
	expect(cache.slices("a", "x").map(({ metadata }) => metadata?.name)).toEqual(["s1", "s2"]);
	expect(cache.slices("a", "x")).not.toBe(before);
	const kept = cache.slices("a", "x");
	server.remove(slicesIn("b"), "s3");
	await eventually("it is gone", () => cache.slices("b", "y").length === 0);
	expect(cache.slices("a", "x")).toBe(kept);
	expect(changes).toEqual(["EndpointSlice a/x", "EndpointSlice a/x", "EndpointSlice b/y", "EndpointSlice b/y"]);
	expect(server.requests).toHaveLength(2 * kinds);
});

test("keeps of a pod what is read of it", async () => {
	await opened();
	server.put(podsIn("a"), pod("p", "x"));
	await eventually("it is there", () => cache.pods("a", "x").length === 1);
	const [kept] = cache.pods("a", "x");
	expect(kept?.metadata).toEqual({
		name: "p",
		namespace: "a",
		resourceVersion: "101",
		labels: { ...owner, "app.kubernetes.io/instance": "x" },
	});
	expect(kept?.spec).toEqual({ containers: [], nodeName: "n1" });
	expect(kept?.status).toEqual({ phase: "Running" });
	expect(cache.list("Pod")).toEqual([kept]);
});

test.each(["done", "broken"] as const)("a watch that ends (%s) goes on where it was, without a list", async (how) => {
	await opened();
	server.bookmark();
	server.put(slicesIn("a"), slice("s1", "x", "a"));
	await eventually("it is there", () => cache.slices("a", "x").length === 1);
	const asked = server.requests.length;
	server.end(how);
	await watching(kinds);
	server.put(slicesIn("a"), slice("s2", "x", "a"));
	await eventually("it is there", () => cache.slices("a", "x").length === 2);
	const since = server.requests.slice(asked);
	expect(since).toHaveLength(kinds);
	expect(since).toContain("WATCH /apis/discovery.k8s.io/v1/endpointslices from 101");
	await eventually("all is well", () => cache.problems.length === 0);
});

test("410: lists anew, and tells what differs and nothing else", async () => {
	for (const name of ["stays", "changes", "goes"]) server.put(slicesIn("a"), slice(name, name, "a"));
	await opened();
	changes.length = 0;
	server.refuse("endpointslices", 503);
	server.end("gone");
	await eventually("it is noticed", () => cache.problems.length > 0);
	expect(cache.slices("a", "goes")).toHaveLength(1);
	server.put(slicesIn("a"), { ...slice("changes", "changes", "a"), ports: [] } as V1EndpointSlice);
	server.remove(slicesIn("a"), "goes");
	server.put(slicesIn("a"), slice("comes", "comes", "a"));
	server.refuse("endpointslices", undefined);
	await eventually("it is there", () => cache.slices("a", "comes").length === 1);
	expect(changes.toSorted()).toEqual(["EndpointSlice a/changes", "EndpointSlice a/comes", "EndpointSlice a/goes"]);
	await eventually("all is well", () => cache.problems.length === 0);
});

test("an API server that is away: what was known stays, one sentence says so, and then it is caught up", async () => {
	server.put(slicesIn("a"), slice("s1", "x", "a"));
	await opened();
	await server.stop();
	await eventually("it is noticed", () => cache.problems.length > 0);
	await eventually("by all", () => cache.state("Pod", "a").problem !== undefined);
	expect(cache.problems).toEqual([expect.stringMatching(/^the API server at http:.* cannot be reached since 20.*:/)]);
	expect(cache.state("EndpointSlice", "a").listed).toBe(true);
	expect(cache.slices("a", "x")).toHaveLength(1);
	server.put(slicesIn("a"), slice("s2", "x", "a"));
	server.remove(slicesIn("a"), "s1");
	// It has forgotten all places, as after a loss of its own.
	server.refuse("endpointslices", 410);
	const before = server.requests.length;
	await server.start();
	await watching(kinds - 1);
	await eventually("it says so", () => server.requests.slice(before).some((line) => line.includes("endpointslices")));
	server.refuse("endpointslices", undefined);
	await eventually("it is caught up", () => cache.slices("a", "x")[0]?.metadata?.name === "s2");
	await eventually("all is well", () => cache.problems.length === 0);
});

test("a permission that is missing concerns its kind alone, and is asked for again", async () => {
	server.refuse("pods", 403);
	await open();
	await eventually("the others are there", () => server.watches === kinds - 1 && cache.problems.length > 0);
	expect(cache.synced).toBe(false);
	expect(cache.problems).toEqual([
		"the gateway may not list and watch pods in all namespaces: allow its account the verbs list and watch, or name the namespaces with --kube-namespaces",
	]);
	expect(cache.state("Pod", "a")).toMatchObject({ listed: false, refused: true });
	expect(cache.state("EndpointSlice", "a")).toEqual({ listed: true });
	server.refuse("pods", undefined);
	await eventually("it is allowed", () => cache.synced && cache.problems.length === 0);
});

test("namespaces that are named are watched each by itself, and others not at all", async () => {
	server.put(slicesIn("c"), slice("s", "x", "c"));
	await opened(["a", "b"]);
	server.put(slicesIn("b"), slice("s", "x", "b"));
	await eventually("it is there", () => cache.slices("b", "x").length === 1);
	expect(cache.slices("c", "x")).toEqual([]);
	expect(cache.state("EndpointSlice", "c")).toEqual({
		listed: false,
		refused: true,
		unwatched: true,
		problem: "namespace c is not among --kube-namespaces",
	});
	expect(cache.state("EndpointSlice", "b")).toEqual({ listed: true });
});

test("a Service of others is followed by itself, for as long as an entry names it", async () => {
	const service: V1Service = { metadata: { name: "theirs", namespace: "a" }, spec: { ports: [{ port: 80 }] } };
	server.put(servicesIn("a"), service);
	server.put(servicesIn("a"), { metadata: { name: "other", namespace: "a" } });
	server.put(slicesIn("a"), slice("s1", "theirs", "a", {}));
	await opened();
	expect(cache.slices("a", "theirs")).toEqual([]);
	cache.follow([{ namespace: "a", name: "theirs" }]);
	expect(cache.state("EndpointSlice", "a", "theirs").listed).toBe(false);
	await eventually("it is there", () => cache.slices("a", "theirs").length === 1 && cache.synced);
	expect(cache.service("a", "theirs")?.spec?.ports).toEqual([{ port: 80 }]);
	expect(cache.get("Service", "a", "theirs")).toBeUndefined();
	expect(cache.list("EndpointSlice")).toEqual([]);
	await watching(kinds + 2);
	cache.follow([{ namespace: "a", name: "theirs" }]);
	expect(server.requests.filter((line) => line.includes("theirs"))).toHaveLength(2);
	cache.follow([]);
	await watching(kinds);
	expect(cache.slices("a", "theirs")).toEqual([]);
	expect(cache.synced).toBe(true);
});
