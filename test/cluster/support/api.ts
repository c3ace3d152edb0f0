/** Namespaces of a test in a real cluster, and what is in them. */
import { randomBytes } from "node:crypto";
import type { KubernetesObject, V1Deployment, V1Pod } from "@kubernetes/client-node";
import { ApiFault, type ApiRequest, createApiServer } from "../../../control-plane/kubernetes/api-server.ts";
import { findCluster } from "../../../control-plane/kubernetes/connection.ts";

/** The kinds that a server of ours consists of, and what comes of them. */
const KINDS = {
	configmaps: "/api/v1",
	services: "/api/v1",
	deployments: "/apis/apps/v1",
	poddisruptionbudgets: "/apis/policy/v1",
	horizontalpodautoscalers: "/apis/autoscaling/v2",
	pods: "/api/v1",
	replicasets: "/apis/apps/v1",
} as const;

export type Resource = keyof typeof KINDS;

/** A name that no other test has. */
export function unique(prefix: string): string {
	return `${prefix}-${randomBytes(3).toString("hex")}`;
}

/** Who $KUBECONFIG says, asking the API server. */
export async function asAdmin(): Promise<ApiRequest> {
	return createApiServer((await findCluster({ env: process.env })).kubeConfig).request;
}

export interface TestNamespace {
	readonly name: string;
	path(resource: Resource, name?: string): string;
	list(resource: Resource): Promise<readonly KubernetesObject[]>;
	/** Undefined where there is none. */
	get(resource: Resource, name: string): Promise<KubernetesObject | undefined>;
	deployment(name: string): Promise<V1Deployment | undefined>;
	pods(): Promise<readonly V1Pod[]>;
	create(resource: Resource, object: object): Promise<KubernetesObject>;
	patch(resource: Resource, name: string, patch: object): Promise<void>;
	/** Ends it with all that is in it. Does not wait for that. */
	remove(): Promise<void>;
}

export function namespaceOf(request: ApiRequest, name: string): TestNamespace {
	const path = (resource: Resource, object?: string) =>
		`${KINDS[resource]}/namespaces/${name}/${resource}${object === undefined ? "" : `/${object}`}`;
	const list = async (resource: Resource) =>
		((await request("GET", path(resource))) as { items: KubernetesObject[] }).items;
	const get = (resource: Resource, object: string) =>
		request("GET", path(resource, object)).catch((error: unknown) => {
			if (error instanceof ApiFault && error.status === 404) return undefined;
			throw error;
		}) as Promise<KubernetesObject | undefined>;
	return {
		name,
		path,
		list,
		get,
		deployment: (object) => get("deployments", object) as Promise<V1Deployment | undefined>,
		pods: () => list("pods") as Promise<readonly V1Pod[]>,
		create: (resource, body) => request("POST", path(resource), { body }) as Promise<KubernetesObject>,
		async patch(resource, object, body) {
			await request("PATCH", path(resource, object), { body, contentType: "application/merge-patch+json" });
		},
		async remove() {
			await request("DELETE", `/api/v1/namespaces/${name}`).catch(() => {});
		},
	};
}

export async function createNamespace(request: ApiRequest, name: string): Promise<TestNamespace> {
	await request("POST", "/api/v1/namespaces", { body: { metadata: { name } } });
	return namespaceOf(request, name);
}
