import type { OwnedKinds } from "../contract.ts";
import { selectorLabels } from "../names.ts";
import { metadata, type ObjectIdentity } from "./identity.ts";

/** A node that is drained takes a server's pods one by one. Pods that are broken anyway do not hold it up. */
export function disruptionBudget(identity: ObjectIdentity): OwnedKinds["PodDisruptionBudget"] {
	return {
		apiVersion: "policy/v1",
		kind: "PodDisruptionBudget",
		metadata: metadata(identity),
		spec: {
			maxUnavailable: 1,
			unhealthyPodEvictionPolicy: "AlwaysAllow",
			selector: { matchLabels: { ...selectorLabels(identity.name) } },
		},
	};
}
