import { setTimeout as sleep } from "node:timers/promises";
import type { ApiRequest } from "../../control-plane/kubernetes/api-server.ts";
import { core } from "../cluster/support/kube.ts";
import { kubectl } from "../cluster/support/kubectl.ts";
import { type Load, startLoad } from "../cluster/support/load.ts";
import { memoryIn } from "./kube-containers.ts";

/** MB of one container, the largest of those of its kind. */
export interface Taken {
	/** NaN where it is a process of a container. */
	readonly workingSet: number;
	/** Anonymous memory, which is what cgroups call RSS: without programs and other files. */
	readonly rss: number;
}

/** By what it is called in the tables. */
export type Memory = ReadonlyMap<string, Taken>;

export interface UnderLoad {
	/** The most that was seen of each. */
	readonly loaded: Memory;
	/** Requests. */
	readonly perSecond: number;
	/** Requests that were not answered with a result. */
	readonly failed: number;
}

interface Place {
	readonly request: ApiRequest;
	readonly namespace: string;
	/** Name of the gateway's Service. */
	readonly release: string;
	/** Name of the stdio server's Deployment. */
	readonly stdio: string;
}

const lookMs = 5000;

/** Clients of each server that send their next request once the last one is answered, all through the Service. */
const clients = { web: 16, py: 8 };

/** Stateless requests as fast as they are answered, for so many seconds. */
export async function underLoad(place: Place, seconds: number): Promise<UnderLoad> {
	const { spec } = await core.readNamespacedService({ namespace: place.namespace, name: place.release });
	const loads: Load[] = Object.entries(clients).map(([server, count]) =>
		startLoad({ url: `http://${spec?.clusterIP}/${server}`, clients: count }),
	);
	const loaded = new Map<string, Taken>();
	const begun = performance.now();
	// The kubelet looks by itself every ten seconds or so, and takes a moment to tell.
	while (performance.now() - begun < seconds * 1000) {
		await sleep(lookMs);
		for (const [name, now] of await memoryOf(place)) {
			const most = loaded.get(name) ?? now;
			const of = (key: keyof Taken) => Math.max(most[key], now[key]);
			loaded.set(name, { workingSet: of("workingSet"), rss: of("rss") });
		}
	}
	const took = (performance.now() - begun) / 1000;
	const results = await Promise.all(loads.map((load) => load.stop()));
	return {
		loaded,
		perSecond: results.reduce((sum, { sent }) => sum + sent, 0) / took,
		failed: results.reduce((sum, { failures }) => sum + failures.length, 0),
	};
}

/** What each kind of container takes now. */
export async function memoryOf({ request, namespace, release, stdio }: Place): Promise<Memory> {
	const memory = new Map<string, Taken>();
	const note = (name: string, { workingSet, rss }: Taken) => {
		const before = memory.get(name);
		if (before === undefined || before.workingSet < workingSet) memory.set(name, { workingSet, rss });
	};
	const all = await memoryIn(request, namespace);
	// In the order of the tables.
	for (const one of all.toSorted((a, b) => (a.pod < b.pod ? -1 : 1))) {
		if (one.pod.startsWith(`${release}-control-plane-`)) note("control plane", one);
		else if (one.pod.startsWith(`${release}-envoy-`)) note("Envoy", one);
		else if (one.pod.startsWith(`${stdio}-`)) note("stdio server with the bridge", one);
	}
	const bridge = (await processesIn(namespace, stdio)).filter(({ command }) => command.includes("/mcp-bridge/"));
	const rss = bridge.reduce((sum, one) => sum + one.rss, 0);
	memory.set("… its bridge alone", { workingSet: Number.NaN, rss });
	return memory;
}

/** Commands of a pod's processes and their anonymous memory in MB; the image has a shell. */
async function processesIn(namespace: string, deployment: string) {
	const script = 'for p in /proc/[0-9]*; do echo "$(grep RssAnon $p/status) $(tr "\\0" " " <$p/cmdline)"; done';
	const told = await kubectl(["exec", "-n", namespace, `deployment/${deployment}`, "--", "sh", "-c", script]);
	return [...told.matchAll(/^RssAnon:\s+(\d+) kB (.*)$/gm)].map(([, kilobytes, command = ""]) => ({
		rss: Number(kilobytes) / 1024,
		command,
	}));
}
