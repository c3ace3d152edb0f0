/** Ways from outside the cluster to the gateway's Service. */
import type { KubernetesObject, V1Ingress } from "@kubernetes/client-node";
import { filled, metadata } from "./identity.ts";
import type { Installation } from "./installation.ts";
import type { ParentReference } from "./values.ts";

/** https://gateway-api.sigs.k8s.io/reference/spec/#httproute */
interface HttpRoute extends KubernetesObject {
	readonly spec: {
		readonly parentRefs: readonly ParentReference[];
		readonly hostnames?: readonly string[];
		readonly rules: readonly object[];
	};
}

/** An Ingress, where it is asked for. */
export function ingress(installation: Installation): readonly V1Ingress[] {
	const { enabled, className, annotations, hosts, tls } = installation.values.ingress;
	if (!enabled) return [];
	const service = { name: installation.release, port: { name: installation.scheme } };
	return [
		{
			apiVersion: "networking.k8s.io/v1",
			kind: "Ingress",
			metadata: { ...metadata(installation, "envoy", ""), ...filled({ annotations }) },
			spec: {
				...filled({ ingressClassName: className }),
				rules: hosts.map((host) => ({
					host,
					http: { paths: [{ path: "/", pathType: "Prefix", backend: { service } }] },
				})),
				...filled({ tls }),
			},
		},
	];
}

/** A route of the Gateway API, where it is asked for. */
export function httpRoute(installation: Installation): readonly HttpRoute[] {
	const { enabled, annotations, parentRefs, hostnames } = installation.values.httpRoute;
	if (!enabled) return [];
	const backendRefs = [{ name: installation.release, port: installation.port }];
	return [
		{
			apiVersion: "gateway.networking.k8s.io/v1",
			kind: "HTTPRoute",
			metadata: { ...metadata(installation, "envoy", ""), ...filled({ annotations }) },
			spec: {
				parentRefs,
				...filled({ hostnames }),
				// Streams end when one side ends them.
				rules: [{ backendRefs, timeouts: { request: "0s" } }],
			},
		},
	];
}
