/** What the objects of a server tell of themselves, in words that say what to do. */
import type { V1Deployment, V2HorizontalPodAutoscaler } from "@kubernetes/client-node";
import type { Condition } from "../contract.ts";
import { refOf } from "./object-ref.ts";
import type { Actual } from "./plan.ts";

/** What a person must know of a server's objects as they are in the cluster; empty where all is well. */
export function objectConditions(objects: readonly Actual[]): readonly Condition[] {
	const of = (kind: Actual["kind"]) => objects.find((one) => one.kind === kind)?.object;
	const deployment = of("Deployment") as V1Deployment | undefined;
	const autoscaler = of("HorizontalPodAutoscaler") as V2HorizontalPodAutoscaler | undefined;
	return [
		...objects.flatMap((one) => goingCondition(one) ?? []),
		...(deployment === undefined ? [] : deploymentConditions(deployment)),
		...(deployment === undefined || autoscaler === undefined ? [] : autoscalerConditions(autoscaler, deployment)),
	];
}

/** What is on its way out is made anew when whoever holds it up has let go. */
function goingCondition({ kind, object }: Actual): Condition | undefined {
	const { deletionTimestamp, finalizers = [] } = object.metadata ?? {};
	if (deletionTimestamp === undefined) return undefined;
	const { name, namespace } = refOf(kind, object);
	const held = finalizers.length === 0 ? "" : ` Its finalizers hold it: ${finalizers.join(", ")}.`;
	const message = `${kind} ${name} in namespace ${namespace} is being deleted, and is made anew once it is gone.${held}`;
	return { reason: "terminating", message };
}

/** What Kubernetes itself says of a Deployment whose pods cannot be made. */
function deploymentConditions({ status, metadata }: V1Deployment): readonly Condition[] {
	return (status?.conditions ?? [])
		.filter(({ type, status: is }) => type === "ReplicaFailure" && is === "True")
		.map(({ message = "" }) =>
			/exceeded quota/.test(message)
				? {
						reason: "quota",
						message: `The quota of namespace ${metadata?.namespace} leaves no room for pods: ${message}`,
					}
				: { reason: "pods_failing", message: `Pods cannot be made: ${message}` },
		);
}

/** Why an autoscaler does nothing; most often there are no metrics. */
function autoscalerConditions(
	{ status }: V2HorizontalPodAutoscaler,
	{ spec, status: pods }: V1Deployment,
): Condition[] {
	// Before a pod is ready there are no metrics of any, and why it is not ready tells more.
	if ((pods?.readyReplicas ?? 0) === 0 && spec?.replicas !== 0) return [];
	return (status?.conditions ?? [])
		.filter(({ type, status: is }) => type === "ScalingActive" && is === "False")
		.map(({ message = "", reason = "" }) => ({
			reason: "autoscaler_failing",
			message: `The autoscaler does not scale: ${message || reason}`,
		}));
}
