import { positiveDuration } from "../../registry/duration.ts";
import { namesConfigMap, parseConfigMapPlace } from "../../sources/config-map-place.ts";
import { formatAddress, isLoopback, parseAddress } from "../address.ts";
import { bridgeAddresses, defaultBridge } from "../bridge-workers.ts";
import type { ProcessState } from "../child.ts";
import { command } from "../command.ts";
import { usage } from "../errors.ts";
import { endWithParent, untilSignal } from "../lifecycle.ts";
import { isProcesses, type ReadyMessage } from "../messages.ts";
import { jsonLogOption, registryOption, servingOptions, supervisedOption } from "../options.ts";
import { createOutput } from "../output.ts";
import { chooseRegistry } from "../registry-file.ts";
import { checkServing, gatewayUrl } from "../up-plan.ts";
import { readableXdsTls, xdsTlsFiles, xdsTlsOptions } from "../xds-tls.ts";

export const controlPlane = command({
	usage: "control-plane",
	summary: "Run only the control plane: it tells Envoy over xDS what to do, and serves the admin API",
	options: {
		registry: {
			...registryOption.registry,
			describe: `${registryOption.registry.describe}; or configmap:NAMESPACE/NAME[/KEY] in a cluster`,
		},
		xds: {
			type: "string",
			requiresArg: true,
			default: "127.0.0.1:18000",
			describe: "HOST:PORT or unix:/path where Envoys fetch their configuration",
		},
		...xdsTlsOptions,
		bridge: {
			type: "string",
			array: true,
			describe:
				"HOST:PORT or unix:/path of a worker of the bridge for stdio servers, each one in their order [default: those of `bridge` on this machine]",
		},
		"envoy-admin": {
			type: "string",
			requiresArg: true,
			describe: "HOST:PORT or unix:/path of Envoy's admin interface, for the health of replicas in `status`",
		},
		"max-connection-age": {
			type: "string",
			requiresArg: true,
			describe: "End an Envoy's connection at this age (`1h`), so that Envoys spread over several control planes",
		},
		findings: {
			type: "string",
			requiresArg: true,
			describe: "File that keeps what was detected over a restart, so that no server is missing meanwhile",
		},
		...servingOptions,
		...jsonLogOption,
		...supervisedOption,
	},
	positionals: {},
	examples: [
		["control-plane --registry servers.yaml", "serve xDS on 127.0.0.1:18000"],
		["bootstrap > envoy.yaml && envoy -c envoy.yaml", "the Envoy that belongs to it"],
	],
	run: async (args) => {
		const serving = checkServing(args, process.env);
		const file = registryPlace(args.registry);
		const xdsTls = readableXdsTls(xdsTlsFiles(args));
		const bridges = args.bridge ?? bridgeAddresses(parseAddress(defaultBridge), undefined).map(formatAddress);
		for (const [option, text] of [["--xds", args.xds], ...bridges.map((bridge) => ["--bridge", bridge])] as const) {
			checkAddress(option ?? "", text ?? "", option === "--xds" && xdsTls === undefined && !args.insecure);
		}
		const { log } = createOutput({ json: args.json, process: "control-plane" });
		let processes: readonly ProcessState[] = [];
		process.on("message", (message) => {
			if (isProcesses(message)) processes = message.processes;
		});
		let close = async () => {};
		endWithParent(args.supervised, () => close());
		const { startControlPlane } = await import("../../main.ts");
		const plane = await startControlPlane({
			registryFile: file,
			xds: args.xds,
			...(xdsTls === undefined ? {} : { xdsTls }),
			listen: serving.listen,
			admin: serving.admin,
			bridges,
			...(args["max-connection-age"] === undefined
				? {}
				: { maxConnectionAgeMs: connectionAge(args["max-connection-age"]) }),
			...(args["envoy-admin"] === undefined ? {} : { envoyAdmin: args["envoy-admin"] }),
			...(args.findings === undefined ? {} : { findingsFile: args.findings }),
			allowOrigins: args["allow-origin"],
			allowHosts: args["allow-host"],
			maxBodyBytes: serving.maxBodyBytes,
			trace: serving.trace,
			kubernetes: serving.kubernetes,
			mcpFilter: args["mcp-filter"],
			accessLog: args["access-log"],
			...(args["admin-token-file"] === undefined ? {} : { adminTokenFile: args["admin-token-file"] }),
			...(serving.apiKeys === undefined ? {} : { apiKeys: serving.apiKeys }),
			...(serving.tls === undefined ? {} : { tls: serving.tls.files }),
			log,
			onReady: (info) => {
				const message: ReadyMessage = { event: "ready", servers: [...info.servers] };
				if (args.supervised && process.connected) process.send?.(message);
				else log.info(message, `serving ${message.servers.length} servers at ${gatewayUrl(serving)}`);
			},
			processes: () => processes,
		});
		close = () => plane.close();
		return await untilSignal({ log, supervised: args.supervised, reload: () => plane.reload(), close });
	},
});

/** A file, or the place of a ConfigMap as it stands. */
function registryPlace(named: string | undefined): string {
	if (!namesConfigMap(named)) return chooseRegistry(named, process.cwd()).file;
	if (parseConfigMapPlace(named) !== undefined) return named;
	throw usage(
		`--registry ${named}: a ConfigMap is named as in configmap:NAMESPACE/NAME, with /KEY after it if need be.`,
	);
}

function connectionAge(text: string): number {
	const age = positiveDuration.safeParse(text);
	if (age.success) return age.data;
	throw usage(`--max-connection-age ${text}: ${age.error.issues[0]?.message}`);
}

/** An xDS port hands out the secrets of the registry, so it is as private as the registry. */
function checkAddress(option: string, text: string, mustBeLocal: boolean): void {
	let local: boolean;
	try {
		local = isLoopback(parseAddress(text));
	} catch (error) {
		throw usage(`${option}: ${(error as Error).message}`);
	}
	if (mustBeLocal && !local) {
		throw usage(
			`${option} ${text} would give the registry's secrets to the network. Use a local address, ask for certificates (--xds-ca, --xds-cert, --xds-key), or say --insecure.`,
		);
	}
}
