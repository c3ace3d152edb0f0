import { z } from "zod";
import type { Address } from "../ir/model.ts";
import { clusterName } from "../xds/names.ts";
import { getJson } from "./http-get.ts";

/** One replica as Envoy sees it. */
export interface Replica {
	/** `HOST:PORT` or `unix:PATH`. */
	readonly address: string;
	readonly health: "healthy" | "unhealthy" | "ejected" | "draining";
	/** Requests under way. */
	readonly active: number;
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
			eds_health_status: z.string().optional(),
		})
		.optional(),
	stats: z
		.array(z.object({ name: z.string().optional(), value: z.union([z.string(), z.number()]).optional() }))
		.optional(),
});
const clusters = z.object({
	cluster_statuses: z.array(z.object({ name: z.string(), host_statuses: z.array(hostStatus).optional() })).optional(),
});

/** The replicas of every server, asked of Envoy's admin port; https://www.envoyproxy.io/docs/envoy/v1.40.0/operations/admin */
export async function readReplicas(envoyAdmin: Address): Promise<ReadonlyMap<string, readonly Replica[]>> {
	const answer = clusters.parse(await getJson(envoyAdmin, "/clusters?format=json"));
	const prefix = clusterName("");
	const found = new Map<string, Replica[]>();
	for (const { name, host_statuses = [] } of answer.cluster_statuses ?? []) {
		if (name.startsWith(prefix)) found.set(name.slice(prefix.length), host_statuses.map(toReplica));
	}
	return found;
}

function toReplica({ address, health_status, stats }: z.infer<typeof hostStatus>): Replica {
	const socket = address.socket_address;
	const active = stats?.find(({ name }) => name === "rq_active")?.value ?? 0;
	return {
		address: socket === undefined ? `unix:${address.pipe?.path ?? ""}` : hostPort(socket.address, socket.port_value),
		health: health(health_status),
		active: Number(active),
	};
}

function hostPort(host: string, port: number): string {
	return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function health(status: z.infer<typeof hostStatus>["health_status"]): Replica["health"] {
	if (status?.failed_active_health_check === true) return "unhealthy";
	if (status?.failed_outlier_check === true) return "ejected";
	if (status?.eds_health_status === "DRAINING") return "draining";
	return "healthy";
}
