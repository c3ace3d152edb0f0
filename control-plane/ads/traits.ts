import { resourceTypes } from "../snapshot/snapshot.ts";
import type { ResourceType } from "../xds/names.ts";

/** The two forms of xDS: only changes, or the state of the world. */
export type Variant = "delta" | "sotw";

/** How resources of a type are asked for and refused. */
export interface TypeTraits {
	/**
	 * Asked for one by one by what needs them, and dropped with it; a response without one says nothing about it. The
	 * other types are asked for whole: in state-of-the-world, what a response lacks is deleted.
	 * https://www.envoyproxy.io/docs/envoy/v1.40.0/api-docs/xds_protocol#deleting-resources
	 */
	readonly byName: boolean;
	/** A refusal says whose it is. Of scoped routes it often names nothing, or what only looks like a scope. */
	readonly namesCulprit: boolean;
	/** What was part of a refused response must be sent anew in other bytes: see `salt.ts`. */
	readonly salted: boolean;
	/** Whether Envoy can take it depends on its machine too (a port in use), of which the snapshot knows nothing. */
	readonly ofMachine: boolean;
}

const whole: TypeTraits = { byName: false, namesCulprit: true, salted: false, ofMachine: false };

export const traits: Readonly<Record<ResourceType, TypeTraits>> = {
	cluster: whole,
	endpoints: { ...whole, byName: true },
	secret: { ...whole, byName: true },
	extension: { ...whole, byName: true },
	scope: { ...whole, namesCulprit: false, salted: true },
	listener: { ...whole, ofMachine: true },
};

/** One value for each resource type. */
export function perType<T>(value: (type: ResourceType) => T): Record<ResourceType, T> {
	return Object.fromEntries(resourceTypes.map((type) => [type, value(type)])) as Record<ResourceType, T>;
}
