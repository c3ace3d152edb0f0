import type { V1ContainerState, V1ContainerStatus, V1EndpointSlice, V1Pod } from "@kubernetes/client-node";
import type { PodStatus } from "../contract.ts";

/** Kubernetes' reasons for an image that is not there: https://pkg.go.dev/k8s.io/kubernetes/pkg/kubelet/images */
const imageReasons = new Set([
	"ErrImagePull",
	"ImagePullBackOff",
	"ErrImageNeverPull",
	"InvalidImageName",
	"ImageInspectError",
	"RegistryUnavailable",
]);

/** Messages of the kubelet repeat themselves; the first words tell. */
const longest = 400;

/** A pod as it is shown. */
export function podStatus(pod: V1Pod): PodStatus {
	const { metadata, spec, status } = pod;
	const ready = isReady(pod);
	const terminating = metadata?.deletionTimestamp !== undefined;
	const problem = ready || terminating ? undefined : podProblem(pod);
	return {
		name: metadata?.name ?? "",
		namespace: metadata?.namespace ?? "",
		...(status?.podIP ? { address: status.podIP } : {}),
		...(spec?.nodeName ? { node: spec.nodeName } : {}),
		ready,
		terminating,
		restarts: containers(pod).reduce((sum, { restartCount }) => sum + restartCount, 0),
		...(problem === undefined ? {} : { problem: shortened(problem) }),
	};
}

/** The container whose previous run may tell why a pod is not ready; undefined where none has ended. */
export function crashedContainer(pod: V1Pod): { readonly name: string; readonly previous: boolean } | undefined {
	for (const { name, state, lastState } of containers(pod)) {
		if (failed(state?.terminated)) return { name, previous: false };
		if (failed(lastState?.terminated)) return { name, previous: true };
	}
	return undefined;
}

/** Pods of a Service as its slices tell of them: all that is known of a server that the gateway does not manage. */
export function podsOfSlices(slices: readonly V1EndpointSlice[], namespace: string): readonly PodStatus[] {
	const found = new Map<string, PodStatus>();
	for (const { endpoints } of slices) {
		for (const { targetRef, addresses, nodeName, conditions } of endpoints ?? []) {
			const [address = ""] = addresses;
			const name = targetRef?.name ?? address;
			if (found.has(name)) continue;
			const terminating = conditions?.terminating === true;
			found.set(name, {
				name,
				namespace,
				address,
				...(nodeName ? { node: nodeName } : {}),
				ready: !terminating && conditions?.ready !== false,
				terminating,
				restarts: 0,
				...(conditions?.ready === false && !terminating ? { problem: "not ready" } : {}),
			});
		}
	}
	return sorted([...found.values()]);
}

/** By name, so that the same pods are the same list. */
export function sorted(pods: readonly PodStatus[]): readonly PodStatus[] {
	return pods.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function isReady({ status }: V1Pod): boolean {
	return status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") ?? false;
}

/** In the order in which they run. */
function containers({ status }: V1Pod): readonly V1ContainerStatus[] {
	return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
}

/** Why a pod is not ready, in the order in which a pod comes to be. */
function podProblem(pod: V1Pod): string {
	const { status } = pod;
	if (status?.reason === "Evicted" || status?.phase === "Failed") {
		return `${(status.reason ?? "failed").toLowerCase()}: ${status.message ?? exitOf(containers(pod).find(({ state }) => failed(state?.terminated))?.state) ?? "no reason is known"}`;
	}
	const scheduled = status?.conditions?.find(({ type }) => type === "PodScheduled");
	if (scheduled?.status === "False")
		return `unschedulable: ${scheduled.message ?? scheduled.reason ?? "no reason is known"}`;
	for (const container of containers(pod)) {
		const problem = containerProblem(container);
		if (problem !== undefined) return problem;
	}
	const starting = containers(pod).find(({ state }) => state?.waiting !== undefined);
	if (starting !== undefined || containers(pod).length === 0) return "its containers are being created";
	return unready(pod);
}

/** What stands in the way of one container; undefined where it runs, has done its work, or is only being created. */
function containerProblem({ state, lastState, image, name }: V1ContainerStatus): string | undefined {
	const { reason = "", message } = state?.waiting ?? {};
	if (imageReasons.has(reason)) return `image cannot be pulled: ${message ?? image}`;
	if (reason === "CrashLoopBackOff") return `crash loop, ${exitOf(lastState) ?? message ?? "no exit code is known"}`;
	if (/^(Create|Run)Container(Config)?Error$|^PreCreateHookError$|^PostStartHookError$/.test(reason)) {
		const hint = /runAsNonRoot/.test(message ?? "") ? "; set `runAsUser` to the number of a user that is not root" : "";
		return `container ${name} cannot be started: ${message ?? reason}${hint}`;
	}
	// Between two runs of a crash loop.
	if (failed(state?.terminated)) return `crash loop, ${exitOf(state)}`;
	return undefined;
}

/** All run, but not all are ready. */
function unready(pod: V1Pod): string {
	const waiting = containers(pod).filter(({ ready, state }) => !ready && state?.running !== undefined);
	const crashed = waiting.find(({ lastState }) => failed(lastState?.terminated));
	const since = crashed === undefined ? "" : `; it was started again after ${exitOf(crashed.lastState)}`;
	if (waiting.some(({ started }) => started === false)) return `it is starting${since}`;
	const gate = pod.status?.conditions?.find(({ type, status }) => type === "Ready" && status === "False");
	if (waiting.length === 0) return gate?.message ?? "not ready";
	return `its readiness check fails${since}`;
}

type Terminated = V1ContainerState["terminated"];

function failed(terminated: Terminated): boolean {
	return terminated !== undefined && (terminated.exitCode !== 0 || Boolean(terminated.signal));
}

function exitOf(state: V1ContainerState | undefined): string | undefined {
	const { terminated } = state ?? {};
	if (terminated === undefined) return undefined;
	const { exitCode, signal, reason } = terminated;
	if (reason === "OOMKilled") return "out of memory (raise `resources.limits.memory`)";
	if (signal) return `killed by signal ${signal}`;
	return `exit code ${exitCode}${exitCode > 128 && exitCode < 160 ? ` (signal ${exitCode - 128})` : ""}`;
}

function shortened(text: string): string {
	const line = text.replace(/\s+/g, " ").trim();
	return line.length > longest ? `${line.slice(0, longest)}…` : line;
}
