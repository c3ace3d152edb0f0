import type { V1Pod } from "@kubernetes/client-node";
import type { KubernetesServer } from "../../registry/model.ts";
import type { ApiServer } from "../api-server.ts";
import type { ClusterCache, Condition, KubernetesStatus, PodStatus } from "../contract.ts";
import { listPath } from "../watch/watched-kinds.ts";
import { crashLog } from "./crash-log.ts";
import type { ServiceName } from "./discovery.ts";
import { podStatus, podsOfSlices, sorted } from "./pods.ts";

/** Which server is asked about, and where its objects are. */
interface Asked {
	readonly server: KubernetesServer;
	readonly place: ServiceName;
	readonly cache: ClusterCache;
}

/** What is known of a server's pods without asking anyone. */
export function serverStatus({
	server,
	place: { namespace, name },
	cache,
	conditions,
}: Asked & { readonly conditions: readonly Condition[] }): KubernetesStatus {
	const deployment = server.manage ? cache.get("Deployment", namespace, name) : undefined;
	return {
		namespace,
		name,
		managed: server.manage,
		via: server.via,
		...(deployment === undefined
			? {}
			: { replicas: { wanted: deployment.spec?.replicas ?? 1, ready: deployment.status?.readyReplicas ?? 0 } }),
		conditions,
		pods: server.manage
			? sorted(cache.pods(namespace, name).map(podStatus))
			: podsOfSlices(cache.slices(namespace, name), namespace),
	};
}

/** The same pods with the last words of those that crashed; those of a Service of others are asked for. */
export async function describePods({
	server,
	place: { namespace, name },
	cache,
	api,
	signal,
}: Asked & { readonly api: ApiServer; readonly signal: AbortSignal }): Promise<readonly PodStatus[]> {
	const pods = server.manage
		? cache.pods(namespace, name)
		: await podsOfService({ namespace, name }, cache, api, signal);
	if (pods === undefined) return podsOfSlices(cache.slices(namespace, name), namespace);
	const described = pods.map(async (pod): Promise<PodStatus> => {
		const lastLines = await crashLog(api, pod, signal);
		return { ...podStatus(pod), ...(lastLines === undefined ? {} : { lastLines }) };
	});
	return sorted(await Promise.all(described));
}

/** Pods that a Service selects; undefined where it selects none, or the gateway may not see them. */
async function podsOfService(
	{ namespace, name }: ServiceName,
	cache: ClusterCache,
	api: ApiServer,
	signal: AbortSignal,
): Promise<readonly V1Pod[] | undefined> {
	const selector = Object.entries(cache.service(namespace, name)?.spec?.selector ?? {});
	if (selector.length === 0) return undefined;
	const labelSelector = selector.map(([label, value]) => `${label}=${value}`).join(",");
	try {
		const text = await api.text(
			listPath("Pod", namespace),
			{ labelSelector, limit: "100" },
			{ signal, timeoutMs: 2000 },
		);
		return (JSON.parse(text) as { items?: V1Pod[] }).items ?? [];
	} catch {
		return undefined;
	}
}
