import type { V1Deployment, V1Service, V2HorizontalPodAutoscaler } from "@kubernetes/client-node";
import { expect, test } from "vitest";
import { objectConditions } from "../../../control-plane/kubernetes/write/object-conditions.ts";

const metadata = { name: "docs", namespace: "mcp" };

function deployment(replicas: number, readyReplicas: number, failure?: string): V1Deployment {
	const conditions = failure === undefined ? [] : [{ type: "ReplicaFailure", status: "True", message: failure }];
	const spec = { replicas, selector: {}, template: {} };
	return { metadata, spec, status: { readyReplicas, conditions } };
}

function autoscaler(status: "True" | "False", message?: string): V2HorizontalPodAutoscaler {
	const condition = { type: "ScalingActive", status, reason: "FailedGetResourceMetric", ...(message && { message }) };
	const spec = { maxReplicas: 3, scaleTargetRef: { kind: "Deployment", name: "docs" } };
	return { metadata, spec, status: { desiredReplicas: 1, conditions: [condition] } };
}

function told(made: V1Deployment, scaler?: V2HorizontalPodAutoscaler) {
	return objectConditions([
		{ kind: "Deployment", object: made },
		...(scaler === undefined ? [] : [{ kind: "HorizontalPodAutoscaler" as const, object: scaler }]),
	]).map(({ reason, message }) => `${reason} ${message}`);
}

test("objects that are well tell nothing", () => {
	expect(objectConditions([])).toEqual([]);
	expect(told(deployment(1, 1), autoscaler("True"))).toEqual([]);
});

test("pods that cannot be made, with the quota by name", () => {
	expect(told(deployment(2, 1, "exceeded quota: q"))).toEqual([
		"quota The quota of namespace mcp leaves no room for pods: exceeded quota: q",
	]);
	expect(told(deployment(2, 1, "no account"))).toEqual(["pods_failing Pods cannot be made: no account"]);
});

test("an autoscaler that does nothing, unless there is no pod yet whose metrics it could have", () => {
	expect(told(deployment(2, 1), autoscaler("False", "no metrics"))).toEqual([
		"autoscaler_failing The autoscaler does not scale: no metrics",
	]);
	expect(told(deployment(2, 1), autoscaler("False"))).toEqual([
		"autoscaler_failing The autoscaler does not scale: FailedGetResourceMetric",
	]);
	expect(told(deployment(2, 0), autoscaler("False", "no metrics"))).toEqual([]);
	expect(told(deployment(0, 0), autoscaler("False", "it has no pods"))).toEqual([
		"autoscaler_failing The autoscaler does not scale: it has no pods",
	]);
});

test("what is being deleted, and who holds it", () => {
	const service = (more: object): V1Service => ({ metadata: { ...metadata, ...more } });
	const one = (object: V1Service) => objectConditions([{ kind: "Service", object }]);
	expect(one(service({ deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["a/b", "c"] }))).toEqual([
		{
			reason: "terminating",
			message:
				"Service docs in namespace mcp is being deleted, and is made anew once it is gone. Its finalizers hold it: a/b, c.",
		},
	]);
	expect(one(service({ deletionTimestamp: "2026-01-01T00:00:00Z" }))[0]?.message).toMatch(/once it is gone\.$/);
	expect(one(service({ finalizers: ["a/b"] }))).toEqual([]);
});
