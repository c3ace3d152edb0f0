import type { KubernetesObject, V1Service } from "@kubernetes/client-node";
import { type Component, metadata, selectorLabels } from "./identity.ts";
import type { Installation } from "./installation.ts";

/** https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.ServiceMonitor */
interface ServiceMonitor extends KubernetesObject {
	readonly spec: {
		readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
		readonly endpoints: readonly object[];
	};
}

/** What the Prometheus operator goes by, where it is asked for. */
export function serviceMonitors(installation: Installation): readonly (V1Service | ServiceMonitor)[] {
	if (!installation.values.metrics.serviceMonitor.enabled) return [];
	const credentials = { name: `${installation.release}-admin`, key: "token" };
	return [
		metricsService(installation),
		monitor(installation, "control-plane", {
			port: "admin",
			path: "/metrics",
			authorization: { type: "Bearer", credentials },
		}),
		monitor(installation, "envoy", { port: "metrics", path: "/stats/prometheus" }),
	];
}

/** Not the clients' Service: a load balancer would publish what it carries. */
function metricsService(installation: Installation): V1Service {
	return {
		apiVersion: "v1",
		kind: "Service",
		metadata: metadata(installation, "envoy", "-envoy-metrics"),
		spec: {
			clusterIP: "None",
			selector: selectorLabels(installation, "envoy"),
			ports: [{ name: "metrics", port: 9902, targetPort: "probes", protocol: "TCP" }],
		},
	};
}

function monitor(installation: Installation, component: Component, endpoint: object): ServiceMonitor {
	const { interval, labels } = installation.values.metrics.serviceMonitor;
	const own = metadata(installation, component, `-${component}`);
	return {
		apiVersion: "monitoring.coreos.com/v1",
		kind: "ServiceMonitor",
		metadata: { ...own, labels: { ...own.labels, ...labels } },
		spec: {
			selector: { matchLabels: selectorLabels(installation, component) },
			endpoints: [{ interval, ...endpoint }],
		},
	};
}
