import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { V1Pod } from "@kubernetes/client-node";
import type { ApiRequest } from "../../control-plane/kubernetes/api-server.ts";
import { ownCharts } from "../../control-plane/kubernetes/objects/chart.ts";
import type { Images } from "../cluster/images.ts";
import { eventually } from "../support/gateway.ts";
import { helm } from "../support/helm.ts";
import { type ImageLayers, imageLayers, type LayerSize, sizeOf } from "./image-size.ts";
import type { Memory, UnderLoad } from "./installation-memory.ts";
import type { ContainerStart } from "./kube-containers.ts";
import { median } from "./numbers.ts";
import type { BenchOptions, Section } from "./report.ts";

const title = "installation: the chart with two servers of type k8s, in the cluster of KUBECONFIG";

const release = "gw";

/** What is measured: which pods, and what they are called in the tables. */
const subjects = [
	{ name: "control plane", selector: "app.kubernetes.io/component=control-plane", pods: 2 },
	{ name: "Envoy", selector: "app.kubernetes.io/component=envoy", pods: 2 },
	{ name: "stdio server with the bridge", selector: "app.kubernetes.io/instance=py", pods: 1 },
] as const;

interface Measured {
	readonly sizes: readonly { readonly name: string; readonly all: LayerSize; readonly own: LayerSize | undefined }[];
	readonly starts: ReadonlyMap<string, readonly number[]>;
	readonly idle: Memory;
	readonly load: UnderLoad;
}

/** Sizes of the images, how long containers take to be ready, and what memory they take, idle and under load. */
export async function installation(options: BenchOptions): Promise<Section> {
	if (!process.env["KUBECONFIG"])
		return { title, rows: [["left out: KUBECONFIG names no cluster"]], bars: [], data: {} };
	// The client is of no use to the other sections, and not small.
	const { buildImages } = await import("../cluster/images.ts");
	const { connect, kubeConfig } = await import("../cluster/support/kube.ts");
	const { loadImages } = await import("../cluster/support/load-images.ts");
	const { createApiServer } = await import("../../control-plane/kubernetes/api-server.ts");
	const { makePlace } = await import("./kube-place.ts");
	const images = await buildImages(options.progress);
	const { gateway, envoy, bridge, http, python } = images;
	await loadImages([gateway, envoy, bridge, http, python], (await connect()).nodes, options.progress);
	const place = await makePlace();
	try {
		const { request } = createApiServer(kubeConfig);
		return section(await measure({ images, request, namespace: place.namespace }, options));
	} finally {
		await place.close();
	}
}

interface Ground {
	readonly images: Images;
	readonly request: ApiRequest;
	readonly namespace: string;
}

async function measure(ground: Ground, { quick, progress }: BenchOptions): Promise<Measured> {
	const { namespace } = ground;
	progress("installation: sizes of images");
	const sizes = await imageSizes(ground.images);
	const { memoryOf, underLoad } = await import("./installation-memory.ts");
	progress("installation: helm install");
	const folder = await mkdtemp(join(tmpdir(), "bench-values-"));
	try {
		await writeFile(join(folder, "values.json"), JSON.stringify(valuesOf(ground.images)));
		const [where, values] = [
			["--namespace", namespace],
			["--values", join(folder, "values.json")],
		];
		await helm("install", release, join(ownCharts, "mcp-gateway"), ...where, ...values, "--wait", "--timeout", "5m");
		for (const subject of subjects) await readyPods(ground, subject.selector, subject.pods);
		await readyPods(ground, "app.kubernetes.io/instance=web", 2);
		progress("installation: starts");
		const starts = await measureStarts(ground, quick ? 1 : 5);
		// What a process takes to start it gives back, or not, in the first minute.
		progress("installation: memory");
		await sleep(quick ? 15_000 : 90_000);
		const place = { ...ground, release, stdio: "py" };
		const idle = await memoryOf(place);
		const load = await underLoad(place, quick ? 15 : 30);
		await helm("uninstall", release, ...where, "--wait", "--timeout", "5m");
		return { sizes, starts, idle, load };
	} finally {
		await rm(folder, { recursive: true });
	}
}

function valuesOf(images: Images): object {
	const split = ({ reference }: { readonly reference: string }) => {
		const at = reference.lastIndexOf(":");
		return { repository: reference.slice(0, at), tag: reference.slice(at + 1) };
	};
	return {
		image: split(images.gateway),
		bridgeImage: split(images.bridge),
		envoy: { image: split(images.envoy), drainSeconds: 5 },
		registry: {
			web: { type: "k8s", image: images.http.reference, replicas: 2 },
			py: {
				...{ type: "k8s", transport: "stdio", image: images.python.reference },
				command: ["python3", "/app/stdio.py"],
			},
		},
	};
}

async function imageSizes({ gateway, bridge, envoy, http }: Images): Promise<Measured["sizes"]> {
	const base = await imageLayers(http.tar);
	const size = (name: string, layers: ImageLayers, without?: ImageLayers) => ({
		...{ name, all: sizeOf(layers) },
		own: without === undefined ? undefined : sizeOf(layers, without),
	});
	return [
		size("control plane", await imageLayers(gateway.tar), base),
		size("bridge, which has no base", await imageLayers(bridge.tar)),
		size("Envoy", await imageLayers(envoy.tar)),
	];
}

/** Pods that are not about to end. */
async function podsOf({ namespace }: Ground, labelSelector: string): Promise<readonly V1Pod[]> {
	const { core } = await import("../cluster/support/kube.ts");
	const { items } = await core.listNamespacedPod({ namespace, labelSelector });
	return items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
}

async function readyPods(ground: Ground, selector: string, count: number): Promise<readonly V1Pod[]> {
	let pods: readonly V1Pod[] = [];
	const ready = async () => {
		pods = await podsOf(ground, selector);
		const done = pods.filter(({ status }) =>
			status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True"),
		);
		return pods.length === count && done.length === count;
	};
	await eventually(`${count} ready pods ${selector}`, ready, 180_000);
	return pods;
}

/** Pods that start one after the other, each in place of one that is deleted. Seconds. */
async function measureStarts(ground: Ground, rounds: number): Promise<ReadonlyMap<string, readonly number[]>> {
	const { core } = await import("../cluster/support/kube.ts");
	const { startsOf } = await import("./kube-containers.ts");
	const found = new Map<string, number[]>();
	for (let round = 0; round < rounds; round++) {
		for (const { name, selector, pods } of subjects) {
			const before = new Set((await readyPods(ground, selector, pods)).map(({ metadata }) => metadata?.uid));
			const [victim] = await podsOf(ground, selector);
			await core.deleteNamespacedPod({ name: victim?.metadata?.name ?? "", namespace: ground.namespace });
			await eventually(`another pod ${selector}`, async () =>
				(await podsOf(ground, selector)).some(({ metadata }) => !before.has(metadata?.uid)),
			);
			const now = await readyPods(ground, selector, pods);
			const fresh = now.filter(({ metadata }) => !before.has(metadata?.uid));
			for (const { container, seconds } of fresh.flatMap((pod): readonly ContainerStart[] => startsOf(pod))) {
				const key = `${name}: ${container}`;
				found.set(key, [...(found.get(key) ?? []), seconds]);
			}
		}
	}
	return found;
}

function section(measured: Measured): Section {
	const { sizes, starts, idle, load } = measured;
	const mb = (bytes: number | undefined) => (bytes === undefined ? "" : (bytes / 1e6).toFixed(1));
	const memory = (taken: number | undefined) => (taken === undefined || Number.isNaN(taken) ? "" : taken.toFixed(0));
	return {
		title: `${title}; load: ${load.perSecond.toFixed(0)} requests/s, ${load.failed} failed`,
		rows: [
			["image, MB", "unpacked", "packed", "without its base", "packed"],
			...sizes.map(({ name, all, own }) => [
				...[name, mb(all.unpacked), mb(all.packed), mb(own?.unpacked), mb(own?.packed)],
			]),
			[],
			["start to ready, s", "least", "median", "most", "count"],
			...[...starts].map(([name, all]) => [
				...[name, `${Math.min(...all)}`, `${median(all)}`, `${Math.max(...all)}`, `${all.length}`],
			]),
			[],
			["memory, MB", "idle: working set", "anonymous", "under load: working set", "anonymous"],
			...[...idle].map(([name, { workingSet, rss }]) => {
				const most = load.loaded.get(name);
				return [name, memory(workingSet), memory(rss), memory(most?.workingSet), memory(most?.rss)];
			}),
		],
		bars: [],
		data: {
			sizes,
			starts: Object.fromEntries(starts),
			idle: Object.fromEntries(idle),
			loaded: Object.fromEntries(load.loaded),
			perSecond: load.perSecond,
			failed: load.failed,
		},
	};
}
