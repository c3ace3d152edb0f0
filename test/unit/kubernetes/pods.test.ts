import type { V1ContainerStatus, V1EndpointSlice, V1Pod, V1PodStatus } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { crashedContainer, podStatus, podsOfSlices } from "../../../control-plane/kubernetes/discovery/pods.ts";

function container(state: V1ContainerStatus["state"], more: Partial<V1ContainerStatus> = {}): V1ContainerStatus {
	const base = { name: "server", image: "ghcr.io/acme/server:1", imageID: "", ready: false, restartCount: 0 };
	return { ...base, ...(state && { state }), ...more };
}

function pod(status: V1PodStatus, metadata: object = {}): V1Pod {
	return { metadata: { name: "p", namespace: "mcp", ...metadata }, spec: { nodeName: "n1", containers: [] }, status };
}

const waiting = (reason: string, message?: string) => container({ waiting: { reason, ...(message && { message }) } });
const scheduled = { type: "PodScheduled", status: "True" };
const ended = (exitCode: number, more: object = {}) => ({ terminated: { exitCode, ...more } });
const running = { running: {} };

describe("podStatus", () => {
	it("of a pod that is well", () => {
		const ready = pod({
			podIP: "10.0.0.1",
			conditions: [scheduled, { type: "Ready", status: "True" }],
			initContainerStatuses: [container(ended(0), { restartCount: 1 })],
			containerStatuses: [container(running, { restartCount: 2 })],
		});
		expect(podStatus(ready)).toEqual({
			name: "p",
			namespace: "mcp",
			address: "10.0.0.1",
			node: "n1",
			ready: true,
			terminating: false,
			restarts: 3,
		});
	});

	const hint = "set `runAsUser` to the number of a user that is not root";
	it.each<[string, V1PodStatus, string]>([
		[
			"an image that is nowhere",
			{ containerStatuses: [waiting("ImagePullBackOff", 'Back-off pulling image "x:1": not found')] },
			'image cannot be pulled: Back-off pulling image "x:1": not found',
		],
		[
			"without a message",
			{ containerStatuses: [waiting("ErrImagePull")] },
			"image cannot be pulled: ghcr.io/acme/server:1",
		],
		[
			"an image that may not be pulled",
			{ containerStatuses: [waiting("ErrImageNeverPull", "not present")] },
			"image cannot be pulled: not present",
		],
		["a bad name", { containerStatuses: [waiting("InvalidImageName", "bad")] }, "image cannot be pulled: bad"],
		[
			"an init container's image",
			{ initContainerStatuses: [waiting("ErrImagePull", "gone")], containerStatuses: [waiting("PodInitializing")] },
			"image cannot be pulled: gone",
		],
		[
			"a crash loop",
			{
				containerStatuses: [
					container({ waiting: { reason: "CrashLoopBackOff" } }, { lastState: ended(1, { reason: "Error" }) }),
				],
			},
			"crash loop, exit code 1",
		],
		["between two of its runs", { containerStatuses: [container(ended(2))] }, "crash loop, exit code 2"],
		[
			"a crash by a signal",
			{ containerStatuses: [container({ waiting: { reason: "CrashLoopBackOff" } }, { lastState: ended(139) })] },
			"crash loop, exit code 139 (signal 11)",
		],
		[
			"too little memory",
			{
				containerStatuses: [
					container({ waiting: { reason: "CrashLoopBackOff" } }, { lastState: ended(137, { reason: "OOMKilled" }) }),
				],
			},
			"crash loop, out of memory (raise `resources.limits.memory`)",
		],
		[
			"no node",
			{
				conditions: [
					{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/1 nodes: Insufficient cpu." },
				],
			},
			"unschedulable: 0/1 nodes: Insufficient cpu.",
		],
		[
			"an image of root",
			{
				containerStatuses: [
					waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
				],
			},
			`container server cannot be started: container has runAsNonRoot and image will run as root; ${hint}`,
		],
		[
			"a Secret that is not there",
			{ containerStatuses: [waiting("CreateContainerConfigError", 'secret "s" not found')] },
			'container server cannot be started: secret "s" not found',
		],
		[
			"a program that is not there",
			{ containerStatuses: [waiting("RunContainerError", "exec: x")] },
			"container server cannot be started: exec: x",
		],
		[
			"a readiness check that fails",
			{ containerStatuses: [container(running, { started: true })] },
			"its readiness check fails",
		],
		[
			"the same after a crash",
			{ containerStatuses: [container(running, { started: true, lastState: ended(1) })] },
			"its readiness check fails; it was started again after exit code 1",
		],
		[
			"a startup check that is under way",
			{ containerStatuses: [container(running, { started: false })] },
			"it is starting",
		],
		[
			"containers under way",
			{ conditions: [scheduled], containerStatuses: [waiting("ContainerCreating")] },
			"its containers are being created",
		],
		["nothing known", {}, "its containers are being created"],
		[
			"evicted",
			{ phase: "Failed", reason: "Evicted", message: "The node was low on resource: memory." },
			"evicted: The node was low on resource: memory.",
		],
	])("%s", (_name, status, problem) => {
		expect(podStatus(pod(status)).problem).toBe(problem);
	});

	it("of one that terminates names no problem", () => {
		const leaving = pod({ containerStatuses: [container(running)] }, { deletionTimestamp: "2026-01-01T00:00:00Z" });
		expect(podStatus(leaving)).toMatchObject({ terminating: true, ready: false });
		expect(podStatus(leaving).problem).toBeUndefined();
	});

	it("cuts what a kubelet repeats without end", () => {
		const long = podStatus(pod({ containerStatuses: [waiting("ErrImagePull", "no ".repeat(1000))] })).problem ?? "";
		expect(long.length).toBeLessThan(450);
	});
});

describe("crashedContainer", () => {
	it("is the first that failed, in the run that failed", () => {
		expect(crashedContainer(pod({ containerStatuses: [container(ended(1))] }))).toEqual({
			name: "server",
			previous: false,
		});
		const restarted = pod({
			initContainerStatuses: [container(ended(0), { name: "init" })],
			containerStatuses: [container(running, { lastState: ended(1) })],
		});
		expect(crashedContainer(restarted)).toEqual({ name: "server", previous: true });
		expect(crashedContainer(pod({ containerStatuses: [container(running)] }))).toBeUndefined();
	});
});

it("podsOfSlices tells of a Service's pods what its slices do", () => {
	const slice: V1EndpointSlice = {
		addressType: "IPv4",
		endpoints: [
			{ addresses: ["10.0.0.2"], nodeName: "n1", targetRef: { name: "b" }, conditions: { ready: true } },
			{ addresses: ["10.0.0.1"], targetRef: { name: "a" }, conditions: { ready: false } },
			{ addresses: ["10.0.0.3"], conditions: { ready: false, serving: true, terminating: true } },
		],
	};
	expect(
		podsOfSlices([slice], "mcp").map(({ name, ready, terminating, problem }) => [name, ready, terminating, problem]),
	).toEqual([
		["10.0.0.3", false, true, undefined],
		["a", false, false, "not ready"],
		["b", true, false, undefined],
	]);
});
