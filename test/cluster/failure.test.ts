import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { V1Pod } from "@kubernetes/client-node";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { ApiRequest } from "../../control-plane/kubernetes/api-server.ts";
import { eventually, type Gateway } from "../support/gateway.ts";
import { asAdmin } from "./support/api.ts";
import { useBystanders } from "./support/bystanders.ts";
import { modernClient } from "./support/clients.ts";
import { entriesIn } from "./support/entries.ts";
import { startClusterGateway, tellOnFailure } from "./support/gateway.ts";
import { apps, core } from "./support/kube.ts";
import { type LoadResult, startLoad } from "./support/load.ts";
import { isReady, useNamespace } from "./support/namespace.ts";
import { type Relay, startRelay } from "./support/relay.ts";
import { openSession, type SessionClient } from "./support/sessions.ts";
import { served, statusOf } from "./support/status.ts";

/** What dies without a word: a pod's server, the control plane, the API server. */

const home = useNamespace("failure");
const other = useNamespace("failure-other");
const entries = entriesIn(home.name);
const ids = ["web", "local"] as const;
const bystanders = useBystanders({ home: home.name, other: other.name, gatewayName: home.name, ids });
const replicas = 3;
const clients = 8;
/** A shell in front, which passes SIGTERM on: nobody can kill the first process of a container from inside. */
const underShell = ["sh", "-c", 'node /app/http.cjs & pid=$!; trap "kill $pid" TERM; wait $pid; wait $pid'];
let request: ApiRequest;
let apiServer: Relay;
let gateway: Gateway;

beforeAll(async () => {
	request = await asAdmin();
	apiServer = await startRelay();
	gateway = await startClusterGateway({
		...{ name: home.name, namespaces: [home.name, other.name], args: ["--access-log", "off"] },
		kubeconfig: apiServer.kubeconfig,
		registry: {
			web: entries.http({ command: underShell }),
			local: entries.stdio({ replicas }),
			[bystanders.taken]: entries.http(),
		},
	});
	await scaleByOthers("web", replicas);
	await Promise.all(ids.map((id) => served(gateway, id, replicas)));
});
afterAll(async () => {
	await gateway?.stop();
	await apiServer?.close();
});
beforeEach(() => {
	home.tellOnFailure();
	tellOnFailure(gateway);
});

const podsOf = async (id: string) =>
	(await home.pods(`app.kubernetes.io/instance=${id},mcp-gateway/owner=${home.name}`)).filter(isReady);
const nameOf = ({ metadata }: V1Pod) => metadata?.name ?? "";

async function scaleByOthers(id: string, count: number): Promise<void> {
	const deployment = { namespace: home.name, name: id };
	await eventually("its Deployment is there", () =>
		apps.readNamespacedDeployment(deployment).then(
			() => true,
			() => false,
		),
	);
	await request("PATCH", `/apis/apps/v1/namespaces/${home.name}/deployments/${id}/scale`, {
		body: { spec: { replicas: count } },
		contentType: "application/merge-patch+json",
	});
}

async function addToRegistry(more: object): Promise<void> {
	const registry = JSON.parse(await readFile(gateway.registryFile, "utf8"));
	await gateway.writeRegistry({ ...registry, ...more });
}

interface UnderLoad {
	readonly sessions: readonly SessionClient[];
	/** Ends both, and tells how the stateless requests have fared. */
	stop(): Promise<LoadResult>;
}

/** Stateless requests and nine sessions. */
async function underLoad(id: string, tool: { readonly tool: string; readonly arguments?: Record<string, unknown> }) {
	const url = `${gateway.url}/${id}`;
	const sessions: SessionClient[] = [];
	const load = startLoad({ url, clients, pauseMs: 2, ...tool });
	onTestFinished(async () => {
		await load.stop();
		await Promise.all(sessions.map((session) => session.close()));
	});
	for (let n = 0; n < 9; n++) sessions.push(await openSession(url));
	for (const session of sessions) session.run(50);
	const stop = async () => {
		await Promise.all(sessions.map((session) => session.stop()));
		return load.stop();
	};
	return { sessions, stop } satisfies UnderLoad;
}

function expectUnaffected({ sessions }: UnderLoad, { failures, sent }: LoadResult): void {
	expect(failures).toEqual([]);
	expect(sent).toBeGreaterThan(100);
	for (const { failures, refusals, losses } of sessions) expect([failures, refusals, losses]).toEqual([[], [], []]);
}

/** By a tool of its own, for which nobody is asked but the pod. */
const killItself = (tool: string, path: string) => async (pod: V1Pod) => {
	const direct = await modernClient(`http://${pod.status?.podIP}:8080${path}`);
	await expect(direct.call(tool)).rejects.toThrow();
};
const deleteAtOnce = (pod: V1Pod) =>
	core.deleteNamespacedPod({ namespace: home.name, name: nameOf(pod), gracePeriodSeconds: 0 });

describe.each([
	["web", "killed with SIGKILL", killItself("kill", "/mcp"), { tool: "slow", arguments: { ms: 200 } }],
	["local", "killed with SIGKILL", killItself("kill_bridge", "/local"), { tool: "whoami" }],
	["web", "deleted without grace", deleteAtOnce, { tool: "slow", arguments: { ms: 200 } }],
] as const)("%s under load, a pod of which is %s", (id, how, kill, tool) => {
	it("costs the requests under way there, and its sessions one 404; the next initialize works at once", async () => {
		const [victim] = await podsOf(id);
		const name = nameOf(victim as V1Pod);
		const load = await underLoad(id, tool);
		const before = new Map(load.sessions.map((session) => [session, session.pod]));
		await kill(victim as V1Pod);
		const replaced = async () => {
			const pod = (await podsOf(id)).find((one) => nameOf(one) === name);
			return pod === undefined || (pod.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0;
		};
		const lost = load.sessions.filter((session) => before.get(session) === name);
		await eventually("its sessions have gone on", () => lost.every(({ losses }) => losses.length > 0));
		await eventually("another process is there", replaced, 60_000);
		await served(gateway, id, replicas);
		const { sent, failures, longestGapMs } = await load.stop();

		const times = failures.map(({ at, tookMs }) => at + tookMs);
		const spanMs = failures.length === 0 ? 0 : Math.max(...times) - Math.min(...times);
		const took = lost.flatMap(({ losses }) => losses.map(({ tookMs }) => Math.round(tookMs)));
		console.log(
			`${id} ${how}: ${failures.length} of ${sent} stateless failed within ${Math.round(spanMs)} ms, ` +
				`longest gap ${Math.round(longestGapMs)} ms; sessions gone on after ${took.join(" ")} ms`,
		);
		expect(failures.filter(({ what }) => !/^502 .*replica_died/.test(what))).toEqual([]);
		expect(failures.length).toBeLessThanOrEqual(clients);
		expect(spanMs).toBeLessThan(1000);
		expect(lost).not.toHaveLength(0);
		for (const session of load.sessions) {
			const inFlight = session.refusals.filter((status) => status === 502).length;
			expect(inFlight).toBeLessThanOrEqual(1);
			expect(session.failures).toHaveLength(inFlight);
			if (lost.includes(session)) expect(session.refusals.slice(inFlight)).toEqual([404]);
			else expect([session.refusals, session.losses]).toEqual([[], []]);
			for (const { tookMs } of session.losses) expect(tookMs).toBeLessThan(5000);
		}
	});
});

it("kill -9 of the control plane: traffic is unaffected, pods stay, and its successor goes on", async () => {
	const load = await underLoad("web", { tool: "whoami" });
	const before = (await podsOf("web")).map(nameOf).sort();
	const { generation } = (await apps.readNamespacedDeployment({ namespace: home.name, name: "local" })).metadata ?? {};
	const { "control-plane": pid = 0 } = await gateway.children();
	process.kill(pid, "SIGKILL");
	const killedAt = performance.now();
	const writes = async () => (await statusOf(gateway)).kubernetes?.writer?.writes === true;
	await eventually("there is another one that writes", () => writes().catch(() => false), 60_000);
	console.log(`control plane: another one writes after ${Math.round(performance.now() - killedAt)} ms`);
	expect((await gateway.children())["control-plane"]).not.toBe(pid);
	expect((await podsOf("web")).map(nameOf).sort()).toEqual(before);
	const after = await apps.readNamespacedDeployment({ namespace: home.name, name: "local" });
	expect(after.metadata?.generation).toBe(generation);
	await addToRegistry({ fresh: entries.http() });
	await served(gateway, "fresh", 1);
	expectUnaffected(load, await load.stop());
});

it("the API server away for a minute: traffic is unaffected, and what others did meanwhile is caught up", async () => {
	const load = await underLoad("web", { tool: "whoami" });
	await apiServer.close();
	const closedAt = performance.now();
	const problems = async () => (await statusOf(gateway)).kubernetes?.problems ?? [];
	await eventually("it is told", async () => (await problems()).some((problem) => problem.includes("reached")), 30_000);
	await scaleByOthers("web", replicas + 1);
	await addToRegistry({ late: entries.http() });
	await eventually("another pod is ready", async () => (await podsOf("web")).length === replicas + 1, 60_000);
	await sleep(60_000 - (performance.now() - closedAt));
	expect((await statusOf(gateway)).servers.find(({ id }) => id === "web")?.kubernetes?.pods).toHaveLength(replicas);
	expect(load.sessions.flatMap(({ failures }) => failures)).toEqual([]);
	await apiServer.open();
	const openedAt = performance.now();
	const passed = () => Math.round(performance.now() - openedAt);
	await served(gateway, "web", replicas + 1);
	const scaled = passed();
	await served(gateway, "late", 1);
	console.log(`API server back: another's scaling is served after ${scaled} ms, an addition after ${passed()} ms`);
	await eventually("all is well", async () => (await problems()).length === 0, 30_000);
	const result = await load.stop();
	expectUnaffected(load, result);
	expect(result.pods.size).toBe(replicas + 1);
});

it("kill -9 of the control plane while the API server is away: Envoy keeps the pods, and what is not of a cluster is served", async () => {
	const load = await underLoad("web", { tool: "whoami" });
	const wanted = (await podsOf("web")).length;
	await apiServer.close();
	const { "control-plane": pid = 0 } = await gateway.children();
	process.kill(pid, "SIGKILL");
	const known = async () => {
		const { servers, envoys } = await statusOf(gateway);
		const web = servers.find(({ id }) => id === "web");
		return envoys[0]?.inSync === true && web?.problem?.includes("cannot be reached") === true;
	};
	await eventually("there is another one, which cannot look", () => known().catch(() => false), 60_000);
	await addToRegistry({ outside: { type: "http", endpoint: `${gateway.adminUrl}/healthz` } });
	await eventually("what is added is served", async () => (await fetch(`${gateway.url}/outside`)).status !== 404);
	await sleep(5000);
	expect(load.sessions.flatMap(({ failures }) => failures)).toEqual([]);
	await scaleByOthers("web", wanted + 1);
	await eventually("another pod is ready", async () => (await podsOf("web")).length === wanted + 1, 60_000);
	await apiServer.open();
	await served(gateway, "web", wanted + 1);
	const result = await load.stop();
	expectUnaffected(load, result);
	expect(result.pods.size).toBe(wanted + 1);
});

describe("everything else", () => {
	it("is a clash where a name is taken", () => bystanders.expectClash(gateway));
	bystanders.itIsUntouched();
});
