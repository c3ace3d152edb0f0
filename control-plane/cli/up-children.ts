import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { spawnGuarded } from "../../envoy/guard.ts";
import { type EnvoyLogLevel, envoyArgs, parseEnvoyLog } from "../../envoy/process.ts";
import type { TlsFiles } from "../sources/certificate.ts";
import { type Address, formatAddress } from "./address.ts";
import type { ChildSpec } from "./child.ts";
import { kubernetesArgs } from "./kubernetes-options.ts";
import { readLines } from "./lines.ts";
import type { Output } from "./output.ts";
import type { RunFolder } from "./run-folder.ts";
import { spawnSelf } from "./spawn-self.ts";
import type { Serving, ServingOptions } from "./up-plan.ts";

/**
 * A control plane makes much garbage once, when it reads a registry, and little after. With V8's own 16 MB that memory
 * is never given back: 350 MB at 10,000 servers against 250 MB, at the same speed.
 *
 * Its rare full collections are the slowest changes at 10,000 servers. Done on one thread they take less: with Envoy at
 * work there is no processor free to share them with.
 */
const controlPlaneHeap = ["--max-semi-space-size=2", "--single-threaded-gc"];

/** The control plane as a child. `started` gets each new process: it is told about the others over its channel. */
export function controlPlaneChild(deps: {
	registry: string;
	run: RunFolder;
	/** Addresses of the bridge's workers. */
	bridges: readonly Address[];
	serving: Serving;
	options: ServingOptions;
	env: NodeJS.ProcessEnv;
	output: Output;
	started: (child: ChildProcess) => void;
}): ChildSpec {
	const { options, serving, run } = deps;
	const args = [
		"control-plane",
		...["--registry", deps.registry],
		...["--xds", `unix:${run.xds}`],
		...deps.bridges.flatMap((bridge) => ["--bridge", formatAddress(bridge)]),
		...["--envoy-admin", `unix:${run.envoyAdmin}`],
		...["--findings", run.findings],
		...["--listen", formatAddress(serving.listen)],
		...["--admin", formatAddress(serving.admin)],
		...["--max-body", String(serving.maxBodyBytes)],
		...["--access-log", accessLogPath(options.accessLog, run)],
		...options.allowOrigin.flatMap((origin) => ["--allow-origin", origin]),
		...options.allowHost.flatMap((host) => ["--allow-host", host]),
		...(options.apiKeyFile === undefined ? [] : ["--api-key-file", absolute(options.apiKeyFile)]),
		...(options.adminTokenFile === undefined ? [] : ["--admin-token-file", absolute(options.adminTokenFile)]),
		...(serving.tls === undefined ? [] : tlsArgs(serving.tls.files)),
		...(options.traceparent ? [] : ["--no-traceparent"]),
		...(options.otelEndpoint === undefined
			? []
			: ["--otel-endpoint", options.otelEndpoint, "--otel-sample", String(options.otelSample)]),
		...(options.insecure ? ["--insecure"] : []),
		...(options.mcpFilter ? [] : ["--no-mcp-filter"]),
		...kubernetesArgs(serving.kubernetes),
	];
	return {
		name: "control-plane",
		signals: ["SIGHUP"],
		start: () => {
			const child = spawnSelf({
				name: "control-plane",
				args,
				env: deps.env,
				output: deps.output,
				nodeOptions: controlPlaneHeap,
			});
			deps.started(child);
			return child;
		},
	};
}

function tlsArgs({ cert, key, clientCa }: TlsFiles): string[] {
	return ["--tls-cert", cert, "--tls-key", key, ...(clientCa === undefined ? [] : ["--tls-client-ca", clientCa])];
}

/** The bridge in front of stdio servers as a child. */
export function bridgeChild(deps: {
	registry: string;
	run: RunFolder;
	workers: number;
	serving: Serving;
	env: NodeJS.ProcessEnv;
	output: Output;
}): ChildSpec {
	const args = [
		"bridge",
		...["--registry", deps.registry],
		...["--listen", `unix:${deps.run.bridge}`],
		...["--workers", String(deps.workers)],
		...["--max-body", String(deps.serving.maxBodyBytes)],
	];
	const { env, output } = deps;
	return { name: "bridge", signals: ["SIGHUP"], start: () => spawnSelf({ name: "bridge", args, env, output }) };
}

/** Envoy as a child. Its log comes on stderr; the access log takes a way of its own. */
export function envoyChild(deps: {
	binary: string;
	bootstrap: string;
	run: RunFolder;
	concurrency?: number | undefined;
	logLevel: EnvoyLogLevel;
	drainSeconds: number;
	output: Output;
}): ChildSpec {
	const args = envoyArgs({
		config: deps.run.envoyConfig,
		concurrency: deps.concurrency,
		logLevel: deps.logLevel,
		drainSeconds: deps.drainSeconds,
	});
	const log = deps.output.logOf("envoy");
	return {
		name: "envoy",
		start: () => {
			writeBootstrap(deps.run.envoyConfig, deps.bootstrap);
			const child = spawnGuarded({ command: deps.binary, args, removeAfterParent: deps.run.path });
			child.stdout?.resume();
			if (child.stderr) {
				readLines(child.stderr, (line) => {
					const { level, component, message } = parseEnvoyLog(line);
					log[level]({ event: "envoy", component }, message);
				});
			}
			return child;
		},
	};
}

/** At each start, for what clears folders of temporary files takes it after some days. */
function writeBootstrap(path: string, text: string): void {
	try {
		writeFileSync(path, text, { mode: 0o600 });
	} catch {
		// Envoy says what is the matter.
	}
}

/** Envoy opens this path itself, so it must not depend on a working folder. */
function accessLogPath(wanted: string, run: RunFolder): string {
	if (wanted === "off") return "off";
	return wanted === "-" ? run.accessLog : absolute(wanted);
}

function absolute(path: string): string {
	return isAbsolute(path) ? path : resolve(path);
}
