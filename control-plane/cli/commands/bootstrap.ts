import { hostname } from "node:os";
import { resolve } from "node:path";
import { bootstrapDefaults, bootstrapYaml } from "../../../envoy/bootstrap.ts";
import { memorySize } from "../../registry/size.ts";
import { writeFileAtomic } from "../../registry/write-file-atomic.ts";
import { type Address, formatAddress, isLoopback, parseAddress } from "../address.ts";
import { command } from "../command.ts";
import { failure, usage } from "../errors.ts";
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
		memory: {
			type: "string",
			requiresArg: true,
			describe: "Memory that this Envoy may take, as in 2GiB: it sheds load before [default: a heap of 2GiB]",
		},
		output: { type: "string", requiresArg: true, describe: "Write it to this file [default: stdout]" },
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
		const { maxConnections } = bootstrapDefaults;
		const maxHeapBytes = args.memory === undefined ? bootstrapDefaults.maxHeapBytes : heapOf(args.memory);
		const nodeId = args["node-id"] ?? `envoy-${hostname()}`;
		const xds = address("--xds", args.xds);
		const xdsTls = xdsTlsFiles(args);
		const text = bootstrapYaml({
			xds,
			admin,
			nodeId,
			maxHeapBytes,
			maxConnections,
			...(xdsTls === undefined ? {} : { xdsTls }),
			...(args.probes === undefined ? {} : { probes: address("--probes", args.probes) }),
		});
		if (args.output === undefined) process.stdout.write(text);
		else await write(resolve(args.output), text);
		return 0;
	},
});

/** The heap is not all of it: code, stacks and what the allocator keeps take the rest. */
function heapOf(memory: string): number {
	const size = memorySize.safeParse(memory);
	if (!size.success) throw usage(`--memory ${memory}: ${size.error.issues[0]?.message}`);
	return Math.floor(size.data * 0.85);
}

async function write(file: string, text: string): Promise<void> {
	try {
		await writeFileAtomic(file, text);
	} catch (error) {
		throw failure(`--output ${file}: ${(error as Error).message}.`);
	}
}

function address(option: string, text: string): Address {
	try {
		return parseAddress(text);
	} catch (error) {
		throw usage(`${option}: ${(error as Error).message}`);
	}
}
