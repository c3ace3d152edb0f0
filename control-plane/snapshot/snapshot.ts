import { createHash } from "node:crypto";
import { encode } from "../xds/encode.ts";
import { type ResourceType, typeUrl } from "../xds/names.ts";
import type { Resource } from "../xds/translate.ts";
import { keep } from "./arena.ts";

/** A resource as it is sent: its bytes and a version that only its content decides. */
export interface EncodedResource {
	readonly type: ResourceType;
	readonly name: string;
	/** Hash of the bytes: the same content has the same version, after a restart too. */
	readonly version: string;
	readonly bytes: Buffer;
}

export type Resources = ReadonlyMap<string, EncodedResource>;

/** All resources of one moment, by type and name. Never changed once made. */
export interface Snapshot {
	/** Counts up within a process; for logs and status. */
	readonly serial: number;
	readonly resources: Readonly<Record<ResourceType, Resources>>;
}

export const resourceTypes = [
	"cluster",
	"endpoints",
	"secret",
	"extension",
	"scope",
	"listener",
] as const satisfies ResourceType[];

/** Encodes one resource. @throws EncodeError where the message does not fit its type. */
export function encodeResource({ type, name, message }: Resource): EncodedResource {
	const full = typeUrl[type];
	const bytes = keep(encode(full.slice(full.lastIndexOf("/") + 1), message));
	const version = createHash("sha256").update(bytes).digest("base64url").slice(0, 16);
	return { type, name, version, bytes };
}

/** Puts resources together. @throws Error where two of one type share a name: such a snapshot is never served. */
export function createSnapshot(serial: number, parts: Iterable<readonly EncodedResource[]>): Snapshot {
	const resources = Object.fromEntries(
		resourceTypes.map((type) => [type, new Map<string, EncodedResource>()] as const),
	) as Record<ResourceType, Map<string, EncodedResource>>;
	for (const part of parts) {
		for (const resource of part) {
			const ofType = resources[resource.type];
			if (ofType.has(resource.name))
				throw new Error(`two resources of type ${resource.type} are called ${resource.name}`);
			ofType.set(resource.name, resource);
		}
	}
	return { serial, resources };
}
