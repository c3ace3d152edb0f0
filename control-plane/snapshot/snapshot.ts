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
	for (const part of parts) for (const resource of part) put(resources[resource.type], resource);
	return { serial, resources };
}

/** Which names differ between resources and those that they were made of; weakly, or every snapshot would stay. */
const steps = new WeakMap<Resources, { readonly before: WeakRef<Resources>; readonly names: ReadonlySet<string> }>();

/** Names that may differ between the two, where that is known without looking: the second was made of the first. */
export function changedNames(before: Resources, after: Resources): ReadonlySet<string> | undefined {
	const step = steps.get(after);
	return step?.before.deref() === before ? step.names : undefined;
}

/**
 * The snapshot with some resources taken out and others put in: of ten thousand servers, a change costs the one.
 * What nothing changes of a type stays the same object. @throws Error as {@link createSnapshot}
 */
export function changeSnapshot(
	serial: number,
	before: Snapshot,
	gone: Iterable<readonly EncodedResource[]>,
	come: Iterable<readonly EncodedResource[]>,
): Snapshot {
	const made = new Map<ResourceType, { readonly map: Map<string, EncodedResource>; readonly names: Set<string> }>();
	const ofType = (type: ResourceType) => {
		const known = made.get(type);
		if (known !== undefined) return known;
		const fresh = { map: new Map(before.resources[type]), names: new Set<string>() };
		made.set(type, fresh);
		return fresh;
	};
	for (const part of gone) {
		for (const { type, name } of part) {
			const { map, names } = ofType(type);
			map.delete(name);
			names.add(name);
		}
	}
	for (const part of come) {
		for (const resource of part) {
			const { map, names } = ofType(resource.type);
			put(map, resource);
			names.add(resource.name);
		}
	}
	const resources = { ...before.resources };
	for (const [type, { map, names }] of made) {
		resources[type] = map;
		steps.set(map, { before: new WeakRef(before.resources[type]), names });
	}
	return { serial, resources };
}

function put(ofType: Map<string, EncodedResource>, resource: EncodedResource): void {
	if (ofType.has(resource.name)) throw new Error(`two resources of type ${resource.type} are called ${resource.name}`);
	ofType.set(resource.name, resource);
}
