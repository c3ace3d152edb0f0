import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { V1Deployment, V1EndpointSlice, V1Pod, V1Service } from "@kubernetes/client-node";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Condition, Discovery } from "../../../control-plane/kubernetes/contract.ts";
import {
	createKubernetes,
	type Kubernetes,
	type KubernetesParts,
} from "../../../control-plane/kubernetes/kubernetes.ts";
import type { KubernetesServer } from "../../../control-plane/registry/model.ts";
import { type FakeApiServer, startApiServer } from "../../support/api-server.ts";
import { eventually } from "../../support/gateway.ts";
import { kubernetesServer } from "../../support/kubernetes-server.ts";

const slices = "/apis/discovery.k8s.io/v1/namespaces/mcp/endpointslices";
const services = "/api/v1/namespaces/mcp/services";
const pods = "/api/v1/namespaces/mcp/pods";

let folder: string;
let server: FakeApiServer;
let kubernetes: Kubernetes;
let changes: number;
let reconciled: { parts: KubernetesParts; servers: readonly KubernetesServer[] } | undefined;
let conditions: readonly Condition[];

beforeEach(async () => {
	folder = await mkdtemp(join(tmpdir(), "mcpgw-kube-"));
	server = await startApiServer();
	changes = 0;
	conditions = [];
	reconciled = undefined;
	const log = pino({ level: "silent" });
	kubernetes = createKubernetes({
		options: { namespaces: [], gatewayName: "gw", charts: "unused" },
		env: { KUBECONFIG: join(folder, "config") },
		log,
		listening: ({ id }) =>
			id === "faulty"
				? { problem: "its chart is faulty" }
				: id === "drained"
					? { ...listening, drainMs: 2500 }
					: listening,
		onChange: () => changes++,
		write: (parts) => {
			reconciled = { parts, servers: [] };
			return {
				setServers: (servers) => {
					reconciled = { parts, servers };
				},
				conditions: () => conditions,
				state: () => ({ identity: "this", writes: true, holder: "this" }),
				again: () => {},
				close: async () => {},
			};
		},
	});
});
afterEach(async () => {
	await kubernetes?.close();
	await server?.stop();
	await rm(folder, { recursive: true });
});

const listening = { port: 8080, path: "/mcp" };
const writeConfig = () => writeFileSync(join(folder, "config"), server.kubeConfig.exportConfig());
const registry = (...list: readonly KubernetesServer[]) => ({
	servers: new Map(list.map((one) => [one.id, one] as const)),
});
const entry = (id: string, more: Partial<KubernetesServer> = {}) => kubernetesServer(id, { namespace: "mcp", ...more });
const labels = (name: string) => ({ "mcp-gateway/owner": "gw", "app.kubernetes.io/instance": name });

function slice(service: string, ...addresses: readonly string[]): V1EndpointSlice {
	return {
		metadata: {
			name: `${service}-1`,
			namespace: "mcp",
			labels: { ...labels(service), "kubernetes.io/service-name": service },
		},
		addressType: "IPv4",
		ports: [{ name: "mcp", port: 8000 }],
		endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
	};
}

function service(name: string): V1Service {
	return { metadata: { name, namespace: "mcp", labels: labels(name) }, spec: { ports: [{ name: "mcp", port: 80 }] } };
}

const found = (...hosts: readonly string[]): Discovery => ({
	state: "found",
	via: "endpoints",
	path: "/mcp",
	endpoints: hosts.map((host) => ({ host, port: 8000 })),
});

test("without an entry of type k8s nobody is asked", async () => {
	writeConfig();
	kubernetes.setServers({ servers: new Map() });
	expect([kubernetes.looking, kubernetes.connection()]).toEqual([false, undefined]);
	await kubernetes.firstLook(60_000);
	expect(server.requests).toEqual([]);
});

test("who names a cluster has what is left in it of a server looked for, though there is no entry of type k8s", async () => {
	writeConfig();
	const options = { namespaces: [], gatewayName: "gw", charts: "unused", kubeconfig: join(folder, "config") };
	const named = createKubernetes({
		options,
		env: {},
		log: pino({ level: "silent" }),
		listening: () => listening,
		onChange: () => {},
	});
	named.setServers({ servers: new Map() });
	expect(named.looking).toBe(false);
	await eventually("it is asked", () => server.requests.length > 0);
	await named.close();
});

test("the first look ends with the lists, and then each server is what the cluster says of it", async () => {
	writeConfig();
	server.put(services, service("a"));
	server.put(slices, slice("a", "10.0.0.1"));
	const [a, b, faulty] = [entry("a"), entry("b"), entry("faulty")];
	const byService = entry("s", { via: "service", manage: false, service: "theirs" });
	server.put(services, {
		metadata: { name: "theirs", namespace: "mcp" },
		spec: { ports: [{ port: 81 }] },
	} as V1Service);
	const gone = entry("g", { manage: false, service: "nobody" });
	kubernetes.setServers(registry(a, b, faulty, byService, gone));
	expect(kubernetes.looking).toBe(true);
	expect(kubernetes.discover(a)).toEqual({
		state: "missing",
		problem: "the cluster is being looked for",
		unknown: "pending",
	});
	await kubernetes.firstLook(60_000);
	expect(kubernetes.looking).toBe(false);
	expect(kubernetes.discover(a)).toEqual(found("10.0.0.1"));
	const missing = (problem: string) => ({ state: "missing", problem: expect.stringContaining(problem) });
	expect(kubernetes.discover(b)).toEqual(missing("no Service b in namespace mcp yet"));
	expect(kubernetes.discover(faulty)).toEqual(missing("its chart is faulty"));
	expect(kubernetes.discover(gone)).toEqual(missing("no Service nobody in namespace mcp: create it"));
	expect(kubernetes.discover(byService)).toEqual({
		state: "found",
		via: "service",
		path: "/mcp",
		host: "theirs.mcp.svc",
		port: 81,
	});
	expect(reconciled?.servers.map(({ id }) => id)).toEqual(["a", "b", "faulty", "s", "g"]);
	expect(kubernetes.connection()).toMatchObject({ inCluster: false, problems: [] });
});

test("only the server whose endpoints are others is another discovery, and only then is it told", async () => {
	writeConfig();
	const [a, b] = [entry("a"), entry("b")];
	for (const name of ["a", "b"]) {
		server.put(services, service(name));
		server.put(slices, slice(name, "10.0.0.1"));
	}
	kubernetes.setServers(registry(a, b));
	await kubernetes.firstLook(60_000);
	await eventually("watches", () => server.watches === 7);
	const before = [kubernetes.discover(a), kubernetes.discover(b)];
	changes = 0;
	server.put(slices, slice("b", "10.0.0.1", "10.0.0.2"));
	await eventually("it is told", () => changes === 1);
	expect(kubernetes.discover(a)).toBe(before[0]);
	expect(kubernetes.discover(b)).toEqual(found("10.0.0.1", "10.0.0.2"));

	// What changes nothing for Envoy is told to nobody: other labels, another pod's status, a slice of no server.
	const now = kubernetes.discover(b);
	server.put(slices, { ...slice("b", "10.0.0.2", "10.0.0.1") });
	server.put(slices, slice("unknown", "10.0.0.9"));
	server.put(pods, { metadata: { name: "p", namespace: "mcp", labels: labels("b") } } as V1Pod);
	await eventually("they are seen", () => (kubernetes.status(b)?.pods.length ?? 0) === 1);
	expect(kubernetes.discover(b)).toBe(now);
	expect(changes).toBe(1);
	expect(server.requests).toHaveLength(14);
});

test("sessions leave a terminating pod before it is told to end, where it is known when that is", async () => {
	writeConfig();
	const [drained, other] = [entry("drained"), entry("other")];
	kubernetes.setServers(registry(drained, other));
	for (const { id } of [drained, other]) {
		server.put(services, service(id));
		const leaving = { ...slice(id, "10.0.0.1", "10.0.0.2") };
		Object.assign(leaving.endpoints?.[0] ?? {}, {
			conditions: { ready: false, serving: true, terminating: true },
			targetRef: { kind: "Pod", uid: `${id}-1` },
		});
		server.put(slices, leaving);
	}
	await kubernetes.firstLook(60_000);
	const draining = {
		...found(),
		endpoints: [
			{ host: "10.0.0.1", port: 8000, draining: true },
			{ host: "10.0.0.2", port: 8000 },
		],
	};
	expect(kubernetes.discover(drained)).toEqual(draining);
	const theirs = kubernetes.discover(other);
	expect(theirs).toEqual(draining);
	changes = 0;
	await eventually("it is told", () => changes === 1);
	const left = kubernetes.discover(drained);
	expect(left).toEqual(found("10.0.0.2"));
	expect(kubernetes.discover(drained)).toBe(left);
	expect(kubernetes.discover(other)).toBe(theirs);
});

test("an API server that is away keeps nobody waiting for longer than is asked, and takes no pod away", async () => {
	writeConfig();
	server.put(services, service("a"));
	server.put(slices, slice("a", "10.0.0.1"));
	await server.stop();
	const a = entry("a");
	kubernetes.setServers(registry(a));
	await kubernetes.firstLook(100);
	await eventually("it is noticed", () => (kubernetes.connection()?.problems.length ?? 0) > 0);
	const missing = { state: "missing", problem: expect.stringContaining("cannot be reached"), unknown: "pending" };
	expect(kubernetes.discover(a)).toEqual(missing);
	await server.start();
	await eventually("it is found", () => kubernetes.discover(a).state === "found");
	await server.stop();
	await eventually("it is noticed", () => (kubernetes.connection()?.problems.length ?? 0) > 0);
	expect(kubernetes.discover(a)).toEqual(found("10.0.0.1"));
});

test("without a kubeconfig each server says so", async () => {
	const a = entry("a");
	kubernetes.setServers(registry(a));
	await kubernetes.firstLook(60_000);
	const where = `this is no pod with a service account, and there is no kubeconfig at ${join(folder, "config")}`;
	const problem = `no cluster: ${where}; name one with --kubeconfig`;
	expect(kubernetes.discover(a)).toEqual({ state: "missing", problem, unknown: "refused" });
	expect(kubernetes.connection()).toEqual({ problems: [problem] });
	expect(kubernetes.status(a)).toBeUndefined();
	expect(await kubernetes.pods(a)).toEqual([]);
});

test("status: replicas, conditions and pods; pods that are asked for come with the last words of a crash", async () => {
	writeConfig();
	const crashed: V1Pod = {
		metadata: { name: "a-1", namespace: "mcp", labels: labels("a") },
		status: {
			containerStatuses: [
				{
					name: "server",
					image: "i",
					imageID: "",
					ready: false,
					restartCount: 3,
					state: { waiting: { reason: "CrashLoopBackOff" } },
					lastState: { terminated: { exitCode: 1 } },
				},
			],
		},
	};
	server.put(pods, crashed);
	server.put("/apis/apps/v1/namespaces/mcp/deployments", {
		metadata: { name: "a", namespace: "mcp", labels: labels("a") },
		spec: { replicas: 2, selector: {}, template: {} },
	} as V1Deployment);
	server.text("/api/v1/namespaces/mcp/pods/a-1/log", "no config\nbye\n");
	const a = entry("a");
	kubernetes.setServers(registry(a));
	await kubernetes.firstLook(60_000);
	conditions = [{ reason: "quota", message: "the quota is used up" }];
	await eventually("all is listed", () => reconciled?.parts.cache.synced === true);
	const pod = {
		name: "a-1",
		namespace: "mcp",
		ready: false,
		terminating: false,
		restarts: 3,
		problem: "crash loop, exit code 1",
	};
	expect(kubernetes.status(a)).toEqual({
		namespace: "mcp",
		name: "a",
		managed: true,
		via: "endpoints",
		replicas: { wanted: 2, ready: 0 },
		conditions,
		pods: [pod],
	});
	expect(await kubernetes.pods(a)).toEqual([{ ...pod, lastLines: ["no config", "bye"] }]);
	expect(server.requests.at(-1)).toContain("/pods/a-1/log");
});
