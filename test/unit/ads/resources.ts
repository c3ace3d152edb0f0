import { createSnapshot, type EncodedResource, type Snapshot } from "../../../control-plane/snapshot/snapshot.ts";
import { clusterName, type ResourceType } from "../../../control-plane/xds/names.ts";

/** A resource whose bytes do not matter. */
export function resource(type: ResourceType, name: string, version = "1"): EncodedResource {
	return { type, name, version, bytes: Buffer.from(version) };
}

/** Cluster, endpoints and scope of a server, in a version each. */
export function server(
	id: string,
	versions: { cluster?: string; endpoints?: string; scope?: string } = {},
): EncodedResource[] {
	return [
		resource("cluster", clusterName(id), versions.cluster),
		resource("endpoints", clusterName(id), versions.endpoints),
		resource("scope", id, versions.scope),
	];
}

let serial = 0;

/** A snapshot of the listener and these resources. */
export function snapshotOf(...parts: EncodedResource[][]): Snapshot {
	serial += 1;
	return createSnapshot(serial, [[resource("listener", "mcp-gateway")], ...parts]);
}
