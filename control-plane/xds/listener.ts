import type { ListenerIR } from "../ir/model.ts";
import { accessLog } from "./access-log.ts";
import { keyCounter } from "./api-keys.ts";
import { httpFilters, upgradeFilters } from "./filters.ts";
import { localReplies } from "./local-replies.ts";
import { any, extension, type Message, typedStruct } from "./message.ts";
import { adsSource, clientCaName, gatewayCertificateName, listenerName, pathHeader } from "./names.ts";
import { traceMutations, tracing } from "./tracing.ts";

/** The listener that clients connect to. It names no server: servers come as scopes, one each. */
export function listener(ir: ListenerIR): Message {
	return {
		name: listenerName,
		address: { socket_address: { address: ir.host, port_value: ir.port } },
		per_connection_buffer_limit_bytes: 1_048_576,
		...(ir.tcpKeepAlive ? { socket_options: keepAlive } : {}),
		filter_chains: [
			{
				filters: [extension("envoy.filters.network.http_connection_manager", connectionManager(ir))],
				...(ir.tls === undefined ? {} : tls(ir.tls.clientCaPem !== undefined)),
			},
		],
	};
}

/**
 * TLS towards clients. Certificate and authorities come over SDS: a renewal is for new connections, and closes none.
 * @param askClients Only clients whose certificate an authority of theirs has signed.
 */
function tls(askClients: boolean): Message {
	const socket = any("envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", {
		common_tls_context: {
			alpn_protocols: ["h2", "http/1.1"],
			tls_params: { tls_minimum_protocol_version: "TLSv1_2" },
			tls_certificate_sds_secret_configs: [{ name: gatewayCertificateName, sds_config: adsSource }],
			...(askClients ? { validation_context_sds_secret_config: { name: clientCaName, sds_config: adsSource } } : {}),
		},
		...(askClients ? { require_client_certificate: true } : {}),
	});
	return {
		transport_socket: extension("envoy.transport_sockets.tls", socket),
		// Envoy knows no limit of its own for a handshake, and the limits of HTTP begin after it.
		transport_socket_connect_timeout: "15s",
	};
}

function connectionManager(ir: ListenerIR): Message {
	return any("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", {
		stat_prefix: "mcp",
		codec_type: "AUTO",
		scoped_routes: {
			name: "mcp",
			scope_key_builder: {
				fragments: [{ header_value_extractor: { name: pathHeader, element_separator: "/", index: 1 } }],
			},
			rds_config_source: adsSource,
			scoped_rds: { scoped_rds_config_source: adsSource },
		},
		early_header_mutation_extensions: [earlyHeaders(ir)],
		...tracing(ir.trace),
		http_filters: httpFilters(ir),
		upgrade_configs: [{ upgrade_type: "websocket", filters: upgradeFilters(ir) }],
		local_reply_config: localReplies(ir),
		access_log: [...accessLog(ir), ...(ir.apiKeys.length === 0 ? [] : [keyCounter])],
		// Streams may be silent for hours: no limit of time on what is open, only on what never gets to its end.
		stream_idle_timeout: "0s",
		request_headers_timeout: "30s",
		common_http_protocol_options: { idle_timeout: "3600s", max_headers_count: 100 },
		http2_protocol_options: {
			// WebSocket over HTTP/2 (https://www.rfc-editor.org/rfc/rfc8441): browsers ask for it where it is offered.
			allow_connect: true,
			max_concurrent_streams: 1000,
			initial_stream_window_size: 1_048_576,
			initial_connection_window_size: 16_777_216,
			connection_keepalive: { interval: "30s", timeout: "20s" },
		},
		// Nothing is normalized: the upstream gets the bytes that the client sent. What is dangerous is refused instead.
		normalize_path: false,
		merge_slashes: false,
		path_with_escaped_slashes_action: "KEEP_UNCHANGED",
		// The client's forwarding headers pass as they are; whom Envoy itself believes them is asked nowhere here.
		use_remote_address: false,
		preserve_external_request_id: true,
		server_header_transformation: "PASS_THROUGH",
	});
}

/**
 * Before anything else looks at the headers: the scope's key is set, and what would steer Envoy (retries, timeouts,
 * attempt counts) is taken away. TypedStruct, because the .proto files of 2024-07 do not know `remove_on_match`.
 */
function earlyHeaders(ir: ListenerIR): Message {
	return extension(
		"envoy.http.early_header_mutation.header_mutation",
		typedStruct("envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation", {
			mutations: [
				{ remove_on_match: { key_matcher: { prefix: "x-envoy-" } } },
				...traceMutations(ir.trace),
				{
					append: {
						header: { key: pathHeader, value: "%PATH(NQ:PATH)%" },
						append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
					},
				},
			],
		}),
	);
}

/** TCP keep-alive towards clients, by Linux' numbers: SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT. */
const keepAlive: Message[] = [
	[1, 9, 1],
	[6, 4, 30],
	[6, 5, 10],
	[6, 6, 3],
].map(([level, name, value]) => ({ level, name, int_value: value, state: "STATE_PREBIND" }) as Message);
