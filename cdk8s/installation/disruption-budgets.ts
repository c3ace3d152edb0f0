import type { V1PodDisruptionBudget } from "@kubernetes/client-node";
import { metadata, selectorLabels } from "./identity.ts";
import type { Installation } from "./installation.ts";

/** Nodes that are drained take the pods of a component one by one. */
export function disruptionBudgets(installation: Installation): readonly V1PodDisruptionBudget[] {
	return (["control-plane", "envoy"] as const).map((component) => ({
		apiVersion: "policy/v1",
		kind: "PodDisruptionBudget",
		metadata: metadata(installation, component, `-${component}`),
		spec: {
			maxUnavailable: 1,
			unhealthyPodEvictionPolicy: "AlwaysAllow",
			selector: { matchLabels: selectorLabels(installation, component) },
		},
	}));
}
