import type { Logger } from "pino";
import type { KubernetesServer, ServerValues } from "../../registry/model.ts";
import type { Charts } from "../objects/chart.ts";
import { servedPath } from "../objects/values.ts";
import type { Listening } from "./discovery.ts";

/** Where servers listen, by their values. */
export interface ListeningPlaces {
	/**
	 * The same object for as long as nothing has changed. Where the server's chart is faulty: what it was before, since
	 * its pods are the same, or a problem where it never was anything else.
	 */
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
export function createListening(charts: Charts, log: Logger): ListeningPlaces {
	let known = new WeakMap<KubernetesServer, Listening>();
	/** By id, as it was with the last good chart. */
	const good = new Map<string, Listening>();
	/** Servers whose fault the log has. */
	const told = new Map<string, string>();

	function made(server: KubernetesServer): Listening | { readonly problem: string } {
		// Of what is only found nothing is made: it needs no image, and no command for the bridge.
		const result = charts.values(
			server.manage ? server : { ...server, values: { image: "unused", ...server.values, transport: "http" } },
		);
		const { id } = server;
		if (result.ok) {
			const listening = listeningOf(result.values, server);
			good.set(id, listening);
			told.delete(id);
			return listening;
		}
		const before = good.get(id);
		if (before === undefined) return { problem: result.problem };
		if (told.get(id) !== result.problem) {
			told.set(id, result.problem);
			const fields = { event: "chart_faulty", server: id, problem: result.problem };
			log.warn(fields, `${id}: served as before. ${result.problem}`);
		}
		return before;
	}

	return {
		of(server) {
			const before = known.get(server);
			if (before !== undefined) return before;
			const listening = made(server);
			// A chart that is missing may be there the next time.
			if (!("problem" in listening)) known.set(server, listening);
			return listening;
		},
		forget() {
			known = new WeakMap();
		},
	};
}
