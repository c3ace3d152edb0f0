/** All objects that a managed server consists of. `charts/mcp-server` renders the same ones. */
import type { ServerValues } from "../../registry/model.ts";
import type { OwnedObject } from "../contract.ts";
import { objectLabels, objectName, SERVER_ANNOTATION } from "../names.ts";
import { autoscaler } from "./autoscaler.ts";
import { configMap } from "./config-map.ts";
import { deployment } from "./deployment.ts";
import { disruptionBudget } from "./disruption-budget.ts";
import type { ObjectIdentity } from "./identity.ts";
import { service } from "./service.ts";

/** Whose objects they are, and where. */
export interface ServerIdentity {
	/** The server's id as the registry has it. */
	readonly id: string;
	readonly namespace: string;
	/** Name of the gateway. */
	readonly owner: string;
}

/**
 * The objects of a server, in the order in which they are created: what a pod needs goes before it. `spec.replicas` of
 * the Deployment is there where the values say it; who applies them leaves it out, since others may scale too. Pure.
 */
export function serverObjects(values: ServerValues, { id, namespace, owner }: ServerIdentity): readonly OwnedObject[] {
	const name = objectName(id);
	const identity: ObjectIdentity = {
		id,
		name,
		namespace,
		labels: objectLabels(name, owner),
		annotations: { [SERVER_ANNOTATION]: id },
	};
	return [
		configMap(values, identity),
		service(values, identity),
		deployment(values, identity),
		...(values.autoscale === undefined ? [] : [autoscaler(values.autoscale, identity)]),
		disruptionBudget(identity),
	];
}
