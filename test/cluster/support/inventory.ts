import type { ApiRequest } from "../../../control-plane/kubernetes/request.ts";

interface ApiResource {
	readonly name: string;
	readonly kind: string;
	readonly namespaced: boolean;
	readonly verbs: readonly string[];
}

/** They tell what was, and go by themselves; the Lease is the control plane's for as long as it runs. */
const notCounted = new Set(["events", "leases"]);

/** Everything that is in a namespace, of whatever kind the cluster knows: `Service docs`, sorted. */
export async function inventory(request: ApiRequest, namespace: string): Promise<readonly string[]> {
	const found = await Promise.all(
		(await namespacedKinds(request)).map(async ({ base, name, kind }) => {
			const { items = [] } = (await request("GET", `${base}/namespaces/${namespace}/${name}`)) as {
				items?: { metadata: { name: string } }[];
			};
			return items.map(({ metadata }) => `${kind} ${metadata.name}`);
		}),
	);
	return [...new Set(found.flat())].sort();
}

async function namespacedKinds(request: ApiRequest) {
	const { groups } = (await request("GET", "/apis")) as { groups: { preferredVersion: { groupVersion: string } }[] };
	const bases = ["/api/v1", ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)];
	const lists = bases.map(async (base) => {
		const { resources } = (await request("GET", base)) as { resources: readonly ApiResource[] };
		return resources
			.filter(({ name, namespaced, verbs }) => namespaced && verbs.includes("list") && !notCounted.has(name))
			.map(({ name, kind }) => ({ base, name, kind }));
	});
	return (await Promise.all(lists)).flat();
}
