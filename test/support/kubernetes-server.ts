import type { Discovery } from "../../control-plane/kubernetes/contract.ts";
import type { KubernetesServer } from "../../control-plane/registry/model.ts";

/** An entry of type k8s as the parser leaves one that says nothing but its chart. */
export function kubernetesServer(id: string, more: Partial<KubernetesServer> = {}): KubernetesServer {
	return { type: "k8s", id, manage: true, via: "endpoints", loadBalancer: "round-robin", values: {}, ...more };
}

/** What is found of any server where there is no cluster. */
export const noCluster: Discovery = { state: "missing", problem: "no cluster here" };
