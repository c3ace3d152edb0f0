import type { V1Pod } from "@kubernetes/client-node";
import type { ApiRequest } from "../../control-plane/kubernetes/api-server.ts";
import { core } from "../cluster/support/kube.ts";

/** Memory of a container in MB, as its kubelet tells it. */
export interface ContainerMemory {
	readonly pod: string;
	readonly container: string;
	/** What an eviction goes by: all that is charged to it, without pages of files that were not used lately. */
	readonly workingSet: number;
	readonly rss: number;
}

/** https://pkg.go.dev/k8s.io/kubelet/pkg/apis/stats/v1alpha1#Summary */
interface Summary {
	readonly pods: readonly {
		readonly podRef: { readonly name: string; readonly namespace: string };
		readonly containers?: readonly {
			readonly name: string;
			readonly memory?: { readonly workingSetBytes?: number; readonly rssBytes?: number };
		}[];
	}[];
}

/** Memory of all containers in a namespace, now. */
export async function memoryIn(request: ApiRequest, namespace: string): Promise<readonly ContainerMemory[]> {
	const nodes = (await core.listNode()).items.map(({ metadata }) => metadata?.name ?? "");
	const summaries = nodes.map((node) =>
		request("GET", `/api/v1/nodes/${node}/proxy/stats/summary`, { query: { only_cpu_and_memory: "true" } }),
	);
	const pods = (await Promise.all(summaries)).flatMap((summary) => (summary as Summary).pods);
	return pods
		.filter(({ podRef }) => podRef.namespace === namespace)
		.flatMap(({ podRef, containers = [] }) =>
			containers.map(({ name, memory = {} }) => ({
				pod: podRef.name,
				container: name,
				workingSet: (memory.workingSetBytes ?? 0) / 1024 ** 2,
				rss: (memory.rssBytes ?? 0) / 1024 ** 2,
			})),
		);
}

/** Seconds of a container's start, or of an init container's whole run. Kubernetes keeps whole seconds. */
export interface ContainerStart {
	readonly container: string;
	readonly seconds: number;
}

/** Each container of a ready pod from its start until it was ready, init containers until they ended, and the pod itself. */
export function startsOf({ metadata, status }: V1Pod): readonly ContainerStart[] {
	const ready = status?.conditions?.find(({ type, status: is }) => type === "Ready" && is === "True");
	const seconds = (from?: Date, to?: Date) => (Number(to) - Number(from)) / 1000;
	const init = (status?.initContainerStatuses ?? []).map(({ name, state }) => ({
		container: `init ${name}`,
		seconds: seconds(state?.terminated?.startedAt, state?.terminated?.finishedAt),
	}));
	const others = (status?.containerStatuses ?? []).map(({ name, state }) => ({
		container: name,
		seconds: seconds(state?.running?.startedAt, ready?.lastTransitionTime),
	}));
	return [
		...init,
		...others,
		{ container: "pod", seconds: seconds(metadata?.creationTimestamp, ready?.lastTransitionTime) },
	];
}
