import type { Autoscale } from "../../registry/model.ts";
import type { OwnedKinds } from "../contract.ts";
import { metadata, type ObjectIdentity } from "./identity.ts";

/** Scales a server by the CPU of its pods: https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/ */
export function autoscaler(
	{ min, max, cpu }: Autoscale,
	identity: ObjectIdentity,
): OwnedKinds["HorizontalPodAutoscaler"] {
	return {
		apiVersion: "autoscaling/v2",
		kind: "HorizontalPodAutoscaler",
		metadata: metadata(identity),
		spec: {
			scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: identity.name },
			minReplicas: min,
			maxReplicas: max,
			metrics: [
				{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: cpu } } },
			],
		},
	};
}
