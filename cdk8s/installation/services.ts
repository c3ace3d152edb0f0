import type { V1Service } from "@kubernetes/client-node";
import { filled, metadata, selectorLabels } from "./identity.ts";
import type { Installation } from "./installation.ts";

/** What clients connect to. */
export function gatewayService(installation: Installation): V1Service {
	const { values, scheme, port } = installation;
	const { type, nodePort, annotations, labels, ...balancer } = values.service;
	const { loadBalancerClass, loadBalancerSourceRanges, externalTrafficPolicy } = balancer;
	const own = metadata(installation, "envoy", "");
	return {
		apiVersion: "v1",
		kind: "Service",
		metadata: { ...own, labels: { ...own.labels, ...labels }, ...filled({ annotations }) },
		spec: {
			type,
			...filled({ loadBalancerClass, loadBalancerSourceRanges, externalTrafficPolicy }),
			selector: selectorLabels(installation, "envoy"),
			ports: [{ name: scheme, port, targetPort: "mcp", protocol: "TCP", ...filled({ nodePort }) }],
		} as NonNullable<V1Service["spec"]>,
	};
}

/** Where Envoys find a control plane, and people its admin API. */
export function controlPlaneService(installation: Installation): V1Service {
	return {
		apiVersion: "v1",
		kind: "Service",
		metadata: metadata(installation, "control-plane", "-control-plane"),
		spec: {
			type: "ClusterIP",
			selector: selectorLabels(installation, "control-plane"),
			ports: [
				{ name: "xds", port: 18000, targetPort: "xds", protocol: "TCP" },
				{ name: "admin", port: 9090, targetPort: "admin", protocol: "TCP" },
			],
		},
	};
}
