/** What a control plane has of Kubernetes but its Envoy: watches, Lease and reconciler, over a registry. */
import { pino } from "pino";
import { inject } from "vitest";
import { createApiServer } from "../../../control-plane/kubernetes/api-server.ts";
import { findCluster } from "../../../control-plane/kubernetes/connection.ts";
import type { ClusterCache } from "../../../control-plane/kubernetes/contract.ts";
import { createCharts } from "../../../control-plane/kubernetes/objects/chart.ts";
import { createClusterCache } from "../../../control-plane/kubernetes/watch/cache.ts";
import type { LeaseTimes } from "../../../control-plane/kubernetes/write/lease.ts";
import { startWriter, type Writer } from "../../../control-plane/kubernetes/write/writer.ts";
import { parseRegistry } from "../../../control-plane/registry/parse.ts";

/** An image that the cluster has, as values of an entry. */
export const testImage = { image: inject("images").http, imagePullPolicy: "Never" } as const;

export interface TestWriter extends Writer {
	readonly cache: ClusterCache;
	/** Lines of its log. */
	readonly log: readonly { readonly event?: string; readonly msg: string; readonly [key: string]: unknown }[];
	/** The registry, by id. */
	registry(entries: Readonly<Record<string, object>>): void;
	reasons(id: string): readonly string[];
}

export async function startTestWriter(given: {
	readonly gatewayName: string;
	readonly namespace: string;
	readonly kubeconfig?: string;
	readonly namespaces?: readonly string[];
	readonly leaseTimes?: LeaseTimes;
	readonly resyncMs?: number;
}): Promise<TestWriter> {
	const { gatewayName, namespace, kubeconfig, namespaces = [], ...times } = given;
	const lines: TestWriter["log"][number][] = [];
	const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
	const options = { env: process.env, ...(kubeconfig === undefined ? {} : { kubeconfig }) };
	const { kubeConfig } = await findCluster(options);
	const api = createApiServer(kubeConfig);
	const cache = createClusterCache({ api, owner: gatewayName, namespaces, log });
	const writer = startWriter({
		request: api.request,
		namespace,
		cache,
		gatewayName,
		charts: createCharts(),
		log,
		...times,
	});
	return {
		...writer,
		cache,
		log: lines,
		registry(entries) {
			const parsed = parseRegistry(JSON.stringify(entries), "registry.json");
			if (!parsed.ok) throw new Error(parsed.errors.map(({ message }) => message).join(" "));
			writer.setServers([...parsed.registry.servers.values()].filter((server) => server.type === "k8s"));
		},
		reasons: (id) => writer.conditions(id).map(({ reason }) => reason),
		async close() {
			await writer.close();
			await cache.close();
		},
	};
}
