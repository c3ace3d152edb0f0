import type { V1ContainerStatus, V1Pod } from "@kubernetes/client-node";
import { core } from "./kube.ts";

const lastLines = 15;

/** What a person would ask for when a test fails: the pods of a namespace, their containers' last lines, and events. */
export async function describePods(namespace: string): Promise<string> {
	const pods = (await core.listNamespacedPod({ namespace })).items;
	const events = (await core.listNamespacedEvent({ namespace })).items;
	const described = await Promise.all(pods.map(describe));
	const living = new Set(pods.map(({ metadata }) => metadata?.name));
	const telling = events.filter(({ type, involvedObject }) => type === "Warning" || living.has(involvedObject.name));
	const told = telling.map(({ involvedObject, reason, message }) => `${involvedObject.name}: ${reason}: ${message}`);
	return [`--- pods of ${namespace}`, ...described, `--- events of ${namespace}`, ...told].join("\n");
}

async function describe({ metadata, status }: V1Pod): Promise<string> {
	const { name = "", namespace = "", deletionTimestamp } = metadata ?? {};
	const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
	const logs = await Promise.all(
		containers.map(async (container) => {
			const log = await core
				.readNamespacedPodLog({ namespace, name, container: container.name, tailLines: lastLines })
				.catch(() => "(no log)");
			return `  ${describeContainer(container)}\n${log.replace(/^(?=.)/gm, "    ")}`;
		}),
	);
	const ending = deletionTimestamp === undefined ? "" : ", ending";
	return [`${name}: ${status?.phase}${ending}, ${status?.podIP ?? "no address"}`, ...logs].join("\n");
}

function describeContainer({ name, ready, restartCount, state }: V1ContainerStatus): string {
	const { waiting, terminated } = state ?? {};
	const why =
		waiting !== undefined
			? `waiting: ${waiting.reason} ${waiting.message ?? ""}`
			: terminated !== undefined
				? `ended: ${terminated.reason}, code ${terminated.exitCode}`
				: "running";
	return `${name}: ${ready ? "ready, " : ""}${why}, ${restartCount} restarts`;
}
