import type { KubernetesObject } from "@kubernetes/client-node";
import { kubectl } from "./kubectl.ts";

/**
 * What the API server says of objects that it is asked to take and to forget, a line each, and warnings. Those of any
 * namespace are asked for in this one, since there are none of their names here.
 */
export async function dryRun(objects: readonly KubernetesObject[], namespace: string): Promise<readonly string[]> {
	const items = objects.map(({ metadata, ...rest }) => ({
		...rest,
		metadata: { ...metadata, ...(metadata?.namespace !== undefined && { namespace }) },
	}));
	const list = JSON.stringify({ apiVersion: "v1", kind: "List", items });
	const told = await kubectl(["apply", "--dry-run=server", "--validate=strict", "-f", "-"], list);
	return told.trim().split("\n");
}
