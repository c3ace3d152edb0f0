import type { HealthCheckIR } from "../ir/model.ts";
import { duration, type Message } from "./message.ts";

/**
 * A session that no server has. Servers with sessions answer that they do not know it; without the header some open a
 * session for whatever they are asked (the Python SDK, server-everything), which every check would leave behind.
 */
const noSession = "mcp-gateway-health-check";

const revision = "2026-07-28";

/** Bodies and headers of the requests: https://modelcontextprotocol.io/specification/2026-07-28/basic/transports */
const requests = {
	ping: { body: { jsonrpc: "2.0", id: noSession, method: "ping" }, headers: {} },
	discover: {
		body: {
			jsonrpc: "2.0",
			id: noSession,
			method: "server/discover",
			params: {
				_meta: {
					"io.modelcontextprotocol/protocolVersion": revision,
					"io.modelcontextprotocol/clientInfo": { name: "mcp-gateway", version: "health-check" },
					"io.modelcontextprotocol/clientCapabilities": {},
				},
			},
		},
		headers: { "mcp-protocol-version": revision, "mcp-method": "server/discover" },
	},
} as const;

/** The fields of a cluster whose replicas are checked. */
export function healthChecked(check: HealthCheckIR): Message {
	const interval = duration(check.intervalMs);
	return {
		health_checks: [
			{
				timeout: duration(check.timeoutMs),
				interval,
				// Servers that were configured at one moment drift apart. The first check is not delayed: traffic waits for it.
				interval_jitter_percent: 20,
				// Envoy's default of a minute holds until the first connection, which a server with no healthy replica never
				// gets: it would be found back a minute late.
				no_traffic_interval: interval,
				unhealthy_threshold: check.unhealthyThreshold,
				healthy_threshold: check.healthyThreshold,
				// Servers close idle connections after some seconds (Node after 5): a check would run into that.
				reuse_connection: false,
				...checker(check.probe),
			},
		],
		// Otherwise a replica that left the registry is kept, and used, for as long as it passes its checks.
		ignore_health_on_host_removal: true,
	};
}

function checker(probe: HealthCheckIR["probe"]): Message {
	switch (probe.type) {
		case "tcp":
			return { tcp_health_check: {} };
		case "http":
			return { http_health_check: { path: probe.path, ...expecting(200, 300) } };
		case "mcp":
			return { http_health_check: { path: probe.path, ...mcpRequest(probe.method), ...expecting(200, 500) } };
	}
}

/** Statuses from `start` to before `end` are healthy; any other counts as one failure, not at once as all of them. */
function expecting(start: number, end: number): Message {
	return { expected_statuses: [{ start, end }], retriable_statuses: [{ start: 100, end: 600 }] };
}

/**
 * What answers below 500 is an MCP server at work: 400 and 404 are its words for the session that it does not know (and
 * for methods and revisions), 401 and 403 come because checks carry no credentials, 405 is a stream of HTTP+SSE.
 */
function mcpRequest(method: keyof typeof requests): Message {
	const { body, headers } = requests[method];
	const all = {
		"content-type": "application/json",
		accept: "application/json, text/event-stream",
		"mcp-session-id": noSession,
		...headers,
	};
	return {
		method: "POST",
		send: { text: Buffer.from(JSON.stringify(body)).toString("hex") },
		request_headers_to_add: Object.entries(all).map(([key, value]) => ({
			header: { key, value },
			append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
		})),
	};
}
