import { readFile } from "node:fs/promises";
import type { V1Pod } from "@kubernetes/client-node";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { eventually, type Gateway } from "../support/gateway.ts";
import { useBystanders } from "./support/bystanders.ts";
import { entriesIn } from "./support/entries.ts";
import { startClusterGateway, tellOnFailure } from "./support/gateway.ts";
import { core, refusal } from "./support/kube.ts";
import { startLoad } from "./support/load.ts";
import { isReady, useNamespace } from "./support/namespace.ts";
import { openSession, type SessionClient } from "./support/sessions.ts";
import { served } from "./support/status.ts";

/** Pods that are replaced under load, as Kubernetes does it on its own or for an administrator. */

const home = useNamespace("disruption");
const other = useNamespace("disruption-other");
const entries = entriesIn(home.name);
const replicas = 3;
const ids = ["web", "local"] as const;
const bystanders = useBystanders({ home: home.name, other: other.name, gatewayName: home.name, ids });
let gateway: Gateway;

beforeAll(async () => {
	gateway = await startClusterGateway({
		...{ name: home.name, namespaces: [home.name, other.name], args: ["--access-log", "off"] },
		registry: {
			web: entries.http({ replicas, env: { VERSION: "1" } }),
			local: entries.stdio({ replicas, env: { VERSION: "1" } }),
			[bystanders.taken]: entries.http(),
		},
	});
	await Promise.all(ids.map((id) => served(gateway, id, replicas)));
});
afterAll(async () => {
	await gateway?.stop();
});
beforeEach(() => {
	home.tellOnFailure();
	tellOnFailure(gateway);
});

const podsOf = (id: string) => home.pods(`app.kubernetes.io/instance=${id},mcp-gateway/owner=${home.name}`);
const nameOf = ({ metadata }: V1Pod) => metadata?.name ?? "";

/**
 * Stateless requests and sessions, during what `disrupt` does, and until all sessions have answered after it. No stateless
 * request fails, and each session that is lost is lost by one 404, from a pod that is gone now.
 */
async function underLoad(id: string, disrupt: () => Promise<void>): Promise<readonly SessionClient[]> {
	const url = `${gateway.url}/${id}`;
	const sessions: SessionClient[] = [];
	const load = startLoad({ url, clients: 4, pauseMs: 5 });
	onTestFinished(async () => {
		await load.stop();
		await Promise.all(sessions.map((session) => session.close()));
	});
	for (let n = 0; n < 9; n++) sessions.push(await openSession(url));
	for (const session of sessions) session.run(50);
	await disrupt();
	await served(gateway, id, replicas);
	const calls = sessions.map((session) => session.calls);
	await eventually("all sessions answer", () => sessions.every((session, n) => session.calls > (calls[n] ?? 0) + 1));
	await Promise.all(sessions.map((session) => session.stop()));
	const { sent, failures, longestGapMs } = await load.stop();

	const losses = sessions.flatMap((session) => session.losses);
	const took = losses.map(({ tookMs }) => Math.round(tookMs)).sort((a, b) => a - b);
	console.log(`${id}: ${sent} stateless, ${failures.length} failed, longest gap ${Math.round(longestGapMs)} ms`);
	console.log(`${id}: ${losses.length} sessions lost, gone on after ${took.join(" ")} ms`);
	expect(failures).toEqual([]);
	expect(sent).toBeGreaterThan(100);
	expect(sessions.flatMap((session) => session.failures)).toEqual([]);
	const left = new Set((await podsOf(id)).filter(isReady).map(nameOf));
	for (const session of sessions) {
		expect(session.refusals).toEqual(session.losses.map(() => 404));
		for (const { pod } of session.losses) expect(left).not.toContain(pod);
		expect(left).toContain(session.pod);
	}
	return sessions;
}

describe.each(ids)("under load, %s", (id) => {
	it("is rolled over to other variables: no stateless request fails, sessions are lost by one 404 at a time", async () => {
		const before = (await podsOf(id)).map(nameOf);
		const sessions = await underLoad(id, async () => {
			const registry = JSON.parse(await readFile(gateway.registryFile, "utf8"));
			await gateway.writeRegistry({ ...registry, [id]: { ...registry[id], env: { VERSION: "2" } } });
			await eventually(
				"all pods are new",
				async () => {
					const now = (await podsOf(id)).map(nameOf);
					return now.length === replicas && now.every((name) => !before.includes(name));
				},
				120_000,
			);
		});
		for (const session of sessions) expect(session.losses.length).toBeGreaterThan(0);
	});

	it("has a pod evicted, and the next one only when another is there: sessions on the others stay", async () => {
		const [first, second, third] = (await podsOf(id)).map(nameOf) as [string, string, string];
		const evict = (name: string) =>
			core.createNamespacedPodEviction({
				...{ namespace: home.name, name },
				body: { apiVersion: "policy/v1", kind: "Eviction", metadata: { namespace: home.name, name } },
			});
		const gone = async (name: string) => !(await podsOf(id)).map(nameOf).includes(name);
		const sessions = await underLoad(id, async () => {
			await evict(first);
			expect(await evict(second).then(() => 200, refusal)).toBe(429);
			await eventually(`${first} is gone`, () => gone(first), 60_000);
			await served(gateway, id, replicas);
			await eventually(
				"another one may go",
				() =>
					evict(second).then(
						() => true,
						(error) => refusal(error) !== 429,
					),
				60_000,
			);
			await eventually(`${second} is gone`, () => gone(second), 60_000);
		});
		const untouched = sessions.filter(({ losses }) => losses.length === 0);
		expect(untouched.map(({ pod }) => pod)).toContain(third);
		for (const { losses } of sessions) for (const { pod } of losses) expect([first, second]).toContain(pod);
	});
});

describe("everything else", () => {
	it("is a clash where a name is taken", () => bystanders.expectClash(gateway));
	bystanders.itIsUntouched();
});
