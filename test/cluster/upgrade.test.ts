import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { V1Pod } from "@kubernetes/client-node";
import { afterAll, beforeAll, beforeEach, expect, inject, onTestFinished, test } from "vitest";
import { ownCharts } from "../../control-plane/kubernetes/objects/chart.ts";
import { eventually } from "../support/gateway.ts";
import { helm } from "../support/helm.ts";
import { ROOT } from "../support/process.ts";
import { EARLIER_VERSION } from "./images.ts";
import { asAdmin } from "./support/api.ts";
import { type McpClient, modernClient, podOf } from "./support/clients.ts";
import {
	apiKey,
	type Before,
	type Ground,
	installationValues,
	prepare,
	serverIds,
	useServers,
} from "./support/installation.ts";
import { kubectl } from "./support/kubectl.ts";
import { startLoad } from "./support/load.ts";
import { useNamespace } from "./support/namespace.ts";
import { envoyAddress, type ReleaseAddress } from "./support/release.ts";
import { openSession, type SessionClient } from "./support/sessions.ts";

/**
 * The chart from one version to the next and back, under load. Each test needs those before it.
 *
 * There is no release before this one: both charts are packaged from this checkout, and the images of the earlier one differ
 * by the version that they tell. So what is proven is that all pods of control plane, Envoy and bridge can be replaced by
 * those of another version, at once or control planes first, and that Envoys whose control planes changed go on with what
 * they have. Once there is a release it takes the place of `earlier`, and what the two say to each other is tested too.
 */

interface Version {
	readonly version: string;
	readonly images: Ground["images"];
	/** Values of the chart. */
	readonly values: object;
}

const images = inject("images");
const home = useNamespace("upgrade-home");
const tools = useNamespace("upgrade-tools");
const release = "gw";
const SLOW = 300_000;

const newer = versionOf((JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Version).version, images, {
	late: { type: "http", endpoint: `http://outside.${home.name}.svc:8080/mcp` },
});
const earlier = versionOf(
	EARLIER_VERSION,
	{ ...images, gateway: images.earlierGateway, bridge: images.earlierBridge },
	{},
);

const inHome = ["--namespace", home.name, "--timeout", "3m", "--wait"];
const headers = { "x-api-key": apiKey };

let ground: Ground;
let before: Before;
let folder: string;
let gateway: ReleaseAddress;
const clients: McpClient[] = [];

beforeAll(async () => {
	ground = { request: await asAdmin(), images, release, home, tools };
	folder = await mkdtemp(join(tmpdir(), "chart-versions-"));
	for (const { version, values } of [earlier, newer]) {
		const as = ["--version", version, "--app-version", version, "--destination", folder];
		await helm("package", join(ownCharts, "mcp-gateway"), ...as);
		await writeFile(join(folder, `${version}.json`), JSON.stringify(values));
	}
	before = await prepare(ground);
});
beforeEach(() => {
	home.tellOnFailure();
	tools.tellOnFailure();
});
afterAll(async () => {
	for (const client of clients) await client.close().catch(() => {});
	await helm("uninstall", release, "--namespace", home.name, "--no-hooks", "--ignore-not-found");
	await rm(folder, { recursive: true });
});

test(
	"the earlier version is installed and used",
	async () => {
		await helm("install", ...ofChart(earlier));
		await settled(earlier, "control-plane", "envoy");
		await home.readyPods("app.kubernetes.io/instance=web", 2);
		await home.readyPods("app.kubernetes.io/instance=named", 1);
		await tools.readyPods("app.kubernetes.io/instance=py", 1);
		gateway = await useServers(ground, before, clients);
	},
	SLOW,
);

test(
	"`helm upgrade` to the next version replaces every pod, and no stateless request fails; sessions go on",
	async () => {
		await underLoad(async () => {
			await helm("upgrade", ...ofChart(newer));
			await settled(newer, "control-plane", "envoy");
		});
		for (const [index, server] of serverIds.entries()) {
			// The bridge is part of that server's pod, which is another one now.
			if (server !== "py") expect(await clients[2 * index]?.call("notes"), server).toBe(`for ${server}`);
		}
		const late = await modernClient(`${gateway.url}/late`, gateway.fetch);
		clients.push(late);
		expect(await podOf(late)).toMatch(/^outside-/);
	},
	SLOW,
);

test(
	"`helm rollback`: newer Envoys follow earlier control planes, and are replaced then, under the same load",
	async () => {
		await underLoad(async () => {
			const envoys = await envoyPods();
			await rollout("pause");
			await helm("rollback", release, "1", ...inHome);
			await settled(earlier, "control-plane");
			await follow(envoys, 404);
			await rollout("resume");
			await settled(earlier, "envoy");
		});
	},
	SLOW,
);

test(
	"`helm upgrade` once more: earlier Envoys follow newer control planes",
	async () => {
		await underLoad(async () => {
			const envoys = await envoyPods();
			await rollout("pause");
			await helm("upgrade", ...ofChart(newer));
			await settled(newer, "control-plane");
			await follow(envoys, 405);
		});
	},
	SLOW,
);

function versionOf(version: string, its: Ground["images"], more: object): Version {
	const values = installationValues({ images: its, home, tools });
	const envoy = { ...values.envoy, drainSeconds: 8 };
	return { version, images: its, values: { ...values, envoy, registry: { ...values.registry, ...more } } };
}

/** Arguments of `helm install` and `helm upgrade`. */
function ofChart({ version }: Version): string[] {
	const [chart, values] = [join(folder, `mcp-gateway-${version}.tgz`), join(folder, `${version}.json`)];
	return [release, chart, ...inHome, "--values", values];
}

/** Holds Envoy's pods back while everything else is replaced, or lets them follow. */
function rollout(does: "pause" | "resume"): Promise<string> {
	return kubectl(["rollout", does, `deployment/${release}-envoy`, "--namespace", home.name]);
}

const envoyPods = () => home.readyPods("app.kubernetes.io/component=envoy", 2);

/** Waits until all pods of these components are of a version, and the bridge too, which the control planes put in place. */
async function settled({ version, images: its }: Version, ...components: readonly string[]): Promise<void> {
	for (const component of components) {
		const label = `app.kubernetes.io/component=${component}`;
		await eventually(
			`all pods ${component} are of ${version}`,
			async () => (await home.pods(label)).every(({ metadata }) => metadata?.labels?.[versionLabel] === version),
			120_000,
		);
		await home.readyPods(label, 2);
		if (component !== "control-plane") continue;
		const command = ["node", "/app/control-plane/cli/mcp-gateway.js", "--version"];
		const told = await kubectl(["exec", "-n", home.name, `deployment/${release}-${component}`, "--", ...command]);
		expect(told.trim()).toBe(version);
	}
	await eventually(
		`the bridge of ${version} is in its pod, and no other`,
		async () => {
			const pods = await tools.pods("app.kubernetes.io/instance=py");
			return pods.length === 1 && pods[0]?.spec?.initContainers?.[0]?.image === its.bridge;
		},
		120_000,
	);
	await tools.readyPods("app.kubernetes.io/instance=py", 1);
}

const versionLabel = "app.kubernetes.io/version";

/** Each of these Envoys, which are still the only ones, answers so where only the newer version has a server. */
async function follow(envoys: readonly V1Pod[], status: 404 | 405): Promise<void> {
	for (const pod of envoys) {
		const { url, fetch: ask } = envoyAddress(pod, release, before.ca, headers);
		const told = async () => (await ask(`${url}/late`)).status === status;
		await eventually(`${pod.metadata?.name} answers ${status}`, told, 60_000);
	}
	expect(namesOf(await envoyPods())).toEqual(namesOf(envoys));
}

const namesOf = (pods: readonly V1Pod[]) => pods.map(({ metadata }) => metadata?.name).sort();

/**
 * Requests and sessions while `move` puts another version in place, and until all sessions have answered after it. No
 * stateless request fails, and no session that lives in a pod which stays; those with the bridge in their pod end once.
 */
async function underLoad(move: () => Promise<void>): Promise<void> {
	const to = (server: string) => ({ url: `${gateway.url}/${server}`, tls: gateway.tls, headers });
	const loads = [
		startLoad({ ...to("web"), pauseMs: 5 }),
		startLoad({ ...to("outside"), clients: 2, pauseMs: 20 }),
		startLoad({ ...to("py"), clients: 2, pauseMs: 200 }),
		// Always under way when an Envoy is told to leave.
		startLoad({ ...to("web"), tool: "slow", arguments: { ms: 3000 } }),
	];
	const sessions: (SessionClient & { readonly server: string })[] = [];
	onTestFinished(async () => {
		await Promise.all([...loads.map((load) => load.stop()), ...sessions.map((session) => session.stop())]);
		await Promise.all(sessions.map((session) => session.close()));
	});
	for (const server of ["web", "web", "outside", "outside", "py", "py"]) {
		const session = await openSession(`${gateway.url}/${server}`, gateway.fetch);
		sessions.push(Object.assign(session, { server }));
		session.run(100);
	}
	await eventually("the load runs", () => loads.every((load) => load.result().succeeded > 3));
	await move();
	const calls = sessions.map((session) => session.calls);
	await eventually("all sessions answer", () => sessions.every((session, n) => session.calls > (calls[n] ?? 0) + 1));
	await Promise.all(sessions.map((session) => session.stop()));
	const results = await Promise.all(loads.map((load) => load.stop()));
	const sent = results.reduce((sum, result) => sum + result.sent, 0);
	const gaps = results.map(({ longestGapMs }) => `${Math.round(longestGapMs)} ms`);
	const called = sessions.reduce((sum, session) => sum + session.calls, 0);
	const lost = sessions.flatMap(({ losses }) => losses).length;
	console.log(`${sent} stateless requests, longest gaps ${gaps.join(", ")}; ${called} calls in sessions, ${lost} lost`);
	for (const { failures } of results) expect(failures).toEqual([]);
	expect(results[0]?.succeeded).toBeGreaterThan(500);
	for (const { server, failures, refusals, losses } of sessions) {
		expect(failures, server).toEqual([]);
		expect(refusals, server).toEqual(server === "py" ? [404] : []);
		expect(losses, server).toHaveLength(refusals.length);
	}
}
