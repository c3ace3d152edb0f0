import { stringify } from "yaml";
import { type XdsTlsFiles, xdsServerName } from "../control-plane/ads/credentials.ts";
import { type Address, formatAddress } from "../control-plane/cli/address.ts";

export interface BootstrapOptions {
	/** Where the control plane serves xDS. */
	readonly xds: Address;
	/** Files on Envoy's machine; left out: plain text, for a control plane that nobody else reaches. */
	readonly xdsTls?: XdsTlsFiles;
	/** Where Envoy's admin interface listens. It can stop Envoy, so it is never bound to more than this machine. */
	readonly admin: Address;
	/** Where `/ready` and `/stats/prometheus` are answered for others, and nothing else; left out: nowhere. */
	readonly probes?: Address;
	readonly nodeId: string;
	/** Heap at which Envoy would be at its limit; it sheds load shortly before. */
	readonly maxHeapBytes: number;
	/** Client connections over all listeners. */
	readonly maxConnections: number;
}

/** All Envoys of one gateway belong to one node cluster, which is what the control plane groups them by. */
export const NODE_CLUSTER = "mcp-gateway";

export const bootstrapDefaults = {
	xds: { host: "127.0.0.1", port: 18000 },
	admin: { host: "127.0.0.1", port: 9901 },
	// Measured: 10,000 servers need up to 830 MB, so 2 GiB leaves more than half for connections and buffered bodies.
	maxHeapBytes: 2 * 1024 ** 3,
	maxConnections: 50_000,
} as const;

/**
 * Envoy's bootstrap: who it is and where its control plane is; everything else arrives over ADS.
 * Scoped routes are asked for from within the listener, so nothing here names them.
 */
export function bootstrap(options: BootstrapOptions, platform: NodeJS.Platform = process.platform) {
	// 0s: Envoy waits for its first clusters and listener rather than start without them after 15 s. There is nothing it
	// could serve before, and /ready keeps telling so.
	const overAds = { ads: {}, resource_api_version: "V3", initial_fetch_timeout: "0s" };
	return {
		node: { id: options.nodeId, cluster: NODE_CLUSTER },
		admin: { address: socketAddress(options.admin), ignore_global_conn_limit: true },
		dynamic_resources: {
			ads_config: {
				api_type: "DELTA_GRPC",
				transport_api_version: "V3",
				set_node_on_first_message_only: true,
				grpc_services: [
					{
						envoy_grpc: {
							cluster_name: "xds",
							// Envoy's default waits up to 30 s before it tries again; a control plane that has been restarted is
							// local and back within a second, and one attempt a second costs nothing.
							retry_policy: { retry_back_off: { base_interval: "0.05s", max_interval: "1s" } },
						},
					},
				],
			},
			lds_config: overAds,
			cds_config: overAds,
		},
		static_resources: {
			clusters: [xdsCluster(options), ...(options.probes === undefined ? [] : [adminCluster(options.admin)])],
			...(options.probes === undefined ? {} : { listeners: [probeListener(options.probes)] }),
		},
		// Envoy asks macOS itself, which alone knows the name servers of a VPN.
		...(platform === "darwin" ? {} : { typed_dns_resolver_config: dnsResolver }),
		// A server's statistics are created with its first request: memory and start-up grow with use, not with the registry.
		deferred_stat_options: { enable_deferred_creation_stats: true },
		// Without a sink the periodic merge of all histograms is work for nobody; reading /stats does it when asked.
		stats_flush_on_admin: true,
		layered_runtime: {
			// By default Envoy exports every five spans on their own, which costs more than to make them, and where the
			// receiver is down it logs an error as often. What is left goes every five seconds.
			layers: [{ name: "static", static_layer: { "tracing.opentelemetry.min_flush_spans": 512 } }],
		},
		overload_manager: overloadManager(options),
	};
}

/** {@link bootstrap} as a YAML file with a comment that says what to do with it. */
export function bootstrapYaml(options: BootstrapOptions): string {
	return [
		"# Envoy's bootstrap for an MCP gateway, written by `mcp-gateway bootstrap`. Run it with",
		"#   envoy -c envoy.yaml --disable-hot-restart",
		`# next to \`mcp-gateway control-plane --xds ${formatAddress(options.xds)} --envoy-admin ${formatAddress(options.admin)} --registry FILE\`.`,
		stringify(bootstrap(options), { lineWidth: 120, aliasDuplicateObjects: false }),
	].join("\n");
}

/**
 * How names are asked for, by all clusters. While Envoy starts everything waits until each name has had an answer or been
 * given up, so a name server that is silent is given up soon: by c-ares' defaults that would take eleven seconds. Two tries,
 * since a lost packet alone would send the server's traffic to its IPv6 addresses.
 */
const dnsResolver = {
	name: "envoy.network.dns_resolver.cares",
	typed_config: {
		"@type": "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
		query_timeout_seconds: 1,
		query_tries: 2,
	},
};

function xdsCluster({ xds, xdsTls }: BootstrapOptions) {
	const byName = "host" in xds && !/^[\d.]+$|:/.test(xds.host);
	return {
		name: "xds",
		type: byName ? "STRICT_DNS" : "STATIC",
		connect_timeout: "1s",
		typed_extension_protocol_options: {
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
				"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
				explicit_http_config: {
					// Finds a control plane that is gone without having closed its connection.
					http2_protocol_options: { connection_keepalive: { interval: "30s", timeout: "5s" } },
				},
			},
		},
		...(xdsTls === undefined ? {} : { transport_socket: mutualTls(xdsTls) }),
		load_assignment: loadAssignment("xds", xds),
	};
}

function loadAssignment(name: string, address: Address) {
	return { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(address) } }] }] };
}

/** Envoy reads the files once: a renewal reaches it when it starts again, which a roll-out does one by one. */
function mutualTls({ ca, cert, key }: XdsTlsFiles) {
	return {
		name: "envoy.transport_sockets.tls",
		typed_config: {
			"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
			sni: xdsServerName,
			common_tls_context: {
				alpn_protocols: ["h2"],
				tls_certificates: [{ certificate_chain: { filename: cert }, private_key: { filename: key } }],
				validation_context: {
					trusted_ca: { filename: ca },
					match_typed_subject_alt_names: [{ san_type: "DNS", matcher: { exact: xdsServerName } }],
				},
			},
		},
	};
}

const adminClusterName = "envoy-admin";

function adminCluster(admin: Address) {
	return {
		name: adminClusterName,
		type: "STATIC",
		connect_timeout: "1s",
		load_assignment: loadAssignment(adminClusterName, admin),
	};
}

/** Two paths of the admin interface, to be read only: the kubelet and Prometheus cannot come in by loopback. */
function probeListener(address: Address) {
	const reading = [{ name: ":method", string_match: { exact: "GET" } }];
	return {
		name: "probes",
		address: socketAddress(address),
		// Load that is shed, and a limit of connections, must not make a pod look dead.
		bypass_overload_manager: true,
		ignore_global_conn_limit: true,
		filter_chains: [
			{
				filters: [
					{
						name: "envoy.filters.network.http_connection_manager",
						typed_config: {
							"@type":
								"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
							stat_prefix: "probes",
							normalize_path: true,
							route_config: {
								name: "probes",
								virtual_hosts: [
									{
										name: "probes",
										domains: ["*"],
										routes: ["/ready", "/stats/prometheus"].map((path) => ({
											match: { path, headers: reading },
											route: { cluster: adminClusterName },
										})),
									},
								],
							},
							http_filters: [
								{
									name: "envoy.filters.http.router",
									typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
								},
							],
						},
					},
				],
			},
		],
	};
}

function overloadManager(options: BootstrapOptions) {
	const heap = "envoy.resource_monitors.fixed_heap";
	const atHeap = (value: number) => [{ name: heap, threshold: { value } }];
	return {
		refresh_interval: "0.25s",
		resource_monitors: [
			{
				name: heap,
				typed_config: {
					"@type": "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
					max_heap_size_bytes: options.maxHeapBytes,
				},
			},
			{
				name: "envoy.resource_monitors.global_downstream_max_connections",
				typed_config: {
					"@type":
						"type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
					max_active_downstream_connections: options.maxConnections,
				},
			},
		],
		actions: [
			{ name: "envoy.overload_actions.shrink_heap", triggers: atHeap(0.9) },
			{ name: "envoy.overload_actions.stop_accepting_requests", triggers: atHeap(0.95) },
		],
	};
}

function socketAddress(address: Address) {
	if ("path" in address) return { pipe: { path: address.path, mode: 0o600 } };
	return { socket_address: { address: address.host, port_value: address.port } };
}
