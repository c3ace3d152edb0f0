import type { KubernetesObject, V1EndpointSlice, V1Pod } from "@kubernetes/client-node";
import type { WatchedKind } from "../contract.ts";
import { INSTANCE_LABEL } from "../names.ts";

/** Whom a Service's EndpointSlices belong to: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/ */
export const serviceNameLabel = "kubernetes.io/service-name";

interface KindFacts {
	/** Base of its API. */
	readonly api: string;
	/** As in paths and permissions. */
	readonly plural: string;
}

/** Where the watched kinds are in the API. */
export const kinds: Readonly<Record<WatchedKind, KindFacts>> = {
	EndpointSlice: { api: "/apis/discovery.k8s.io/v1", plural: "endpointslices" },
	Service: { api: "/api/v1", plural: "services" },
	Pod: { api: "/api/v1", plural: "pods" },
	Deployment: { api: "/apis/apps/v1", plural: "deployments" },
	ConfigMap: { api: "/api/v1", plural: "configmaps" },
	HorizontalPodAutoscaler: { api: "/apis/autoscaling/v2", plural: "horizontalpodautoscalers" },
	PodDisruptionBudget: { api: "/apis/policy/v1", plural: "poddisruptionbudgets" },
};

/** The path of all objects of a kind, in one namespace or (where none is given) in all. */
export function listPath(kind: WatchedKind, namespace: string | undefined): string {
	const { api, plural } = kinds[kind];
	return namespace === undefined ? `${api}/${plural}` : `${api}/namespaces/${namespace}/${plural}`;
}

/** Name of the server's objects that an object belongs to. */
export function serverNameOf(kind: WatchedKind, { metadata }: KubernetesObject): string {
	const label = kind === "EndpointSlice" ? serviceNameLabel : kind === "Pod" ? INSTANCE_LABEL : undefined;
	return (label === undefined ? undefined : metadata?.labels?.[label]) ?? metadata?.name ?? "";
}

/** An object without what nobody reads. Changes what it is given, which nobody else has yet. */
export function trimmed(kind: WatchedKind, object: KubernetesObject): KubernetesObject {
	delete object.metadata?.managedFields;
	if (kind === "Pod") return trimmedPod(object);
	if (kind === "EndpointSlice") {
		const { metadata, addressType, endpoints, ports } = object as V1EndpointSlice;
		const { name, namespace, labels, resourceVersion } = metadata ?? {};
		return {
			metadata: defined({ name, namespace, labels, resourceVersion }),
			addressType,
			endpoints,
			ports,
		} as V1EndpointSlice;
	}
	return object;
}

function trimmedPod({ metadata, spec, status }: V1Pod): V1Pod {
	const { name, namespace, labels, resourceVersion, deletionTimestamp, creationTimestamp } = metadata ?? {};
	return {
		metadata: defined({ name, namespace, labels, resourceVersion, deletionTimestamp, creationTimestamp }),
		spec: { containers: [], ...(spec?.nodeName !== undefined && { nodeName: spec.nodeName }) },
		...(status !== undefined && { status }),
	};
}

function defined<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
	return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
		[K in keyof T]?: NonNullable<T[K]>;
	};
}
