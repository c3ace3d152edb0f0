import type { ApiRequest } from "../../../control-plane/kubernetes/api-server.ts";

interface ApiResource {
	readonly name: string;
	readonly kind: string;
	readonly namespaced: boolean;
	readonly verbs: readonly string[];
}

/** They tell what was, and go by themselves. */
const notCounted = new Set(["events"]);

/**
 * Everything that is in a namespace, of whatever kind the cluster knows: `Service docs`, sorted. Without Leases: that of a
 * control plane is there for as long as it runs.
 */
export async function inventory(request: ApiRequest, namespace: string): Promise<readonly string[]> {
	return (await everythingIn(request, namespace)).filter((one) => !one.startsWith("Lease "));
}

/** The same, with Leases. */
export async function everythingIn(request: ApiRequest, namespace: string): Promise<readonly string[]> {
	const kinds = await listed(request, ({ namespaced }) => namespaced);
	return found(request, kinds, (base, name) => `${base}/namespaces/${namespace}/${name}`);
}

/** Everything that has a label, in every namespace and beside them. */
export async function labelled(request: ApiRequest, labelSelector: string): Promise<readonly string[]> {
	const kinds = await listed(request, () => true);
	return found(request, kinds, (base, name) => `${base}/${name}`, { labelSelector });
}

type Kind = Pick<ApiResource, "name" | "kind"> & { readonly base: string };

async function found(
	request: ApiRequest,
	kinds: readonly Kind[],
	path: (base: string, name: string) => string,
	query: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
	const lists = kinds.map(async ({ base, name, kind }) => {
		const { items = [] } = (await request("GET", path(base, name), { query })) as {
			items?: { metadata: { name: string } }[];
		};
		return items.map(({ metadata }) => `${kind} ${metadata.name}`);
	});
	return [...new Set((await Promise.all(lists)).flat())].sort();
}

/** The kinds that can be listed, of all groups. */
async function listed(request: ApiRequest, wanted: (resource: ApiResource) => boolean): Promise<readonly Kind[]> {
	const { groups } = (await request("GET", "/apis")) as { groups: { preferredVersion: { groupVersion: string } }[] };
	const bases = ["/api/v1", ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)];
	const lists = bases.map(async (base) => {
		const { resources } = (await request("GET", base)) as { resources: readonly ApiResource[] };
		return resources
			.filter((resource) => resource.verbs.includes("list") && !notCounted.has(resource.name) && wanted(resource))
			.map(({ name, kind }) => ({ base, name, kind }));
	});
	return (await Promise.all(lists)).flat();
}
