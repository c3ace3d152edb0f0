import { hostname } from "node:os";
import { bootstrapDefaults, bootstrapYaml } from "../../../envoy/bootstrap.ts";
import { type Address, formatAddress, isLoopback, parseAddress } from "../address.ts";
import { command } from "../command.ts";
import { usage } from "../errors.ts";
import { xdsTlsFiles, xdsTlsOptions } from "../xds-tls.ts";

export const bootstrapCommand = command({
	usage: "bootstrap",
	summary: "Print the bootstrap configuration for an Envoy that you run yourself",
	options: {
		xds: {
			type: "string",
			requiresArg: true,
			default: formatAddress(bootstrapDefaults.xds),
			describe: "HOST:PORT or unix:/path of the control plane",
		},
		...xdsTlsOptions,
		probes: {
			type: "string",
			requiresArg: true,
			describe: "HOST:PORT where others may read /ready and /stats/prometheus, and nothing else of Envoy",
		},
		"envoy-admin": {
			type: "string",
			requiresArg: true,
			default: formatAddress(bootstrapDefaults.admin),
			describe: "Local HOST:PORT or unix:/path for Envoy's admin interface",
		},
		"node-id": { type: "string", requiresArg: true, describe: "Name of this Envoy [default: the host's name]" },
	},
	positionals: {},
	examples: [
		["bootstrap > envoy.yaml && envoy -c envoy.yaml", "run Envoy next to `mcp-gateway control-plane`"],
		[
			"bootstrap --xds control-plane:18000 --xds-ca ca.crt --xds-cert envoy.crt --xds-key envoy.key",
			"for a control plane on another host, by mutual TLS",
		],
	],
	run: async (args) => {
		const admin = address("--envoy-admin", args["envoy-admin"]);
		if (!isLoopback(admin)) {
			throw usage(
				`--envoy-admin ${args["envoy-admin"]} is refused: whoever reaches Envoy's admin interface can stop it.`,
			);
		}
		const { maxHeapBytes, maxConnections } = bootstrapDefaults;
		const nodeId = args["node-id"] ?? `envoy-${hostname()}`;
		const xds = address("--xds", args.xds);
		const xdsTls = xdsTlsFiles(args);
		process.stdout.write(
			bootstrapYaml({
				xds,
				admin,
				nodeId,
				maxHeapBytes,
				maxConnections,
				...(xdsTls === undefined ? {} : { xdsTls }),
				...(args.probes === undefined ? {} : { probes: address("--probes", args.probes) }),
			}),
		);
		return 0;
	},
});

function address(option: string, text: string): Address {
	try {
		return parseAddress(text);
	} catch (error) {
		throw usage(`${option}: ${(error as Error).message}`);
	}
}
