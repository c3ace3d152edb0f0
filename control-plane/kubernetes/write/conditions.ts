/** What went wrong, in words that say what to do. */
import { ApiFault } from "../api-server.ts";
import type { Condition } from "../contract.ts";
import { NameClash, Outdated } from "./apply.ts";
import { resourceOf } from "./object-ref.ts";
import type { Action } from "./plan.ts";

/** What the API server was asked for. */
export interface Asked {
	/** As in `Deployment docs`. */
	readonly object: string;
	readonly namespace: string;
	/** As RBAC has them, where the answer does not say. */
	readonly verb: string;
	readonly group: string;
	readonly resource: string;
}

const VERBS = { create: "create", apply: "patch", scale: "patch", delete: "delete" } as const;

export function askedBy({ does, ref }: Action): Asked {
	const { group, resource } = resourceOf(ref.kind);
	const object = `${ref.kind} ${ref.name}`;
	const scale = does === "scale" ? "/scale" : "";
	return { object, namespace: ref.namespace, verb: VERBS[does], group, resource: `${resource}${scale}` };
}

/** RBAC's own words, and with them what it lacks: `cannot patch resource "deployments" in API group "apps" ...`. */
const RBAC = /cannot (\S+) resource "([^"]+)"(?: in API group "([^"]*)")?/;

/** A failed request as a condition; undefined where trying again is all that there is to do. No secret is in it. */
export function conditionOf(error: unknown, asked: Asked): Condition | undefined {
	const { object, namespace } = asked;
	if (error instanceof Outdated) return undefined;
	if (error instanceof NameClash) return nameClash(asked, error.namesake);
	if (!(error instanceof ApiFault)) return { reason: "failed", message: `${object}: ${String(error)}` };
	const { status, message } = error;
	if (isNamespaceMissing(error)) {
		const how = `Create it: kubectl create namespace ${namespace}`;
		return { reason: "namespace_missing", message: `There is no namespace ${namespace}. ${how}` };
	}
	if (status === 403) return refusal(message, asked);
	if (status === 401) {
		return { reason: "forbidden", message: `The API server does not accept the gateway's credentials: ${message}` };
	}
	if (status === 429) return { reason: "throttled", message: "The API server asks to be left alone for a while." };
	if (status === 0) return { reason: "unreachable", message };
	if (status >= 500) return { reason: "unreachable", message: `The API server failed (${status}): ${message}` };
	return { reason: "rejected", message: `${object} in namespace ${namespace} is refused: ${message}` };
}

/** @param namesake Namespace of the Lease of another gateway of the same name whose object it is. */
export function nameClash({ object, namespace }: Pick<Asked, "object" | "namespace">, namesake?: string): Condition {
	if (namesake !== undefined) {
		const whose = `another gateway of the same name, whose Lease is in namespace ${namesake}`;
		const how =
			"Give one of the two another --gateway-name; what that one has left is removed by `mcp-gateway cleanup`.";
		return { reason: "name_clash", message: `${object} in namespace ${namespace} is made by ${whose}. ${how}` };
	}
	const how = "Rename the server, or remove that object";
	const message = `${object} in namespace ${namespace} exists and is not the gateway's, so it is left alone. ${how}.`;
	return { reason: "name_clash", message };
}

/** The namespace is not there, or on its way out. */
export function isNamespaceMissing(error: unknown): boolean {
	return error instanceof ApiFault && error.status === 404 && error.about.kind === "namespaces";
}

function refusal(message: string, { namespace, verb, group, resource }: Asked): Condition {
	if (/exceeded quota/.test(message)) {
		return { reason: "quota", message: `The quota of namespace ${namespace} is used up: ${message}` };
	}
	if (/because it is being terminated/.test(message)) {
		return { reason: "namespace_missing", message: `Namespace ${namespace} is being deleted.` };
	}
	const lacks = RBAC.exec(message);
	if (lacks === null) return { reason: "rejected", message: `The API server refuses it: ${message}` };
	const rule = { apiGroups: [lacks[3] ?? group], resources: [lacks[2] ?? resource], verbs: [lacks[1] ?? verb] };
	return {
		reason: "forbidden",
		message: `The gateway may not ${rule.verbs[0]} ${rule.resources[0]} in namespace ${namespace}. A Role there needs the rule ${JSON.stringify(rule)}.`,
	};
}
