import type { V1ServiceAccount } from "@kubernetes/client-node";
import { metadata } from "./identity.ts";
import type { Installation } from "./installation.ts";

/** Who the pods are. Only a control plane is given a token. */
export function accounts(installation: Installation): readonly V1ServiceAccount[] {
	return (["control-plane", "envoy"] as const).map((component) => ({
		apiVersion: "v1",
		kind: "ServiceAccount",
		metadata: metadata(installation, component, `-${component}`),
		automountServiceAccountToken: false,
	}));
}
