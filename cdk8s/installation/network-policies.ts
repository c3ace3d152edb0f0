import type { KubernetesObject, V1LabelSelector, V1NetworkPolicyPort } from "@kubernetes/client-node";
import { labels, metadata, selectorLabels } from "./identity.ts";
import type { Installation } from "./installation.ts";
import type { Peer } from "./values.ts";

/** As it is written; the client's own type has `_from`. */
interface NetworkPolicy extends KubernetesObject {
	readonly spec: {
		readonly podSelector: V1LabelSelector;
		readonly policyTypes: readonly ["Ingress"];
		readonly ingress: readonly { readonly ports?: V1NetworkPolicyPort[]; readonly from?: readonly Peer[] }[];
	};
}

/** Who reaches which pod. Egress is open: registry and detection reach whatever servers there are. */
export function networkPolicies(installation: Installation): readonly NetworkPolicy[] {
	const { enabled, servers } = installation.values.networkPolicy;
	if (!enabled) return [];
	const namespaces = servers ? installation.serverNamespaces : [];
	return [
		controlPlanePolicy(installation),
		envoyPolicy(installation),
		...namespaces.map((namespace) => serversPolicy(installation, namespace)),
	];
}

const port = (name: string): V1NetworkPolicyPort[] => [{ port: name, protocol: "TCP" }];

function policy(
	meta: object,
	matchLabels: Readonly<Record<string, string>>,
	ingress: NetworkPolicy["spec"]["ingress"],
) {
	const podSelector = { matchLabels: { ...matchLabels } };
	const spec = { podSelector, policyTypes: ["Ingress"] as const, ingress };
	return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: meta, spec };
}

const podsOf = (installation: Installation, component: Parameters<typeof selectorLabels>[1]): Peer => ({
	podSelector: { matchLabels: selectorLabels(installation, component) },
});

function controlPlanePolicy(installation: Installation): NetworkPolicy {
	const { admin, metrics } = installation.values.networkPolicy;
	const meta = metadata(installation, "control-plane", "-control-plane");
	return policy(meta, selectorLabels(installation, "control-plane"), [
		{ ports: port("xds"), from: [podsOf(installation, "envoy")] },
		{ ports: port("admin"), from: [podsOf(installation, "test"), ...admin, ...metrics] },
	]);
}

function envoyPolicy(installation: Installation): NetworkPolicy {
	const { clients, metrics } = installation.values.networkPolicy;
	return policy(metadata(installation, "envoy", "-envoy"), selectorLabels(installation, "envoy"), [
		{ ports: port("mcp"), ...(clients.length > 0 && { from: [podsOf(installation, "test"), ...clients] }) },
		{ ports: port("probes"), ...(metrics.length > 0 && { from: metrics }) },
	]);
}

/** Servers on Kubernetes ask nobody for a key: who reaches them goes round the gateway. */
function serversPolicy(installation: Installation, namespace: string): NetworkPolicy {
	const { release, gatewayName } = installation;
	const meta = { name: `${release}-servers`, namespace, labels: labels(installation, "control-plane") };
	const own = { matchLabels: { "kubernetes.io/metadata.name": installation.namespace } };
	const from = (["envoy", "control-plane"] as const).map((component) => ({
		namespaceSelector: own,
		...podsOf(installation, component),
	}));
	return policy(meta, { "app.kubernetes.io/name": "mcp-server", "mcp-gateway/owner": gatewayName }, [{ from }]);
}
