import { isIP } from "node:net";
import type { TraceExportIR, TraceIR } from "../ir/model.ts";
import { tlsSocket } from "./cluster.ts";
import { any, extension, type Message, typedStruct } from "./message.ts";
import { exporterName, mcpNamespace, pathHeader } from "./names.ts";

/**
 * A request without `traceparent` gets one; one that it has is left alone. Envoy formats no random hex, and its tracers
 * cost ten times as much, so the ids are made of the time and of the first eight digits of a UUID: 32 and 16 digits,
 * the right 16 of them random (https://www.w3.org/TR/trace-context/#trace-id). The UUID stands where the path comes
 * after it: another header would cost more than all the digits. Sampled, since the access log has it; an upstream would
 * otherwise take it for a wish not to record.
 */
export function traceMutations(trace: TraceIR): Message[] {
	if (trace !== "generate") return [];
	const random = `%REQ(${pathHeader}):8%`.repeat(2);
	return [
		set(pathHeader, "%UNIQUE_ID%", "OVERWRITE_IF_EXISTS_OR_ADD"),
		set("traceparent", `00-%START_TIME(%s%6f)%${random}-${random}-01`, "ADD_IF_ABSENT"),
	];
}

function set(key: string, value: string, action: string): Message {
	return { append: { header: { key, value }, append_action: action } };
}

/** What the connection manager needs to make spans of requests, and to send them on. */
export function tracing(trace: TraceIR): Message {
	if (typeof trace === "string") return {};
	const { url, samplePercent } = trace;
	return {
		tracing: {
			custom_tags: [
				// In place of the URL with its query, which may hold secrets. Gone once a request is routed: then the cluster's
				// name tells the server.
				{ tag: "http.url", request_header: { name: pathHeader, default_value: "-" } },
				fromBody("mcp.method.name", "method"),
				fromBody("gen_ai.tool.name", "name"),
			],
			provider: {
				name: "envoy.tracers.opentelemetry",
				typed_config: any("envoy.config.trace.v3.OpenTelemetryConfig", {
					service_name: "mcp-gateway",
					sampler: sampler(samplePercent),
					http_service: { http_uri: { uri: url, cluster: exporterName, timeout: "5s" } },
				}),
			},
		},
		// Envoy would write its decision into request ids, the client's own included, and decide by them.
		request_id_extension: {
			typed_config: any("envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig", {
				pack_trace_reason: false,
				use_request_id_for_trace_sampling: false,
			}),
		},
	};
}

/** Named as https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/ does; left out where the body was not read. */
function fromBody(tag: string, key: string): Message {
	return { tag, metadata: { kind: { request: {} }, metadata_key: { key: mcpNamespace, path: [{ key }] } } };
}

/** A client's decision counts, and where there is none, chance: https://www.w3.org/TR/trace-context/#sampled-flag */
function sampler(percent: number): Message {
	const samplers = "envoy.extensions.tracers.opentelemetry.samplers.v3";
	const chance = extension(
		"envoy.tracers.opentelemetry.samplers.trace_id_ratio_based",
		typedStruct(`${samplers}.TraceIdRatioBasedSamplerConfig`, {
			sampling_percentage: { numerator: Math.round(percent * 10_000), denominator: "MILLION" },
		}),
	);
	return extension(
		"envoy.tracers.opentelemetry.samplers.parent_based",
		typedStruct(`${samplers}.ParentBasedSamplerConfig`, { wrapped_sampler: chance }),
	);
}

/** The cluster that spans are sent to. */
export function exporterCluster({ url }: TraceExportIR): Message {
	const { protocol, hostname, port } = new URL(url);
	const host = hostname.replace(/^\[|\]$/g, "");
	const secure = protocol === "https:";
	const address = { socket_address: { address: host, port_value: Number(port) || (secure ? 443 : 80) } };
	const sni = isIP(host) === 0 ? { sni: host } : {};
	return {
		name: exporterName,
		type: isIP(host) === 0 ? "STRICT_DNS" : "STATIC",
		connect_timeout: "1s",
		...(isIP(host) === 0 ? { dns_lookup_family: "V4_PREFERRED" } : {}),
		load_assignment: {
			cluster_name: exporterName,
			endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
		},
		...(secure ? { transport_socket: tlsSocket(exporterName, { verify: true, names: [host], ...sni }) } : {}),
	};
}
