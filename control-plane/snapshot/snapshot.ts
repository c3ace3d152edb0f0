import { createHash } from "node:crypto";
import { encode } from "../xds/encode.ts";
import { type ResourceType, typeUrl } from "../xds/names.ts";
import type { Resource } from "../xds/translate.ts";
import { keep } from "./arena.ts";
import { changedMap } from "./overlay.ts";

/** A resource as it is sent: its bytes and a version that only its content decides. */
export interface EncodedResource {
	readonly type: ResourceType;
	readonly name: string;
	/** Hash of the bytes: the same content has the same version, after a restart too. */
	readonly version: string;
	readonly bytes: Buffer;
	/** As of {@link Resource}: an Envoy that has another one of this name keeps that. */
	readonly provisional?: true;
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
export function encodeResource({ type, name, message, provisional }: Resource): EncodedResource {
	const full = typeUrl[type];
	const bytes = keep(encode(full.slice(full.lastIndexOf("/") + 1), message));
	const version = createHash("sha256").update(bytes).digest("base64url").slice(0, 16);
	return { type, name, version, bytes, ...(provisional && { provisional }) };
}

/** Puts resources together. @throws Error where two of one type share a name: such a snapshot is never served. */
export function createSnapshot(serial: number, parts: Iterable<readonly EncodedResource[]>): Snapshot {
	const resources = Object.fromEntries(
		resourceTypes.map((type) => [type, new Map<string, EncodedResource>()] as const),
	) as Record<ResourceType, Map<string, EncodedResource>>;
	for (const part of parts) for (const resource of part) put(resources[resource.type], resource);
	return { serial, resources };
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
	const made = new Map<ResourceType, Map<string, EncodedResource | undefined>>();
	const ofType = (type: ResourceType) => {
		const known = made.get(type) ?? new Map<string, EncodedResource | undefined>();
		made.set(type, known);
		return known;
	};
	for (const part of gone) for (const { type, name } of part) ofType(type).set(name, undefined);
	for (const part of come) {
		for (const resource of part) {
			const { type, name } = resource;
			const changes = ofType(type);
			const there = changes.has(name) ? changes.get(name) : before.resources[type].get(name);
			if (there !== undefined) throw new Error(twice(resource));
			changes.set(name, resource);
		}
	}
	const resources = { ...before.resources };
	for (const [type, changes] of made) {
		for (const [name, resource] of changes) {
			const was = before.resources[type].get(name);
			if (was?.version === resource?.version && was?.provisional === resource?.provisional) changes.delete(name);
		}
		resources[type] = changedMap(before.resources[type], changes);
	}
	return { serial, resources };
}

function put(ofType: Map<string, EncodedResource>, resource: EncodedResource): void {
	if (ofType.has(resource.name)) throw new Error(twice(resource));
	ofType.set(resource.name, resource);
}

function twice({ type, name }: EncodedResource): string {
	return `two resources of type ${type} are called ${name}`;
}
