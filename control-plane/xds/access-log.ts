import type { ListenerIR } from "../ir/model.ts";
import { any, extension, type Json, type Message } from "./message.ts";
import { apiKeyMetadata, mcpNamespace } from "./names.ts";

/** What a request's body tells, with its type; empty where it was not read. */
export const mcpMetadata = (key: "method" | "id" | "name"): string => `%DYNAMIC_METADATA(${mcpNamespace}:${key})%`;

/**
 * One JSON line per request, of what is needed to follow it: each further field costs about a microsecond of Envoy's CPU.
 * Goes to stdout (`-`), nowhere (`off`) or to a file. Queries are left out: they may hold secrets.
 */
export function accessLog({ accessLog: destination, mcpFilter, apiKeys }: ListenerIR): Message[] {
	if (destination === "off") return [];
	const json_format: Record<string, Json> = {
		event: "access",
		time: "%START_TIME%",
		server: "%ROUTE_NAME%",
		...(apiKeys.length === 0 ? {} : { key: `%DYNAMIC_METADATA(${apiKeyMetadata}:name)%` }),
		method: "%REQ(:METHOD)%",
		path: "%PATH(NQ:PATH)%",
		// 2026-07-28 has both in headers; of older revisions they are read in the body.
		mcpMethod: `%REQ(mcp-method)%${mcpFilter ? mcpMetadata("method") : ""}`,
		mcpTool: `%REQ(mcp-name)%${mcpFilter ? mcpMetadata("name") : ""}`,
		status: "%RESPONSE_CODE%",
		durationMs: "%DURATION%",
		replica: "%UPSTREAM_HOST%",
		requestId: "%REQ(x-request-id)%",
		traceparent: "%REQ(traceparent)%",
		details: "%RESPONSE_CODE_DETAILS%",
	};
	const log_format = { json_format, omit_empty_values: true };
	// Not the file /dev/stdout: that cannot be opened where stdout is a socket, as under systemd or a Node parent.
	if (destination === "-") {
		return [
			extension(
				"envoy.access_loggers.stdout",
				any("envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", { log_format }),
			),
		];
	}
	return [
		extension(
			"envoy.access_loggers.file",
			any("envoy.extensions.access_loggers.file.v3.FileAccessLog", { path: destination, log_format }),
		),
	];
}
