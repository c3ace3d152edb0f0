/** Which object of a server is meant, and where the API server has it. */
import type { OwnedKind, OwnedObject } from "../contract.ts";
import { kinds, listPath } from "../watch/watched-kinds.ts";

/** The kinds of object that a managed server consists of, in the order in which they are written: ConfigMap before pods. */
export const ownedKinds: readonly OwnedKind[] = [
	"ConfigMap",
	"Service",
	"Deployment",
	"PodDisruptionBudget",
	"HorizontalPodAutoscaler",
];

export interface ObjectRef {
	readonly kind: OwnedKind;
	readonly namespace: string;
	readonly name: string;
}

export function objectPath({ kind, namespace, name }: ObjectRef): string {
	return `${listPath(kind, namespace)}/${name}`;
}

/** One object as people write it, which is also its key. */
export function refText({ kind, namespace, name }: ObjectRef): string {
	return `${kind} ${namespace}/${name}`;
}

/** Which one an object is. Those of a list have no kind of their own. */
export function refOf(kind: OwnedKind, { metadata }: OwnedObject): ObjectRef {
	return { kind, namespace: metadata?.namespace ?? "", name: metadata?.name ?? "" };
}

/** @throws Error for an object of a kind that no server consists of. */
export function kindOf({ kind }: OwnedObject): OwnedKind {
	const known = ownedKinds.find((name) => name === kind);
	if (known === undefined) throw new Error(`a server has no objects of kind ${kind}`);
	return known;
}

/** Group and resource of a kind, as RBAC has them. */
export function resourceOf(kind: OwnedKind): { readonly group: string; readonly resource: string } {
	const { api, plural } = kinds[kind];
	return { group: /^\/apis\/([^/]+)\//.exec(api)?.[1] ?? "", resource: plural };
}
