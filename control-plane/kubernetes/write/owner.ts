/** Which objects are the gateway's own. */
import type { KubernetesObject } from "@kubernetes/client-node";
import { HOME_ANNOTATION, OWNER_LABEL, objectName, SERVER_ANNOTATION } from "../names.ts";

/** Whose field is what: the name that server-side apply keeps with each field. */
export const fieldManager = "mcp-gateway";

/** A gateway, as its objects name it. */
export interface Owner {
	readonly gatewayName: string;
	/** Where its Lease is; left out: every gateway of the name. */
	readonly leaseNamespace?: string;
}

/**
 * It says that it is this gateway's, of a server, and has the name of that server's objects: a copy of one of ours under
 * another name is its maker's.
 */
export function isOurs(object: KubernetesObject, owner: Owner): boolean {
	const id = serverIdOf(object);
	const { name, labels } = object.metadata ?? {};
	if (labels?.[OWNER_LABEL] !== owner.gatewayName || id === undefined || name !== objectName(id)) return false;
	return namesakeOf(object, owner) === undefined;
}

/** Namespace of the Lease of another gateway of the same name whose object it is; undefined where it is none. */
export function namesakeOf({ metadata }: KubernetesObject, { gatewayName, leaseNamespace }: Owner): string | undefined {
	const home = metadata?.annotations?.[HOME_ANNOTATION];
	if (metadata?.labels?.[OWNER_LABEL] !== gatewayName || leaseNamespace === undefined) return undefined;
	return home === leaseNamespace ? undefined : home;
}

/** Ours, and the API server has seen us apply it: asked for before a deletion, for a copy may have our labels and name. */
export function isMadeByUs(object: KubernetesObject, owner: Owner): boolean {
	const fields = object.metadata?.managedFields ?? [];
	const applied = fields.some(({ manager, operation }) => manager === fieldManager && operation === "Apply");
	return applied && isOurs(object, owner);
}

/** Id of the server that an object belongs to. */
export function serverIdOf({ metadata }: KubernetesObject): string | undefined {
	return metadata?.annotations?.[SERVER_ANNOTATION];
}
