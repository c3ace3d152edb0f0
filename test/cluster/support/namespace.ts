import { randomBytes } from "node:crypto";
import type { KubernetesObject, V1Pod } from "@kubernetes/client-node";
import { afterAll, beforeAll, onTestFailed } from "vitest";
import { eventually } from "../../support/gateway.ts";
import { describePods } from "./describe-pods.ts";
import { apps, core, objects, refusal } from "./kube.ts";

/** A namespace of a test file's own, in which only pods of the Pod Security level `restricted` may run. */
export interface TestNamespace {
	readonly name: string;
	create(...all: readonly KubernetesObject[]): Promise<void>;
	/** Pods with these labels (`app=x`), those that are ending too. */
	pods(selector?: string): Promise<V1Pod[]>;
	/** Waits until the selector finds exactly `count` pods, all ready and none ending; the error describes them. */
	readyPods(selector: string, count: number, timeoutMs?: number): Promise<V1Pod[]>;
	/** Waits until a Deployment has all replicas of its last generation and no other. */
	rollout(deployment: string, timeoutMs?: number): Promise<void>;
	/** Ends a pod as Kubernetes does, or with so many seconds of grace; no error when it is gone already. */
	deletePod(name: string, graceSeconds?: number): Promise<void>;
	log(pod: string, container?: string): Promise<string>;
	/** Describes the namespace's pods when the test fails. Call it in a test or its `beforeEach`. */
	tellOnFailure(): void;
}

/** Makes a namespace before the file's tests and removes it after them. */
export function useNamespace(prefix: string): TestNamespace {
	const name = `${prefix}-${randomBytes(3).toString("hex")}`;
	beforeAll(async () => {
		const labels = { "mcp-gateway/test": "true", "pod-security.kubernetes.io/enforce": "restricted" };
		await core.createNamespace({ body: { metadata: { name, labels } } });
		// Pods are refused until the controller manager has made the account.
		await eventually(`service account of ${name}`, () =>
			core.readNamespacedServiceAccount({ namespace: name, name: "default" }).then(
				() => true,
				(error: unknown) => {
					if (refusal(error) === 404) return false;
					throw error;
				},
			),
		);
	});
	afterAll(async () => {
		await core.deleteNamespace({ name, gracePeriodSeconds: 0 });
	});
	return namespaceOf(name);
}

/** What there is to do in a namespace that somebody else makes and removes. */
export function namespaceOf(name: string): TestNamespace {
	const pods = async (selector?: string) =>
		(await core.listNamespacedPod({ namespace: name, ...(selector !== undefined && { labelSelector: selector }) }))
			.items;
	const described = async (what: string, condition: () => Promise<boolean>, timeoutMs: number) => {
		try {
			await eventually(what, condition, timeoutMs);
		} catch (error) {
			throw new Error(`${(error as Error).message}\n${await describePods(name)}`);
		}
	};
	return {
		name,
		async create(...all) {
			for (const one of all) await objects.create({ ...one, metadata: { namespace: name, ...one.metadata } });
		},
		pods,
		async readyPods(selector, count, timeoutMs = 60_000) {
			let found: V1Pod[] = [];
			const ready = async () => {
				found = await pods(selector);
				return found.length === count && found.every(isReady);
			};
			await described(`${count} ready pods ${selector}`, ready, timeoutMs);
			return found;
		},
		async rollout(deployment, timeoutMs = 120_000) {
			const done = async () => {
				const { metadata, spec, status } = await apps.readNamespacedDeployment({ namespace: name, name: deployment });
				const wanted = spec?.replicas ?? 1;
				return (
					status?.observedGeneration === metadata?.generation &&
					(status?.updatedReplicas ?? 0) === wanted &&
					(status?.readyReplicas ?? 0) === wanted &&
					(status?.replicas ?? 0) === wanted
				);
			};
			await described(`rollout of ${deployment}`, done, timeoutMs);
		},
		async deletePod(pod, graceSeconds) {
			const grace = graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds };
			await core.deleteNamespacedPod({ namespace: name, name: pod, ...grace }).catch((error: unknown) => {
				if (refusal(error) !== 404) throw error;
			});
		},
		log: (pod, container) =>
			core.readNamespacedPodLog({ namespace: name, name: pod, ...(container !== undefined && { container }) }),
		tellOnFailure() {
			onTestFailed(async () => console.error(await describePods(name)));
		},
	};
}

/** Gets traffic, and is not about to end. */
export function isReady({ metadata, status }: V1Pod): boolean {
	const ready = status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
	return ready && metadata?.deletionTimestamp === undefined;
}
