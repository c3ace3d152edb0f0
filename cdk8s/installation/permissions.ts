/** What a control plane may do. */
import type {
	V1ClusterRole,
	V1ClusterRoleBinding,
	V1ObjectMeta,
	V1PolicyRule,
	V1Role,
	V1RoleBinding,
} from "@kubernetes/client-node";
import { labels, metadata } from "./identity.ts";
import type { Installation } from "./installation.ts";

type Grant = V1Role | V1RoleBinding | V1ClusterRole | V1ClusterRoleBinding;

const rule = (apiGroup: string, resources: string[], verbs: string[], resourceNames?: string[]): V1PolicyRule => ({
	apiGroups: [apiGroup],
	resources,
	...(resourceNames !== undefined && { resourceNames }),
	verbs,
});

const made = ["get", "list", "watch", "create", "patch", "delete"];

/** In a namespace of servers. */
const serverRules: readonly V1PolicyRule[] = [
	rule("", ["services", "configmaps"], made),
	rule("apps", ["deployments"], made),
	rule("apps", ["deployments/scale"], ["patch"]),
	rule("autoscaling", ["horizontalpodautoscalers"], made),
	rule("policy", ["poddisruptionbudgets"], made),
	rule("", ["pods"], ["list", "watch"]),
	rule("", ["pods/log"], ["get"]),
	rule("discovery.k8s.io", ["endpointslices"], ["list", "watch"]),
];

/** In the gateway's own: the registry, and the Lease that says which control plane writes. */
const ownRules = ({ registryName, gatewayName }: Installation): readonly V1PolicyRule[] => [
	rule("", ["configmaps"], ["get", "list", "watch", "patch"], [registryName]),
	rule("coordination.k8s.io", ["leases"], ["create"]),
	rule("coordination.k8s.io", ["leases"], ["get", "update"], [gatewayName]),
];

/** Roles and who has them: for the registry, and in each namespace of servers, or in all of them. */
export function permissions(installation: Installation): readonly Grant[] {
	const { release, namespace, serverNamespaces } = installation;
	const shared = labels(installation, "control-plane");
	const everywhere = { name: `${namespace}-${release}-servers`, labels: shared };
	return [
		...grant(installation, metadata(installation, "control-plane", "-control-plane"), ownRules(installation)),
		...(serverNamespaces.length === 0
			? grant(installation, everywhere, serverRules)
			: serverNamespaces.flatMap((one) =>
					grant(installation, { name: `${release}-servers`, namespace: one, labels: shared }, serverRules),
				)),
	];
}

/** Without a namespace: in all. */
function grant({ release, namespace }: Installation, own: V1ObjectMeta, rules: readonly V1PolicyRule[]): Grant[] {
	const kind = own.namespace === undefined ? "ClusterRole" : "Role";
	const apiGroup = "rbac.authorization.k8s.io";
	const apiVersion = `${apiGroup}/v1`;
	return [
		{ apiVersion, kind, metadata: own, rules: [...rules] },
		{
			apiVersion,
			kind: `${kind}Binding`,
			metadata: own,
			roleRef: { apiGroup, kind, name: own.name ?? "" },
			subjects: [{ kind: "ServiceAccount", name: `${release}-control-plane`, namespace }],
		},
	];
}
