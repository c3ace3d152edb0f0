import { quantile } from "./numbers.ts";
import type { Bar, BenchOptions, Section } from "./report.ts";

const limitMs = 200;

/**
 * Pods that come, in the cluster that $KUBECONFIG says: with real nodes from a pod's EndpointSlice to its first request;
 * with nodes that kwok pretends, what many servers cost.
 */
export async function kubernetes(options: BenchOptions): Promise<Section> {
	const title = "kubernetes: pods that come";
	const none = (why: string): Section => ({ title, rows: [[why]], bars: [], data: {} });
	if (!process.env["KUBECONFIG"]) return none("left out: KUBECONFIG names no cluster");
	// The client is of no use to the other sections, and not small.
	const { kubeConfig } = await import("../cluster/support/kube.ts");
	const { createApiServer } = await import("../../control-plane/kubernetes/api-server.ts");
	const many = await import("./kube-many.ts");
	const fake = await many.fakeNodes(createApiServer(kubeConfig).request);
	if (fake.length > 0) return manySection(title, await many.manyServers(options));
	const { firstRequests } = await import("./kube-pods.ts");
	return podsSection(title, await firstRequests(options));
}

function podsSection(title: string, times: readonly number[]): Section {
	return {
		title: `${title}; many servers are for a cluster with nodes of kwok`,
		rows: [["ms", "p50", "p90", "p99", "max", "count"], row("from the EndpointSlice to the first request", times)],
		bars: [bar("EndpointSlice to first request", times)],
		data: { times },
	};
}

function manySection(title: string, measured: import("./kube-many.ts").ManyServers): Section {
	const { servers, pods, writtenMs, writes, rewrites, createdMs, readyMs, completeMs } = measured;
	const { megabytes, changes, cpuMs, requests, leases } = measured;
	const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
	const most = Math.max(...megabytes);
	return {
		title: `${title}; ${servers} servers of ${pods / servers} pods on nodes of kwok, first requests are for real nodes`,
		rows: [
			["ms", "p50", "p90", "p99", "max", "count"],
			row("from the EndpointSlice to Envoy", changes),
			[],
			["", "from nothing", "all there", "after the changes"],
			[`all objects are written (${writes} requests, ${rewrites} again)`, seconds(writtenMs), "", ""],
			["Envoy has all endpoints", seconds(createdMs), seconds(completeMs), ""],
			["ready", "", seconds(readyMs), ""],
			["control plane, MB", ...[megabytes[0], megabytes[2], megabytes[1]].map((mb) => mb.toFixed(0))],
			[],
			["control plane's CPU for a change, ms", cpuMs.toFixed(1)],
			["requests to the API server during the changes", String(requests.length), ...new Set(requests.slice(0, 3))],
			["… of the Lease", String(leases)],
		],
		bars: [
			bar("EndpointSlice to Envoy", changes),
			{ name: "control plane's memory", measured: `${most.toFixed(0)} MB`, bar: "< 500 MB", met: most < 500 },
			{
				name: "requests beside watches, for a change",
				measured: (requests.length / changes.length).toFixed(2),
				bar: "0",
				met: requests.length === 0,
			},
		],
		data: measured,
	};
}

function row(name: string, values: readonly number[]): string[] {
	return [name, ...[0.5, 0.9, 0.99, 1].map((q) => quantile(values, q).toFixed(1)), String(values.length)];
}

function bar(name: string, values: readonly number[]): Bar {
	const p99 = quantile(values, 0.99);
	return { name: `${name}, p99`, measured: `${p99.toFixed(1)} ms`, bar: `≤ ${limitMs} ms`, met: p99 <= limitMs };
}
