import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { ApiRequest } from "../../control-plane/kubernetes/api-server.ts";
import { call } from "../support/cli.ts";
import { eventually, type Gateway } from "../support/gateway.ts";
import { asAdmin } from "./support/api.ts";
import { useBystanders } from "./support/bystanders.ts";
import { entriesIn } from "./support/entries.ts";
import { startClusterGateway, tellOnFailure } from "./support/gateway.ts";
import { startLoad } from "./support/load.ts";
import { isReady, useNamespace } from "./support/namespace.ts";
import { openSession, type SessionClient } from "./support/sessions.ts";
import { served } from "./support/status.ts";

/** From one pod to four and to two, by each way there is; sessions on the pods that stay go on. */

const home = useNamespace("scaling");
const other = useNamespace("scaling-other");
const entries = entriesIn(home.name);
const ids = ["by-registry", "by-api", "by-scale"] as const;
const bystanders = useBystanders({ home: home.name, other: other.name, gatewayName: home.name, ids });
const calls = 300;
let request: ApiRequest;
let gateway: Gateway;

beforeAll(async () => {
	request = await asAdmin();
	gateway = await startClusterGateway({
		...{ name: home.name, namespaces: [home.name, other.name], args: ["--access-log", "off"] },
		registry: {
			"by-registry": entries.http({ replicas: 1 }),
			"by-api": entries.http({ replicas: 1 }),
			"by-scale": entries.http(),
			[bystanders.taken]: entries.http(),
		},
	});
});
afterAll(async () => {
	await gateway?.stop();
});
beforeEach(() => {
	home.tellOnFailure();
	tellOnFailure(gateway);
});

const podsOf = async (id: string) =>
	(await home.pods(`app.kubernetes.io/instance=${id},mcp-gateway/owner=${home.name}`)).filter(isReady);

/** Stateless calls, of which each pod has its share. */
async function expectFairShares(id: string, replicas: number): Promise<void> {
	const names = (await podsOf(id)).map(({ metadata }) => metadata?.name ?? "").sort();
	const { pods, statuses, failures } = await startLoad({ url: `${gateway.url}/${id}`, requests: calls }).done;
	console.log(`${id}, ${replicas} pods: ${[...pods.values()].sort((a, b) => a - b).join(" ")}`);
	expect(failures).toEqual([]);
	expect([...statuses]).toEqual([[200, calls]]);
	expect([...pods.keys()].sort()).toEqual(names);
	const share = calls / replicas;
	for (const count of pods.values()) expect(Math.abs(count - share)).toBeLessThanOrEqual(share / 10);
}

/** So many that each of four pods has about three. */
async function openSessions(id: string): Promise<readonly SessionClient[]> {
	const opened: SessionClient[] = [];
	onTestFinished(() => Promise.all(opened.map((session) => session.close())).then(() => {}));
	for (let n = 0; n < 12; n++) opened.push(await openSession(`${gateway.url}/${id}`));
	return opened;
}

/** The registry with another entry. What the API and the command line have written to it stays. */
async function changeRegistry(id: string, more: object): Promise<void> {
	const registry = JSON.parse(await readFile(gateway.registryFile, "utf8")) as Record<string, object>;
	await gateway.writeRegistry({ ...registry, [id]: { ...registry[id], ...more } });
}

async function putScale(id: string, replicas: number): Promise<void> {
	const response = await fetch(`${gateway.adminUrl}/v1/servers/${id}/scale`, {
		method: "PUT",
		headers: { "content-type": "application/json" },
		body: JSON.stringify({ replicas }),
	});
	expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
}

/** As `mcp-gateway servers scale`. */
async function scaleByCommand(id: string, replicas: number): Promise<void> {
	const done = await call("servers", "scale", id, String(replicas), "--registry", gateway.registryFile);
	expect([done.code, done.stderr]).toEqual([0, ""]);
}

/** As `kubectl scale`. */
async function scaleByOthers(id: string, replicas: number): Promise<void> {
	await request("PATCH", `/apis/apps/v1/namespaces/${home.name}/deployments/${id}/scale`, {
		body: { spec: { replicas } },
		contentType: "application/merge-patch+json",
	});
}

describe.each<readonly [string, (id: string, n: number) => Promise<void>, (id: string, n: number) => Promise<void>]>([
	[
		"by-registry",
		(id, replicas) => changeRegistry(id, { replicas }),
		(id, replicas) => changeRegistry(id, { replicas }),
	],
	["by-api", putScale, scaleByCommand],
	["by-scale", scaleByOthers, scaleByOthers],
])("scaled %s", (id, up, down) => {
	it("has fair shares at one, four and two pods, and loses no session on a pod that stays", async () => {
		await served(gateway, id, 1);
		await expectFairShares(id, 1);
		await up(id, 4);
		await served(gateway, id, 4);
		await expectFairShares(id, 4);

		const sessions = await openSessions(id);
		expect(new Set(sessions.map(({ pod }) => pod)).size).toBe(4);
		for (const session of sessions) session.run(100);
		const before = new Map(sessions.map((session) => [session, session.pod]));
		await down(id, 2);
		await eventually("two pods are about to end", async () => (await podsOf(id)).length === 2, 30_000);
		const staying = (await podsOf(id)).map(({ metadata }) => metadata?.name ?? "");
		await served(gateway, id, 2);
		const leaving = sessions.filter((session) => !staying.includes(before.get(session) ?? ""));
		await eventually("sessions of pods that left have gone on", () => leaving.every(({ losses }) => losses.length > 0));
		await Promise.all(sessions.map((session) => session.stop()));

		expect(leaving).not.toHaveLength(0);
		expect(leaving).not.toHaveLength(sessions.length);
		expect(sessions.flatMap(({ failures }) => failures)).toEqual([]);
		for (const session of sessions) {
			const pod = before.get(session) ?? "";
			if (leaving.includes(session)) {
				expect(session.refusals).toEqual([404]);
				expect(session.losses.map((loss) => [loss.pod, staying.includes(loss.next)])).toEqual([[pod, true]]);
			} else expect([session.refusals, session.losses, session.pod]).toEqual([[], [], pod]);
		}
		const took = leaving.flatMap(({ losses }) => losses.map(({ tookMs }) => Math.round(tookMs)));
		console.log(`${id}: sessions went on after ${took.sort((a, b) => a - b).join(" ")} ms`);
		await expectFairShares(id, 2);
	});
});

describe("everything else", () => {
	it("is a clash where a name is taken", () => bystanders.expectClash(gateway));
	bystanders.itIsUntouched();
});
