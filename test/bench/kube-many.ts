import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { V1Node } from "@kubernetes/client-node";
import type { Address } from "../../control-plane/ir/model.ts";
import { type ApiRequest, createApiServer } from "../../control-plane/kubernetes/api-server.ts";
import { askJson } from "../../control-plane/status/http-get.ts";
import type { Status } from "../../control-plane/status/status.ts";
import { clusterName } from "../../control-plane/xds/names.ts";
import { kubeConfig } from "../cluster/support/kube.ts";
import { eventually, type Gateway } from "../support/gateway.ts";
import { type Asked, startApiProxy } from "./api-proxy.ts";
import { makePlace } from "./kube-place.ts";
import { type SliceWatch, watchSlices } from "./kube-slices.ts";
import { cpuMicros, rssMegabytes } from "./process-usage.ts";
import type { BenchOptions } from "./report.ts";

export interface ManyServers {
	readonly servers: number;
	readonly pods: number;
	/** From the registry until the last object of a server is first written, nothing of it there before, milliseconds. */
	readonly writtenMs: number;
	/** Requests that write until Envoy had everything, and how many of them were not the first one for their object. */
	readonly writes: number;
	readonly rewrites: number;
	/** From the registry to endpoints of all pods in Envoy. */
	readonly createdMs: number;
	/** From the start of a gateway that finds all of it, until it is ready and until Envoy has all endpoints. */
	readonly readyMs: number;
	readonly completeMs: number;
	/** MB of the control plane, after it has created all, after all changes, and after the start that found it. */
	readonly megabytes: readonly [number, number, number];
	/** From the event of a changed endpoint until Envoy has it, for each change. */
	readonly changes: readonly number[];
	/** CPU of the control plane for a change, with all that follows from it, milliseconds. */
	readonly cpuMs: number;
	/** Requests to the API server in the time of the changes, watches and the Lease not counted, and the Lease's. */
	readonly requests: readonly string[];
	readonly leases: number;
}

const podsEach = 4;

/** Many servers whose pods nobody runs: kwok says that they are ready. */
export async function manyServers({ quick, progress }: BenchOptions): Promise<ManyServers> {
	const servers = quick ? 100 : 500;
	const request = createApiServer(kubeConfig).request;
	await makeRoom(request, servers * podsEach);
	const place = await makePlace();
	const { namespace } = place;
	const proxy = await startApiProxy();
	const slices = watchSlices(kubeConfig, namespace);
	const ids = Array.from({ length: servers }, (_, index) => `server-${index}`);
	const registry = Object.fromEntries(ids.map((id) => [id, { type: "k8s", chart: "bench", namespace }]));
	const chart = {
		...{ image: "localhost/nobody-runs-this:1", replicas: podsEach, drainSeconds: 0 },
		resources: { requests: { cpu: "1m", memory: "1Mi" } },
	};
	const start = () => place.start(registry, chart, proxy.kubeconfig);
	try {
		progress(`kubernetes: creates ${servers} servers`);
		const begun = performance.now();
		const first = await start();
		await complete(first, ids, progress);
		const createdMs = performance.now() - begun;
		const { lastAt, ...written } = writesIn(proxy.asked);
		const writtenMs = lastAt - begun;
		const created = await memory(first);
		// What comes of the creation is over: the status of each Deployment is told several times.
		await quiet(proxy.asked);
		const from = proxy.asked.length;
		const { "control-plane": pid = 0 } = await first.children();
		const cpu = cpuMicros(pid);
		const scale = async (id: string, replicas: number) => {
			await request("PATCH", `/apis/apps/v1/namespaces/${namespace}/deployments/${id}/scale`, {
				body: { spec: { replicas } },
				contentType: "application/merge-patch+json",
			});
		};
		const changes = await measureChanges({ gateway: first, slices, scale }, ids, quick ? 20 : 100, progress);
		const cpuMs = (cpuMicros(pid) - cpu) / 1000 / changes.length;
		const asked = proxy.asked.slice(from).filter(({ watch }) => !watch);
		const leases = asked.filter(({ url }) => url.includes("/leases")).length;
		const requests = asked.filter(({ url }) => !url.includes("/leases")).map(({ method, url }) => `${method} ${url}`);
		const changed = await memory(first);
		await first.stop();

		progress(`kubernetes: starts with ${servers} servers`);
		const again = performance.now();
		const second = await start();
		const readyMs = performance.now() - again;
		await complete(second, ids, progress);
		const completeMs = performance.now() - again;
		const megabytes = [created, changed, await memory(second)] as const;
		const pods = servers * podsEach;
		return {
			...{ servers, pods, writtenMs, ...written, createdMs, readyMs, completeMs },
			...{ megabytes, changes, cpuMs, requests, leases },
		};
	} finally {
		await slices.close();
		await place.close();
		await proxy.close();
	}
}

/** Lets the fake nodes take so many pods: what they are said to have, nobody has. */
async function makeRoom(request: ApiRequest, pods: number): Promise<void> {
	const nodes = await fakeNodes(request);
	const room = { pods: String(Math.ceil((pods * 1.5) / nodes.length)), cpu: "64", memory: "256Gi" };
	for (const name of nodes) {
		await request("PATCH", `/api/v1/nodes/${name}/status`, {
			body: { status: { allocatable: room, capacity: room } },
			contentType: "application/merge-patch+json",
		});
	}
}

/** Names of the nodes that kwok pretends. */
export async function fakeNodes(request: ApiRequest): Promise<readonly string[]> {
	const { items } = (await request("GET", "/api/v1/nodes")) as { items: readonly V1Node[] };
	return items.flatMap(({ metadata }) =>
		metadata?.annotations?.["kwok.x-k8s.io/node"] === "fake" ? [metadata.name ?? ""] : [],
	);
}

/** Waits until Envoy has the endpoints of all pods. */
async function complete(gateway: Gateway, ids: readonly string[], progress: BenchOptions["progress"]): Promise<void> {
	const all = async () => {
		const status = (await (await fetch(`${gateway.adminUrl}/v1/status`)).json()) as Status;
		const done = status.servers.filter(({ endpoints = [] }) => endpoints.length === podsEach).length;
		progress(`kubernetes: ${done} of ${ids.length} servers are complete`);
		if (done < ids.length) await sleep(250);
		return done === ids.length;
	};
	await eventually("all servers are complete", all, 600_000);
}

/** What was written of servers, and when the last object was for the first time. */
function writesIn(asked: readonly Asked[]) {
	const patches = asked.filter(({ method, url }) => method === "PATCH" && !url.includes("/leases"));
	const first = new Map<string, number>();
	for (const { url, answeredAt } of patches) {
		const [path = ""] = url.split("?");
		if (!first.has(path)) first.set(path, answeredAt ?? Number.NaN);
	}
	return { lastAt: Math.max(...first.values()), writes: patches.length, rewrites: patches.length - first.size };
}

async function memory(gateway: Gateway): Promise<number> {
	return rssMegabytes((await gateway.children())["control-plane"] ?? 0);
}

/** Waits until nothing but watches and the Lease has been asked for three seconds. */
async function quiet(asked: readonly Asked[]): Promise<void> {
	const others = () => asked.filter(({ url, watch }) => !watch && !url.includes("/leases")).length;
	for (let before = -1; before !== others(); ) {
		before = others();
		await sleep(3000);
	}
}

/** One pod more and one less in turn, each of another server. */
async function measureChanges(
	{
		gateway,
		slices,
		scale,
	}: { gateway: Gateway; slices: SliceWatch; scale: (id: string, replicas: number) => Promise<void> },
	ids: readonly string[],
	count: number,
	progress: BenchOptions["progress"],
): Promise<readonly number[]> {
	const path = join(
		gateway.tempDir,
		readdirSync(gateway.tempDir).find((name) => name.startsWith("mcp-gateway-")) ?? "",
	);
	const admin = { path: join(path, "envoy-admin.sock") };
	const times: number[] = [];
	for (let index = 0; index < count; index++) {
		progress(`kubernetes: change ${index + 1} of ${count}`);
		const id = ids[Math.floor(index / 2) % ids.length]!;
		const pods = podsEach + ((index + 1) % 2);
		await scale(id, pods);
		const at = await slices.until(id, (ready) => ready.size === pods);
		const wanted = [...slices.ready(id).values()].sort().join();
		while ((await healthy(admin, id)) !== wanted) {
			if (performance.now() - at > 10_000) throw new Error(`${id}: Envoy does not have ${wanted}`);
			await sleep(1);
		}
		times.push(performance.now() - at);
	}
	return times;
}

/** https://www.envoyproxy.io/docs/envoy/v1.40.0/operations/admin#get--config_dump?include_eds */
interface EndpointDump {
	readonly configs?: readonly {
		readonly endpoint_config?: {
			readonly endpoints?: readonly {
				readonly lb_endpoints?: readonly {
					readonly health_status?: string;
					readonly endpoint: { readonly address: { readonly socket_address: { readonly address: string } } };
				}[];
			}[];
		};
	}[];
}

/** Addresses of a server's endpoints in Envoy that get requests, sorted; one that drains is unhealthy here. */
async function healthy(admin: Address, id: string): Promise<string> {
	const query = `include_eds&resource=dynamic_endpoint_configs&name_regex=^${clusterName(id)}$`;
	const { configs = [] } = (await askJson(admin, `/config_dump?${query}`)) as EndpointDump;
	return configs
		.flatMap(({ endpoint_config }) => endpoint_config?.endpoints ?? [])
		.flatMap(({ lb_endpoints = [] }) => lb_endpoints)
		.flatMap(({ health_status, endpoint }) =>
			health_status === "HEALTHY" ? [endpoint.address.socket_address.address] : [],
		)
		.sort()
		.join();
}
