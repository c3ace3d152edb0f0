import { isIP } from "node:net";
import { mayHaveReplicas, type ServingServer, type UpstreamEndpoint, type UpstreamIR } from "../ir/model.ts";
import { healthChecked } from "./health-check.ts";
import { any, duration, extension, type Message, typedStruct } from "./message.ts";
import { adsSource, caSecretName, clusterName, headerSecretName, statName, systemRootsName } from "./names.ts";

const lbPolicy = { "round-robin": "ROUND_ROBIN", "least-request": "LEAST_REQUEST", random: "RANDOM" } as const;

/**
 * Envoy closes idle upstream connections after this long. Node and uvicorn close theirs after 5 s; who closes second
 * may send a request into a closed connection, and a sent POST cannot be retried.
 */
const upstreamIdleMs = 4000;

/** The Cluster of a server. Addresses come by EDS; DNS names stand in the cluster, and Envoy resolves them. */
export function cluster(server: ServingServer): Message {
	const { id, upstream } = server;
	return {
		name: clusterName(id),
		...(id.includes(".") ? { alt_stat_name: statName(id) } : {}),
		...discovery(server),
		connect_timeout: duration(upstream.connectTimeoutMs),
		lb_policy: lbPolicy[upstream.loadBalancer],
		common_lb_config: {
			// Without panic routing a dead replica never gets traffic because its neighbours died too.
			healthy_panic_threshold: { value: 0 },
			// Envoy's default withholds a second change of health from the workers for a second: they would go on using a
			// replica that is ejected already.
			update_merge_window: "0s",
			// A session follows its replica for as long as there is one, whatever its health: others' failed requests must
			// not end it. If the replica is dead the connection fails, and that ends the session.
			override_host_status: {
				statuses: ["UNKNOWN", "HEALTHY", "UNHEALTHY", "DRAINING", "TIMEOUT", "DEGRADED"],
			},
		},
		// Streams are long-lived: Envoy's default of 1024 requests would be a limit on open sessions.
		circuit_breakers: { thresholds: [unlimited("DEFAULT"), unlimited("HIGH")] },
		typed_extension_protocol_options: {
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": httpOptions(id, upstream),
		},
		// A peer that vanished without a word is noticed within a minute, however long its streams are silent.
		upstream_connection_options: {
			tcp_keepalive: { keepalive_probes: 3, keepalive_time: 30, keepalive_interval: 10 },
		},
		...(mayHaveReplicas(upstream) ? { outlier_detection: ejection } : {}),
		...(upstream.healthCheck === undefined ? {} : healthChecked(upstream.healthCheck)),
		...(upstream.tls === undefined ? {} : { transport_socket: tlsSocket(id, upstream.tls) }),
	};
}

/** The ClusterLoadAssignment that EDS sends, or that stands in a DNS cluster. */
export function loadAssignment({ id, upstream }: ServingServer): Message {
	const checked = upstream.healthCheck !== undefined;
	const messages = (endpoints: readonly UpstreamEndpoint[]) =>
		endpoints.map((endpoint) => lbEndpoint(endpoint, checked));
	const standby = upstream.endpoints.filter((endpoint) => endpoint.standby);
	const zones = byZone(upstream.endpoints.filter((endpoint) => !endpoint.standby));
	return {
		cluster_name: clusterName(id),
		endpoints: [
			...[...zones].map(([zone, endpoints]) => ({
				...(zone === "" ? {} : { locality: { zone } }),
				lb_endpoints: messages(endpoints),
			})),
			...(standby.length === 0 ? [] : [{ priority: 1, lb_endpoints: messages(standby) }]),
		],
	};
}

/**
 * Endpoints by their zone, sorted, those without one first; one group at least. A name for people and statistics: with
 * no cluster of its own to compare with (`local_cluster_name`), Envoy balances over all zones of a priority as one.
 */
function byZone(endpoints: readonly UpstreamEndpoint[]): ReadonlyMap<string, readonly UpstreamEndpoint[]> {
	const named = [...new Set(endpoints.flatMap(({ zone }) => zone ?? []))].sort();
	const zones = endpoints.every(({ zone }) => zone !== undefined) && named.length > 0 ? named : ["", ...named];
	return new Map(zones.map((zone) => [zone, endpoints.filter((endpoint) => (endpoint.zone ?? "") === zone)]));
}

function discovery(server: ServingServer): Message {
	if (server.upstream.discovery === "eds") {
		return { type: "EDS", eds_cluster_config: { eds_config: adsSource } };
	}
	// Envoy calls these fields deprecated, but the .proto files of 2024-07 know no others and a cluster factory takes no
	// TypedStruct ("Didn't find a registered cluster factory implementation").
	return {
		type: "STRICT_DNS",
		respect_dns_ttl: true,
		dns_refresh_rate: "5s",
		dns_failure_refresh_rate: { base_interval: "1s", max_interval: "10s" },
		dns_lookup_family: "V4_PREFERRED",
		load_assignment: loadAssignment(server),
	};
}

function lbEndpoint({ address, weight, hostname, draining, unready }: UpstreamEndpoint, checked: boolean): Message {
	const endpoint =
		"path" in address
			? { address: { pipe: { path: address.path } } }
			: {
					address: socketAddress(address.host === "localhost" ? "127.0.0.1" : address.host, address.port),
					// Programs that listen on "localhost" take either loopback; the second one is tried at once.
					...(address.host === "localhost"
						? { additional_addresses: [{ address: socketAddress("::1", address.port) }] }
						: {}),
					hostname,
					// The Host of a health check; without it that would be the cluster's name.
					...(checked ? { health_check_config: { hostname } } : {}),
				};
	const status = draining ? "DRAINING" : unready ? "UNHEALTHY" : undefined;
	return { endpoint, load_balancing_weight: weight, ...(status !== undefined && { health_status: status }) };
}

function socketAddress(host: string, port: number): Message {
	return { socket_address: { address: host, port_value: port } };
}

const unlimited = (priority: string): Message => ({
	priority,
	max_connections: 1_000_000_000,
	max_pending_requests: 1_000_000_000,
	max_requests: 1_000_000_000,
	max_retries: 1_000_000_000,
});

/**
 * Ejects on failed connections only: with gateway failures counted, one 503 of the server's own would eject a replica
 * and cost its sessions. Envoy counts a connection that breaks off after the request like one that never opened, so it
 * takes three in a row: a request that crashes its own connection must not cost the others' sessions. Those that never
 * opened are sent to another replica meanwhile. Ejected for one second at first: a restarted replica is soon back.
 */
const ejection: Message = {
	split_external_local_origin_errors: true,
	consecutive_local_origin_failure: 3,
	enforcing_consecutive_local_origin_failure: 100,
	enforcing_consecutive_5xx: 0,
	enforcing_consecutive_gateway_failure: 0,
	enforcing_success_rate: 0,
	enforcing_local_origin_success_rate: 0,
	interval: "0.5s",
	base_ejection_time: "1s",
	max_ejection_time: "10s",
	max_ejection_percent: 100,
};

/** HTTP/1.1 to the upstream, and a filter for each header whose value only SDS may carry. */
function httpOptions(id: string, upstream: UpstreamIR): Message {
	const injectors = upstream.headers.map(({ name }) =>
		extension(
			"envoy.filters.http.credential_injector",
			any("envoy.extensions.filters.http.credential_injector.v3.CredentialInjector", {
				overwrite: true,
				credential: extension(
					"envoy.http.injected_credentials.generic",
					any("envoy.extensions.http.injected_credentials.generic.v3.Generic", {
						credential: { name: headerSecretName(id, name), sds_config: adsSource },
						header: name,
					}),
				),
			}),
		),
	);
	const codec = extension(
		"envoy.filters.http.upstream_codec",
		any("envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"),
	);
	return any("envoy.extensions.upstreams.http.v3.HttpProtocolOptions", {
		common_http_protocol_options: { idle_timeout: duration(upstreamIdleMs) },
		explicit_http_config: { http_protocol_options: {} },
		...(injectors.length === 0 ? {} : { http_filters: [...injectors, codec] }),
	});
}

/** TypedStruct, because the .proto files of 2024-07 do not know `auto_host_sni`. */
export function tlsSocket(id: string, tls: NonNullable<UpstreamIR["tls"]>): Message {
	const secret = tls.caPem === undefined ? systemRootsName : caSecretName(id);
	const validation: Message = {
		combined_validation_context: {
			default_validation_context: { match_typed_subject_alt_names: tls.names.map(subjectAltName) },
			validation_context_sds_secret_config: { name: secret, sds_config: adsSource },
		},
	};
	return extension(
		"envoy.transport_sockets.tls",
		typedStruct("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", {
			...(tls.sni === undefined ? {} : { sni: tls.sni }),
			...(tls.sni === undefined && tls.names.some((name) => isIP(name) === 0) ? { auto_host_sni: true } : {}),
			common_tls_context: { alpn_protocols: ["http/1.1"], ...(tls.verify ? validation : {}) },
		}),
	);
}

function subjectAltName(name: string): Message {
	return { san_type: isIP(name) === 0 ? "DNS" : "IP_ADDRESS", matcher: { exact: name } };
}
