import type { KubernetesServer } from "../../registry/model.ts";
import type { Condition } from "../contract.ts";
import { HOME_ANNOTATION, objectName } from "../names.ts";
import type { Charts } from "../objects/chart.ts";
import { serverObjects } from "../objects/objects.ts";
import { annotated, type DesiredServer } from "./plan.ts";

/** Where a server's objects are, whether or not it can be said what they are. */
export interface Place {
	readonly namespace: string;
	/** Name of all its objects. */
	readonly name: string;
}

/** What an entry comes to; `condition` where it comes to nothing, and what is there stays as it is. */
export type Wanted = Place & ({ readonly desired: DesiredServer } | { readonly condition: Condition });

/** What each managed server is made of, by its entry and its chart. */
export function createWanted(given: {
	readonly charts: Charts;
	readonly gatewayName: string;
	/** The gateway's own: of its Lease, and of entries that name none. */
	readonly namespace: string;
}): (server: KubernetesServer) => Wanted {
	return (server) => {
		const { id } = server;
		const place = { namespace: server.namespace ?? given.namespace, name: objectName(id) };
		const result = given.charts.values(server);
		if (!result.ok) return { ...place, condition: { reason: "chart_faulty", message: result.problem } };
		const { replicas, autoscale } = result.values;
		const own = server.values.replicas;
		const objects = serverObjects(result.values, { id, namespace: place.namespace, owner: given.gatewayName }).map(
			(object) => annotated(object, HOME_ANNOTATION, given.namespace),
		);
		return {
			...place,
			desired: {
				id,
				...place,
				objects,
				...(own !== undefined && autoscale === undefined && { replicas: own }),
				...(own === undefined && replicas !== undefined && { initialReplicas: replicas }),
			},
		};
	};
}
