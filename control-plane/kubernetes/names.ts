/** Names and labels of a server's objects in a cluster: how they are found again, and told from those of others. */
import { createHash } from "node:crypto";

/** Services still take RFC 1035 labels only: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
const LABEL = /^[a-z](?:[a-z0-9-]*[a-z0-9])?$/;

/** 63 characters less the eleven that a Deployment puts behind the name of its pods; Helm's releases end at 53. */
const MAX_LENGTH = 52;
const HASH_LENGTH = 8;

/**
 * Name of all objects of a server: its id where that is a DNS label of at most 52 characters, else what is left of the
 * id and a hash of it, so that `Docs`, `docs` and `docs.` are three names.
 */
export function objectName(id: string): string {
	if (id.length <= MAX_LENGTH && LABEL.test(id)) return id;
	const plain = id.toLowerCase().replace(/[^a-z0-9]+/g, "-");
	const words = (/^[a-z]/.test(plain) ? plain : `mcp-${plain}`).replace(/-{2,}/g, "-");
	const hash = createHash("sha256").update(id).digest("hex").slice(0, HASH_LENGTH);
	return `${words.slice(0, MAX_LENGTH - HASH_LENGTH - 1).replace(/-+$/, "")}-${hash}`;
}

/** Label that says whose an object is: the gateway's name. */
export const OWNER_LABEL = "mcp-gateway/owner";

/** Annotation with the server's id as the registry has it. */
export const SERVER_ANNOTATION = "mcp-gateway/server";

/** Annotation with the namespace of the gateway's Lease, by which two gateways of one name are told apart. */
export const HOME_ANNOTATION = "mcp-gateway/lease-namespace";

/** Label with the name of the server's objects. */
export const INSTANCE_LABEL = "app.kubernetes.io/instance";

/** Labels that a server's pods are selected by; a Deployment's selector never changes. */
export function selectorLabels(name: string): Readonly<Record<string, string>> {
	return { "app.kubernetes.io/name": "mcp-server", [INSTANCE_LABEL]: name };
}

/** Labels of every object and every pod of a server, by the name of its objects. */
export function objectLabels(name: string, owner: string): Readonly<Record<string, string>> {
	return { ...selectorLabels(name), "app.kubernetes.io/managed-by": "mcp-gateway", [OWNER_LABEL]: owner };
}

/** Name of the container's port and of the Service's. */
export const PORT_NAME = "mcp";
