import { expect, test } from "vitest";
import { envoyArgs, parseEnvoyLog } from "../../../envoy/process.ts";

test.each([
	["warning|config|gRPC stream closed: 14", { level: "warn", component: "config", message: "gRPC stream closed: 14" }],
	["critical|main|error initializing", { level: "fatal", component: "main", message: "error initializing" }],
	["info|upstream|a|b", { level: "info", component: "upstream", message: "a|b" }],
	["warning|main|caught ENVOY_SIGTERM", { level: "debug", component: "main", message: "caught ENVOY_SIGTERM" }],
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
