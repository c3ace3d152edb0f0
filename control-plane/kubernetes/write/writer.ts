/** All that writes to the cluster: a Lease, and a reconciler that works while it is held. */
import type { Logger } from "pino";
import type { KubernetesServer } from "../../registry/model.ts";
import type { ApiRequest } from "../api-server.ts";
import type { ClusterCache, Condition } from "../contract.ts";
import type { Charts } from "../objects/chart.ts";
import { type LeaseTimes, startLease } from "./lease.ts";
import { startReconciler } from "./reconciler.ts";
import { createWanted } from "./wanted.ts";

export interface WriterDeps {
	readonly request: ApiRequest;
	/** The gateway's own: where its Lease is, and entries that name none. */
	readonly namespace: string;
	readonly cache: ClusterCache;
	readonly gatewayName: string;
	readonly charts: Charts;
	readonly log: Logger;
	readonly leaseTimes?: LeaseTimes;
	readonly resyncMs?: number;
}

/** Which control plane writes, for status. */
export interface WriterState {
	/** This process, as others see it. */
	readonly identity: string;
	/** It writes. */
	readonly writes: boolean;
	/** Who was last seen to write; left out where nobody was. */
	readonly holder?: string;
	/** Why it can neither write nor tell who does. */
	readonly problem?: Condition;
}

export interface Writer {
	/** Says which servers there shall be: those of a registry without fault. Nothing is done before. */
	setServers(servers: readonly KubernetesServer[]): void;
	conditions(id: string): readonly Condition[];
	state(): WriterState;
	/** Looks at charts and cluster anew, and writes again after a cleanup. */
	again(): void;
	/** Gives the Lease back. The objects stay. */
	close(): Promise<void>;
}

export function startWriter(deps: WriterDeps): Writer {
	const { request, namespace, gatewayName, cache, log } = deps;
	const lease = startLease({
		request,
		namespace,
		gatewayName,
		log,
		onChange: () => reconciler.leaseChanged(),
		...(deps.leaseTimes === undefined ? {} : { times: deps.leaseTimes }),
	});
	const reconciler = startReconciler({
		request,
		cache,
		lease,
		owner: { gatewayName, leaseNamespace: namespace },
		wanted: createWanted({ charts: deps.charts, gatewayName, namespace }),
		log,
		...(deps.resyncMs === undefined ? {} : { resyncMs: deps.resyncMs }),
	});
	return {
		setServers: reconciler.setServers,
		conditions: reconciler.conditions,
		state: () => ({
			identity: lease.identity,
			writes: lease.held,
			...(lease.holder === undefined ? {} : { holder: lease.holder }),
			...(lease.problem === undefined ? {} : { problem: lease.problem }),
		}),
		again: reconciler.again,
		async close() {
			await reconciler.close();
			await lease.close();
		},
	};
}
