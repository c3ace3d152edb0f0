import { buildImages } from "../cluster/images.ts";
import { apps, connect, kubeConfig } from "../cluster/support/kube.ts";
import { loadImages } from "../cluster/support/load-images.ts";
import { eventually } from "../support/gateway.ts";
import { Connection } from "./connection.ts";
import { makePlace } from "./kube-place.ts";
import { watchSlices } from "./kube-slices.ts";
import { modernCallBytes, toolCall } from "./mcp-request.ts";
import type { BenchOptions } from "./report.ts";

/** Pods at the least and at the most; each step between them is a scaling. */
const [least, most] = [1, 6];
const clients = 2;

/** Milliseconds from the event that says that a pod is ready to the answer of its first request, for each scaling. */
export async function firstRequests({ quick, progress }: BenchOptions): Promise<readonly number[]> {
	progress("kubernetes: images");
	const images = await buildImages(progress);
	await loadImages([images.http], (await connect()).nodes, progress);
	const place = await makePlace();
	const { namespace } = place;
	const slices = watchSlices(kubeConfig, namespace);
	const name = "server";
	const seen = new Map<string, number>();
	let stopped = false;
	try {
		const registry = { [name]: { type: "k8s", chart: "bench", namespace, drainSeconds: 0 } };
		const probes = { readiness: { tcpSocket: { port: "mcp" }, periodSeconds: 1 } };
		const gateway = await place.start(registry, { image: images.http.reference, probes });
		const scale = async (replicas: number) => {
			await apps.replaceNamespacedDeploymentScale({
				...{ name, namespace },
				body: { metadata: { name, namespace }, spec: { replicas } },
			});
		};
		const polls = Array.from({ length: clients }, () =>
			poll(Number(new URL(gateway.url).port), name, seen, () => stopped),
		);
		await slices.until(name, (ready) => ready.size === least);
		const times: number[] = [];
		const count = quick ? 10 : 50;
		for (let pods = least; times.length < count; ) {
			if (pods === most) {
				pods = least;
				await scale(pods);
				await slices.until(name, (ready) => ready.size === least);
			}
			progress(`kubernetes: scaling ${times.length + 1} of ${count}`);
			const before = slices.ready(name);
			await scale(++pods);
			const at = await slices.until(name, (ready) => ready.size === pods);
			const [fresh = ""] = [...slices.ready(name).keys()].filter((pod) => !before.has(pod));
			await eventually(`a request at ${fresh}`, () => seen.has(fresh));
			times.push((seen.get(fresh) ?? 0) - at);
		}
		stopped = true;
		await Promise.all(polls);
		return times;
	} finally {
		stopped = true;
		await slices.close();
		await place.close();
	}
}

/** Asks again and again who answers, and notes when each pod did first. */
async function poll(port: number, name: string, seen: Map<string, number>, stopped: () => boolean): Promise<void> {
	const connection = new Connection(port);
	const whoami = { ...toolCall, params: { name: "whoami", arguments: {} } };
	const bytes = modernCallBytes(`/${name}`, whoami);
	while (!stopped()) {
		const answer = await connection.request(bytes);
		const pod = /\\"pod\\":\\"([^"\\]+)/.exec(answer?.body.toString() ?? "")?.[1];
		if (pod !== undefined && !seen.has(pod)) seen.set(pod, performance.now());
		// A loop of answers at once would keep timers and watches from running.
		await new Promise((resolve) => setTimeout(resolve, 1));
	}
	connection.close();
}
