import { expect, test } from "vitest";
import { envoyArgs, parseEnvoyLog } from "../../../envoy/process.ts";

test.each([
	["warning|config|gRPC stream closed: 14", { level: "warn", component: "config", message: "gRPC stream closed: 14" }],
	["critical|main|error initializing", { level: "fatal", component: "main", message: "error initializing" }],
	["info|upstream|a|b", { level: "info", component: "upstream", message: "a|b" }],
	["warning|main|caught ENVOY_SIGTERM", { level: "debug", component: "main", message: "caught ENVOY_SIGTERM" }],
	[
		"warning|config|DeltaAggregatedResources gRPC config stream to xds closed since 1s ago: 14, upstream connect error or disconnect/reset before headers. reset reason: remote connection failure{upstream_reset_before_response_started{remote_connection_failure|immediate_connect_error:_No_such_file_or_directory|remote_address:/run/xds.sock}}",
		{ level: "debug", component: "config", message: expect.stringContaining("No_such_file") },
	],
	[
		"warning|misc|Deprecated field: type envoy.config.cluster.v3.Cluster Using deprecated option \\'envoy.config.cluster.v3.Cluster.respect_dns_ttl\\' from file cluster.proto. This configuration will be removed from Envoy soon.",
		{ level: "debug", component: "misc", message: expect.stringContaining("respect_dns_ttl") },
	],
	[
		"warning|misc|Deprecated field: type envoy.config.cluster.v3.Cluster Using deprecated option \\'envoy.config.cluster.v3.Cluster.another\\' from file cluster.proto.",
		{ level: "warn", component: "misc", message: expect.stringContaining("another") },
	],
	["Segmentation fault", { level: "warn", message: "Segmentation fault" }],
	["odd|main|x", { level: "warn", message: "odd|main|x" }],
])("reads %s", (line, expected) => {
	expect(parseEnvoyLog(line)).toEqual(expected);
});

test("workers are named only when a person has named them", () => {
	const base = { config: "/run/envoy.yaml", logLevel: "warning", drainSeconds: 0.5 } as const;
	expect(envoyArgs(base)).not.toContain("--concurrency");
	expect(envoyArgs({ ...base, concurrency: 3 }).slice(-2)).toEqual(["--concurrency", "3"]);
	expect(envoyArgs(base)).toContain("--disable-hot-restart");
});
