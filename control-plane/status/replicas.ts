import { z } from "zod";
import type { Address } from "../ir/model.ts";
import { clusterName } from "../xds/names.ts";
import { askJson } from "./http-get.ts";

/** One replica as Envoy sees it. */
export interface Replica {
	/** `HOST:PORT` or `unix:PATH`. */
	readonly address: string;
	/**
	 * `unhealthy`: fails its active check, or its pod is not ready; `ejected`: connections to it failed; `unchecked`: the first check is under
	 * way; `draining`: no longer in the registry. Only `healthy` ones get new sessions.
	 */
	readonly health: "healthy" | "unhealthy" | "ejected" | "unchecked" | "draining";
	/** Why it is not healthy. */
	readonly reason?: string;
	/** Gets new sessions only while none of the others can be reached. */
	readonly standby?: true;
	/** Requests under way. */
	readonly active: number;
	/** Requests so far, checks not counted. */
	readonly requests: number;
}

/** What Envoy knows of one server. */
export interface Health {
	readonly replicas: readonly Replica[];
	/** How often a replica was ejected because connections to it failed. */
	readonly ejections: number;
	/** Active checks so far, and those that failed. */
	readonly checks: number;
	readonly failedChecks: number;
}

const hostStatus = z.object({
	address: z.object({
		socket_address: z.object({ address: z.string(), port_value: z.number() }).optional(),
		pipe: z.object({ path: z.string() }).optional(),
	}),
	health_status: z
		.object({
			failed_active_health_check: z.boolean().optional(),
			failed_outlier_check: z.boolean().optional(),
			pending_active_hc: z.boolean().optional(),
			active_hc_timeout: z.boolean().optional(),
			pending_dynamic_removal: z.boolean().optional(),
			eds_health_status: z.string().optional(),
		})
		.optional(),
	priority: z.number().optional(),
	stats: z
		.array(z.object({ name: z.string().optional(), value: z.union([z.string(), z.number()]).optional() }))
		.optional(),
});
const clusters = z.object({
	cluster_statuses: z.array(z.object({ name: z.string(), host_statuses: z.array(hostStatus).optional() })).optional(),
});

const counters = z.object({
	stats: z.array(z.object({ name: z.string().optional(), value: z.number().optional() })),
});
const counterNames = {
	ejections: "outlier_detection.ejections_enforced_total",
	checks: "health_check.attempt",
	failedChecks: "health_check.failure",
} as const;

/** The health of every server, asked of Envoy's admin port; https://www.envoyproxy.io/docs/envoy/v1.40.0/operations/admin */
export async function readHealth(envoyAdmin: Address): Promise<ReadonlyMap<string, Health>> {
	const prefix = clusterName("");
	const filter = `^cluster\\.${prefix}.*\\.(${Object.values(counterNames).join("|")})$`;
	const [status, counted] = await Promise.all([
		askJson(envoyAdmin, "/clusters?format=json").then((json) => clusters.parse(json)),
		askJson(envoyAdmin, `/stats?format=json&usedonly&filter=${encodeURIComponent(filter)}`).then((json) =>
			counters.parse(json),
		),
	]);
	const values = new Map(counted.stats.map(({ name, value }) => [name, value ?? 0]));
	const found = new Map<string, Health>();
	for (const { name, host_statuses = [] } of status.cluster_statuses ?? []) {
		if (!name.startsWith(prefix)) continue;
		const count = (counter: keyof typeof counterNames) => values.get(`cluster.${name}.${counterNames[counter]}`) ?? 0;
		found.set(name.slice(prefix.length), {
			replicas: host_statuses.map(toReplica),
			ejections: count("ejections"),
			checks: count("checks"),
			failedChecks: count("failedChecks"),
		});
	}
	return found;
}

function toReplica({ address, health_status, priority = 0, stats }: z.infer<typeof hostStatus>): Replica {
	const socket = address.socket_address;
	const stat = (wanted: string) => Number(stats?.find(({ name }) => name === wanted)?.value ?? 0);
	return {
		address: socket === undefined ? `unix:${address.pipe?.path ?? ""}` : hostPort(socket.address, socket.port_value),
		...health(health_status),
		...(priority > 0 && { standby: true as const }),
		active: stat("rq_active"),
		requests: stat("rq_total"),
	};
}

function hostPort(host: string, port: number): string {
	return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function health(status: z.infer<typeof hostStatus>["health_status"] = {}): Pick<Replica, "health" | "reason"> {
	if (status.pending_dynamic_removal === true || status.eds_health_status === "DRAINING") return { health: "draining" };
	if (status.pending_active_hc === true) return { health: "unchecked", reason: "its first health check is under way" };
	if (status.failed_active_health_check === true) {
		const late = status.active_hc_timeout === true;
		const reason = late ? "no answer to its health check in time" : "its health check is refused or answered wrongly";
		return { health: "unhealthy", reason };
	}
	if (status.eds_health_status === "UNHEALTHY") return { health: "unhealthy", reason: "its pod is not ready" };
	if (status.failed_outlier_check === true) return { health: "ejected", reason: "connections to it failed" };
	return { health: "healthy" };
}
