import type { ApiFault } from "../api-server.ts";
import type { WatchedKind } from "../contract.ts";
import { kinds } from "./watched-kinds.ts";

/** What a watch is for, in the words of a permission. */
export interface WatchScope {
	readonly kind: WatchedKind;
	/** Left out: all. */
	readonly namespace?: string;
	/** The one Service that it is about. */
	readonly service?: string;
}

/** Why a watch is not up to date, and what to do: a sentence without its end. */
export function describeFault(scope: WatchScope, { status, why }: ApiFault, server: string, since: Date): string {
	const { plural } = kinds[scope.kind];
	const where = scope.namespace === undefined ? "in all namespaces" : `in namespace ${scope.namespace}`;
	switch (status) {
		case 0:
			return unreachable(server, since, why);
		case 401:
			return `the API server at ${server} does not accept the gateway's credentials: ${why}`;
		case 403: {
			const choice = scope.namespace === undefined ? ", or name the namespaces with --kube-namespaces" : "";
			return `the gateway may not list and watch ${plural} ${where}: allow its account the verbs list and watch${choice}`;
		}
		case 404:
			return `the API server at ${server} has no ${kinds[scope.kind].api}/${plural}: Kubernetes 1.30 or later is needed`;
		default:
			return `the API server at ${server} answers ${status} where ${plural} ${where} are asked for: ${why}`;
	}
}

/** One sentence for all watches that nobody answers. */
export function unreachable(server: string, since: Date, message: string): string {
	return `the API server at ${server} cannot be reached since ${since.toISOString()}: ${message}`;
}
