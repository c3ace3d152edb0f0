import type { KubernetesServer, ServerValues } from "../../registry/model.ts";
import type { Charts } from "../objects/chart.ts";
import { servedPath } from "../objects/values.ts";
import type { Listening } from "./discovery.ts";

/** Where servers listen, by their values. */
export interface ListeningPlaces {
	/** The same object for as long as nothing has changed; a problem where the server's chart is faulty. */
	of(server: KubernetesServer): Listening | { readonly problem: string };
	/** Charts may say something else now. */
	forget(): void;
}

function listeningOf(values: ServerValues, { id, manage }: KubernetesServer): Listening {
	const { port, drainSeconds } = values;
	// Pods of others are told to end when their owners want them to be.
	return { port, path: servedPath(values, id), ...(manage && { drainMs: drainSeconds * 1000 }) };
}

/** Values of hundreds of servers are put together once each, and not for each change of the cluster. */
export function createListening(charts: Charts): ListeningPlaces {
	let known = new WeakMap<KubernetesServer, Listening | { readonly problem: string }>();
	return {
		of(server) {
			const before = known.get(server);
			if (before !== undefined) return before;
			// Of what is only found nothing is made: it needs no image, and no command for the bridge.
			const result = charts.values(
				server.manage ? server : { ...server, values: { image: "unused", ...server.values, transport: "http" } },
			);
			const made = result.ok ? listeningOf(result.values, server) : { problem: result.problem };
			// A chart that is missing may be there the next time.
			if (result.ok) known.set(server, made);
			return made;
		},
		forget() {
			known = new WeakMap();
		},
	};
}
