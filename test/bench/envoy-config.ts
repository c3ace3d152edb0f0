import { buildServer } from "../../control-plane/ir/build.ts";
import type { ListenerIR, ServingServer } from "../../control-plane/ir/model.ts";
import { parseRegistry } from "../../control-plane/registry/parse.ts";
import { cluster, loadAssignment } from "../../control-plane/xds/cluster.ts";
import { listener } from "../../control-plane/xds/listener.ts";
import { any, extension, type Message } from "../../control-plane/xds/message.ts";
import { clusterName } from "../../control-plane/xds/names.ts";
import { bootstrap, bootstrapDefaults } from "../../envoy/bootstrap.ts";

/** The connection manager of a listener that {@link staticRoute} made, for variants of it to change. */
export interface ConnectionManager {
	http_filters: { name: string }[];
	access_log: Message[];
	[field: string]: unknown;
}

/** The gateway's own Envoy with its filters, error mappers and log, but one hand-written route and no control plane. */
export function staticRoute(
	port: number,
	upstreamPort: number,
	accessLog: string,
	change: (manager: ConnectionManager) => void = () => {},
): Message {
	const server = serving("server-0", upstreamPort);
	const mine = JSON.parse(JSON.stringify(listener(listenerIR(port, accessLog)))) as {
		filter_chains: [{ filters: [{ typed_config: ConnectionManager }] }];
	};
	const manager = mine.filter_chains[0].filters[0].typed_config;
	delete manager["scoped_routes"];
	manager["route_config"] = oneRoute("/server-0", "/mcp");
	change(manager);
	const { dynamic_resources: _, ...common } = bootstrap({
		xds: bootstrapDefaults.xds,
		admin: { host: "127.0.0.1", port: 0 },
		nodeId: "bench",
		maxHeapBytes: bootstrapDefaults.maxHeapBytes,
		maxConnections: bootstrapDefaults.maxConnections,
	});
	const resources: Message = {
		listeners: [mine as unknown as Message],
		clusters: [withEndpoints(cluster(server), server)],
	};
	return { ...(common as unknown as Message), static_resources: resources };
}

/** The least that is a proxy: connection manager, router, one route, one cluster. */
export function bareRoute(port: number, upstreamPort: number): Message {
	const manager = any("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", {
		stat_prefix: "bare",
		route_config: oneRoute("/server-0", "/mcp"),
		http_filters: [extension("envoy.filters.http.router", any("envoy.extensions.filters.http.router.v3.Router"))],
	});
	const server = serving("server-0", upstreamPort);
	return {
		static_resources: {
			listeners: [
				{
					name: "bare",
					address: { socket_address: { address: "127.0.0.1", port_value: port } },
					filter_chains: [{ filters: [extension("envoy.filters.network.http_connection_manager", manager)] }],
				},
			],
			clusters: [
				{
					name: clusterName(server.id),
					type: "STATIC",
					load_assignment: loadAssignment(server),
				},
			],
		},
	};
}

function oneRoute(prefix: string, rewrite: string): Message {
	const route = { cluster: clusterName("server-0"), prefix_rewrite: rewrite, timeout: "0s" };
	return {
		name: "static",
		virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ name: "server-0", match: { prefix }, route }] }],
	};
}

function serving(id: string, port: number): ServingServer {
	const parsed = parseRegistry(JSON.stringify({ [id]: endpoint(port, "/mcp") }), "registry.json");
	const entry = parsed.ok ? parsed.registry.servers.get(id) : undefined;
	if (entry === undefined) throw new Error("the bench's registry is faulty");
	const expand = (value: string) => ({ ok: true as const, value });
	const server = buildServer(entry, { expand, readFile: () => "", bridges: [], detection: undetected, discover });
	if (server.state !== "serving") throw new Error(server.problem);
	return server;
}

/** A registry's entry for the bench's upstream. */
export function endpoint(port: number, path: string): { type: "http"; endpoint: string } {
	return { type: "http", endpoint: `http://127.0.0.1:${port}${path}` };
}

const undetected = () => ({ state: "detecting" as const });
const discover = () => ({ state: "missing" as const, problem: "no cluster here" });

function withEndpoints(message: Message, server: ServingServer): Message {
	const { eds_cluster_config: _, ...rest } = message;
	return { ...rest, type: "STATIC", load_assignment: loadAssignment(server) };
}

function listenerIR(port: number, accessLog: string): ListenerIR {
	return {
		host: "127.0.0.1",
		port,
		allowOrigins: [],
		allowHosts: ["localhost", "127.0.0.1", "[::1]"],
		maxBodyBytes: 64 * 1024 ** 2,
		mcpFilter: true,
		accessLog,
		tcpKeepAlive: process.platform === "linux",
		trace: "generate",
		apiKeys: [],
	};
}
