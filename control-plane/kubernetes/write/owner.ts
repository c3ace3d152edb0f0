/** Which objects are the gateway's own. */
import type { KubernetesObject } from "@kubernetes/client-node";
import { OWNER_LABEL, objectName, SERVER_ANNOTATION } from "../names.ts";

/** Whose field is what: the name that server-side apply keeps with each field. */
export const fieldManager = "mcp-gateway";

/**
 * It says that it is this gateway's, of a server, and has the name of that server's objects: a copy of one of ours under
 * another name is its maker's.
 */
export function isOurs(object: KubernetesObject, gatewayName: string): boolean {
	const id = serverIdOf(object);
	const { name, labels } = object.metadata ?? {};
	return labels?.[OWNER_LABEL] === gatewayName && id !== undefined && name === objectName(id);
}

/** Ours, and the API server has seen us apply it: asked for before a deletion, for a copy may have our labels and name. */
export function isMadeByUs(object: KubernetesObject, gatewayName: string): boolean {
	const fields = object.metadata?.managedFields ?? [];
	const applied = fields.some(({ manager, operation }) => manager === fieldManager && operation === "Apply");
	return applied && isOurs(object, gatewayName);
}

/** Id of the server that an object belongs to. */
export function serverIdOf({ metadata }: KubernetesObject): string | undefined {
	return metadata?.annotations?.[SERVER_ANNOTATION];
}
