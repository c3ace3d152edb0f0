import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { makeXdsCredentials } from "../../control-plane/credentials/certificates.ts";
import { ownCharts } from "../../control-plane/kubernetes/objects/chart.ts";
import { run } from "../../envoy/run.ts";
import { eventually } from "../support/gateway.ts";
import { helm } from "../support/helm.ts";
import { NODE } from "../support/process.ts";
import { asAdmin } from "./support/api.ts";
import type { McpClient } from "./support/clients.ts";
import { httpDeployment } from "./support/http-deployment.ts";
import {
	apiKey,
	type Before,
	expectNothingLeft,
	type Ground,
	installationValues,
	prepare,
	secret,
	serverIds,
	useServers,
} from "./support/installation.ts";
import { everythingIn } from "./support/inventory.ts";
import { core } from "./support/kube.ts";
import { useNamespace } from "./support/namespace.ts";
import { clustersRequest } from "./support/xds-request.ts";

/**
 * The chart from nothing to nothing: installed, tested, used, attacked and uninstalled. Each test needs those before it;
 * upgrade.test.ts has upgrades under load.
 */

const images = inject("images");
const home = useNamespace("chart-home");
const tools = useNamespace("chart-tools");
const release = "gw";
const chart = join(ownCharts, "mcp-gateway");
const SLOW = 240_000;

const values = {
	...installationValues({ images, home, tools }),
	test: { servers: serverIds, apiKey: { secretName: "test-key" } },
};

let ground: Ground;
let before: Before;
let valuesFile: string;
const clients: McpClient[] = [];

beforeAll(async () => {
	ground = { request: await asAdmin(), images, release, home, tools };
	valuesFile = join(await mkdtemp(join(tmpdir(), "chart-values-")), "values.json");
	await writeFile(valuesFile, JSON.stringify(values));
	before = await prepare(ground, secret("test-key", { key: apiKey }));
});
beforeEach(() => {
	home.tellOnFailure();
	tools.tellOnFailure();
});
afterAll(async () => {
	for (const client of clients) await client.close().catch(() => {});
	await helm("uninstall", release, "--namespace", home.name, "--no-hooks", "--ignore-not-found");
	await rm(join(valuesFile, ".."), { recursive: true });
});

const inHome = ["--namespace", home.name, "--timeout", "3m"];

test(
	"installs: two control planes and two Envoys are ready, in namespaces of the level `restricted`",
	async () => {
		const told = await helm("install", release, chart, ...inHome, "--values", valuesFile, "--wait");
		expect(told).toContain(`https://${release}.${home.name}.svc:443/SERVER`);
		await home.readyPods(`app.kubernetes.io/component=control-plane`, 2);
		await home.readyPods(`app.kubernetes.io/component=envoy`, 2);
		// Neither their account nor the right to write Secrets outlives the hook.
		expect((await everythingIn(ground.request, home.name)).filter((name) => /credentials/.test(name))).toEqual([]);
	},
	SLOW,
);

test(
	"`helm test` passes: status, four servers and the Service",
	async () => {
		await home.readyPods("app.kubernetes.io/instance=web", 2);
		await home.readyPods("app.kubernetes.io/instance=named", 1);
		await tools.readyPods("app.kubernetes.io/instance=py", 1);
		const told = await helm("test", release, ...inHome);
		expect(told).toMatch(/Phase:\s+Succeeded/);
		expect((await home.pods("app.kubernetes.io/component=test")).length).toBe(0);
	},
	SLOW,
);

test(
	"the SDK's clients of both eras use servers of four kinds by the Service, over TLS: one of them by a name that the cluster's DNS resolves",
	async () => {
		await useServers(ground, before, clients);
	},
	SLOW,
);

describe("who has no credential", () => {
	interface Found {
		readonly plain: Outcome;
		readonly withoutCertificate: Outcome;
		readonly withCertificate: Outcome;
		readonly admin: Readonly<Record<string, number | string>>;
		readonly envoys: readonly Readonly<Record<string, number | string>>[];
		readonly gateway: string;
	}
	interface Outcome {
		readonly received: number;
		readonly error?: string;
	}
	const script = readFileSync(join(import.meta.dirname, "support/intruder.cjs"), "utf8");

	/** What the intruder is told; `tls` is a certificate to show. */
	async function places(tls: object): Promise<string> {
		const envoys = (await home.readyPods("app.kubernetes.io/component=envoy", 2)).map(({ status }) => status?.podIP);
		const { spec } = await core.readNamespacedService({ namespace: home.name, name: `${release}-control-plane` });
		const own = await core.readNamespacedService({ namespace: home.name, name: release });
		const [xds, admin] = [`${spec?.clusterIP}:18000`, `${spec?.clusterIP}:9090`];
		const message = clustersRequest().toString("base64");
		return JSON.stringify({ xds, admin, envoys, gateway: `${own.spec?.clusterIP}:443`, message, tls });
	}

	test(
		"is refused in a pod of the same namespace: xDS, the admin API, Envoy's admin interface",
		async () => {
			const { cert, key } = (await makeXdsCredentials()).envoy;
			await home.create(intruder(script, await places({ cert, key })));
			await eventually(
				"it has tried everything",
				async () => (await home.pods("app=intruder"))[0]?.status?.phase === "Succeeded",
				120_000,
			);
			const found = JSON.parse(await home.log("intruder")) as Found;
			await home.deletePod("intruder", 0);
			for (const outcome of [found.plain, found.withoutCertificate, found.withCertificate]) {
				expect(outcome).toEqual({ received: 0, error: expect.not.stringContaining("nothing within") });
			}
			expect(found.admin).toEqual({ status: 401, registry: 401, remove: 401, wrongToken: 401, metrics: 401 });
			for (const envoy of found.envoys) {
				expect(envoy).toEqual({ admin: "ECONNREFUSED", quit: 404, dump: 404, stats: 404 });
			}
			expect(found.gateway).toBe("connected");
		},
		SLOW,
	);

	test("would have learnt everything with it: the same attempts, and Envoy's certificate", async () => {
		const { data = {} } = await core.readNamespacedSecret({ namespace: home.name, name: `${release}-xds-envoy` });
		const text = (name: string) => Buffer.from(data[name] ?? "", "base64").toString();
		const told = await run(NODE, ["-e", script, await places({ cert: text("tls.crt"), key: text("tls.key") })], {
			timeoutMs: 60_000,
		});
		const found = JSON.parse(told.stdout) as Found;
		expect(found.withCertificate.received).toBeGreaterThan(500);
		expect(found.withoutCertificate.received).toBe(0);
	});
});

test(
	"`helm uninstall` leaves nothing: no object of any kind in any namespace, and no Secret or Lease",
	async () => {
		for (const client of clients.splice(0)) await client.close().catch(() => {});
		await helm("uninstall", release, ...inHome, "--wait");
		await expectNothingLeft(ground, before);
	},
	SLOW,
);

/** A pod that runs the script once. */
function intruder(script: string, argument: string) {
	const { spec } = httpDeployment({ name: "intruder", image: images.http, replicas: 1 });
	const [server] = spec?.template.spec?.containers ?? [];
	const { readinessProbe: _, ports: __, ...container } = server ?? { name: "server" };
	return {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name: "intruder", labels: { app: "intruder" } },
		spec: {
			...spec?.template.spec,
			restartPolicy: "Never",
			containers: [{ ...container, command: ["node", "-e", script, argument] }],
		},
	};
}
