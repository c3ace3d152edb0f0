/** What the pods of control plane and Envoys have in common. */
import type { V1Container, V1PodSpec, V1ResourceRequirements, V1SecurityContext } from "@kubernetes/client-node";
import { type Component, filled, selectorLabels } from "./identity.ts";
import type { Installation } from "./installation.ts";
import type { PodValues } from "./values.ts";

/** What every container of ours may do: nothing. The Pod Security level is `restricted`. */
export function containerSecurity(user: number): V1SecurityContext {
	return {
		runAsNonRoot: true,
		runAsUser: user,
		runAsGroup: user,
		readOnlyRootFilesystem: true,
		allowPrivilegeEscalation: false,
		capabilities: { drop: ["ALL"] },
		seccompProfile: { type: "RuntimeDefault" },
	};
}

/** A container of the control plane's image. */
export function gatewayContainer({ values: { image }, version }: Installation) {
	return {
		image: `${image.repository}:${image.tag || version}`,
		imagePullPolicy: image.pullPolicy,
		securityContext: containerSecurity(1000),
	} satisfies Partial<V1Container>;
}

/** What small containers of a moment get. */
export const smallResources: V1ResourceRequirements = {
	requests: { cpu: "50m", memory: "96Mi" },
	limits: { memory: "256Mi" },
};

/** `token`: whether the pod gets one for the API server. */
export function podBasics({ values, release }: Installation, component: Component, token: boolean) {
	return {
		automountServiceAccountToken: token,
		enableServiceLinks: false,
		...filled({ imagePullSecrets: values.imagePullSecrets }),
		serviceAccountName: `${release}-${component}`,
	} satisfies Partial<V1PodSpec>;
}

const spreadOver = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"];

/** Where pods of a component go: apart from each other where there is room. */
export function placement(installation: Installation, component: Component, values: PodValues) {
	const { nodeSelector, tolerations, affinity, priorityClassName } = values;
	return {
		topologySpreadConstraints: spreadOver.map((topologyKey) => ({
			topologyKey,
			maxSkew: 1,
			whenUnsatisfiable: "ScheduleAnyway",
			matchLabelKeys: ["pod-template-hash"],
			labelSelector: { matchLabels: selectorLabels(installation, component) },
		})),
		...filled({ nodeSelector, tolerations, affinity, priorityClassName }),
	} satisfies Partial<V1PodSpec>;
}
