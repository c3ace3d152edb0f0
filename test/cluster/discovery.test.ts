import type { V1Deployment, V1Service } from "@kubernetes/client-node";
import { afterAll, beforeAll, beforeEach, expect, inject, it, onTestFinished } from "vitest";
import { eventually, type Gateway } from "../support/gateway.ts";
import { legacyClient, type McpClient, podOf } from "./support/clients.ts";
import { startClusterGateway, tellOnFailure } from "./support/gateway.ts";
import { apps, core } from "./support/kube.ts";
import { kubectl } from "./support/kubectl.ts";
import { startLoad } from "./support/load.ts";
import { useNamespace } from "./support/namespace.ts";
import { type Relay, startRelay } from "./support/relay.ts";

/** A server that somebody else has installed is found, and followed, by its EndpointSlices. */

const namespace = useNamespace("discovery");
const image = inject("images").http;
const labels = { app: "theirs" };
const name = "theirs";
/** Port 8080 is open, and nobody has said that the pod is not ready. */
const listens = "grep -q ':1F90 .* 0A ' /proc/net/tcp /proc/net/tcp6 && test ! -e /tmp/unready";

let gateway: Gateway;
let apiServer: Relay;

beforeAll(async () => {
	apiServer = await startRelay();
	await namespace.create(deployment(), service());
	await namespace.readyPods("app=theirs", 1);
	const entry = { type: "k8s", manage: false, namespace: namespace.name };
	gateway = await startClusterGateway({
		name: namespace.name,
		namespaces: [namespace.name],
		registry: { theirs: entry, nobody: { ...entry, service: "nobody" } },
		kubeconfig: apiServer.kubeconfig,
		args: ["--access-log", "off"],
	});
});
afterAll(async () => {
	await gateway?.stop();
	await apiServer?.close();
});
beforeEach(() => {
	namespace.tellOnFailure();
	tellOnFailure(gateway);
});

function deployment(): V1Deployment {
	const securityContext = {
		runAsNonRoot: true,
		allowPrivilegeEscalation: false,
		capabilities: { drop: ["ALL"] },
		seccompProfile: { type: "RuntimeDefault" },
	};
	const container = {
		name: "server",
		image,
		imagePullPolicy: "Never",
		ports: [{ containerPort: 8080, name: "http" }],
		readinessProbe: { exec: { command: ["sh", "-c", listens] }, periodSeconds: 1, failureThreshold: 1 },
		lifecycle: { preStop: { sleep: { seconds: 4 } } },
		securityContext,
	};
	return {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name, labels },
		spec: {
			replicas: 1,
			selector: { matchLabels: labels },
			template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 10, containers: [container] } },
		},
	};
}

function service(): V1Service {
	return {
		apiVersion: "v1",
		kind: "Service",
		metadata: { name },
		spec: { selector: labels, ports: [{ port: 80, targetPort: "http" }] },
	};
}

async function scale(replicas: number): Promise<void> {
	const scaled = { namespace: namespace.name, name };
	const body = await apps.readNamespacedDeploymentScale(scaled);
	await apps.replaceNamespacedDeploymentScale({ ...scaled, body: { ...body, spec: { replicas } } });
}

interface Shown {
	readonly state: string;
	readonly problem?: string;
	readonly endpoints?: readonly { readonly address: string; readonly health: string }[];
}

async function shown(id: string): Promise<Shown> {
	return (await (await fetch(`${gateway.adminUrl}/v1/servers/${id}`)).json()) as Shown;
}

/** Waits until Envoy has so many replicas in this state and as many in all. */
const replicas = (healthy: number, draining = 0) =>
	eventually(
		`${healthy} healthy and ${draining} draining replicas`,
		async () => {
			const { endpoints = [] } = await shown(name);
			const count = (health: string) => endpoints.filter((one) => one.health === health).length;
			return count("healthy") === healthy && count("draining") === draining && endpoints.length === healthy + draining;
		},
		60_000,
	);

async function open(): Promise<McpClient> {
	const client = await legacyClient(`${gateway.url}/${name}`);
	onTestFinished(() => client.close().catch(() => {}));
	return client;
}

it("says what there is not, and serves what there is", async () => {
	expect(await shown("nobody")).toMatchObject({
		state: "unavailable",
		problem: expect.stringContaining(`there is no Service nobody in namespace ${namespace.name}`),
	});
	await replicas(1);
	const pods = (await (await fetch(`${gateway.adminUrl}/v1/servers/${name}/pods`)).json()) as object[];
	const [pod] = await namespace.pods("app=theirs");
	expect(pods).toEqual([
		{
			name: pod?.metadata?.name,
			namespace: namespace.name,
			address: pod?.status?.podIP,
			node: pod?.spec?.nodeName,
			ready: true,
			terminating: false,
			restarts: 0,
		},
	]);
});

it("scales from one to four to two: fair shares at each size; sessions on pods that stay go on, those on others end with the pod", async () => {
	const first = await open();
	await first.call("add_note", { text: "kept" });
	await scale(4);
	await replicas(4);
	const { pods, failures } = await startLoad({ url: `${gateway.url}/${name}`, requests: 300 }).done;
	expect(failures).toEqual([]);
	expect(
		[...pods.values()].every((count) => Math.abs(count - 75) <= 8),
		JSON.stringify([...pods]),
	).toBe(true);
	const clients = [first, ...(await Promise.all(Array.from({ length: 7 }, open)))];
	const homes = await Promise.all(clients.map(podOf));
	expect(new Set(homes).size).toBe(4);

	await scale(2);
	await replicas(2, 2);
	// Those that leave still serve their sessions, and nobody else.
	expect(await Promise.all(clients.map(podOf))).toEqual(homes);
	const during = await startLoad({ url: `${gateway.url}/${name}`, requests: 60 }).done;
	expect([during.failures, during.pods.size]).toEqual([[], 2]);

	await replicas(2);
	const left = new Set((await namespace.readyPods("app=theirs", 2)).map(({ metadata }) => metadata?.name));
	for (const [index, client] of clients.entries()) {
		if (left.has(homes[index])) expect(await podOf(client)).toBe(homes[index]);
		else await expect(podOf(client)).rejects.toThrow(/404|session/i);
	}
	const { pods: two } = await startLoad({ url: `${gateway.url}/${name}`, requests: 300 }).done;
	expect([...two.keys()].toSorted()).toEqual([...left].toSorted());
	expect(
		[...two.values()].every((count) => Math.abs(count - 150) <= 15),
		JSON.stringify([...two]),
	).toBe(true);
});

it("no pods: one clear error, and the first pod that is ready is served", async () => {
	await scale(0);
	await replicas(0);
	const refused = await fetch(`${gateway.url}/${name}`, { method: "POST", body: "{}" });
	expect([refused.status, await refused.text()]).toEqual([503, expect.stringContaining("no_healthy_replica")]);
	await scale(2);
	await replicas(2);
	expect((await startLoad({ url: `${gateway.url}/${name}`, requests: 20 }).done).failures).toEqual([]);
});

it("a pod that is not ready for a while keeps its sessions, and gets no others meanwhile", async () => {
	const clients = await Promise.all(Array.from({ length: 4 }, open));
	const homes = await Promise.all(clients.map(podOf));
	const pod = homes[0] as string;
	await kubectl(["exec", "-n", namespace.name, pod, "--", "touch", "/tmp/unready"]);
	await eventually("it is not ready", async () => {
		const { endpoints = [] } = await shown(name);
		return endpoints.filter(({ health }) => health === "unhealthy").length === 1;
	});
	expect(await Promise.all(clients.map(podOf))).toEqual(homes);
	const { failures, pods } = await startLoad({ url: `${gateway.url}/${name}`, requests: 20 }).done;
	expect([failures, [...pods.keys()]]).toEqual([[], homes.filter((home) => home !== pod).slice(0, 1)]);
	await kubectl(["exec", "-n", namespace.name, pod, "--", "rm", "/tmp/unready"]);
	await replicas(2);
	expect(await Promise.all(clients.map(podOf))).toEqual(homes);
});

it("a pod that is deleted at once: its sessions get the 404, the next initialize works", async () => {
	const clients = await Promise.all(Array.from({ length: 6 }, open));
	const homes = await Promise.all(clients.map(podOf));
	const victim = homes[0] as string;
	await core.deleteNamespacedPod({ namespace: namespace.name, name: victim, gracePeriodSeconds: 0 });
	// Until its slice says so, a new session may still be opened on it, and lost with it at any of its steps.
	const homeOfNew = () => open().then(podOf);
	await eventually("a new session works", async () => (await homeOfNew().catch(() => victim)) !== victim);
	await replicas(2);
	await expect(podOf(clients[0] as McpClient)).rejects.toThrow(/404|session/i);
	for (const [index, client] of clients.entries()) {
		if (homes[index] !== victim) expect(await podOf(client)).toBe(homes[index]);
	}
});

it("an API server that is away: traffic goes on, status says so, and then it is caught up", async () => {
	await replicas(2);
	await apiServer.close();
	const problems = async () => {
		const status = (await (await fetch(`${gateway.adminUrl}/v1/status`)).json()) as {
			kubernetes: { problems: readonly string[] };
		};
		return status.kubernetes.problems;
	};
	await eventually("it is noticed", async () => (await problems()).length > 0);
	expect(await problems()).toEqual([expect.stringMatching(/^the API server at .* cannot be reached since/)]);
	expect((await startLoad({ url: `${gateway.url}/${name}`, requests: 50 }).done).failures).toEqual([]);
	await scale(3);
	await namespace.readyPods("app=theirs", 3);
	await replicas(2);
	await apiServer.open();
	await replicas(3);
	await eventually("all is well", async () => (await problems()).length === 0);
});
