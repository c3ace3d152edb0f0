import { closeSync, constants, openSync } from "node:fs";
import { hostname, totalmem } from "node:os";
import { join } from "node:path";
import { bootstrapDefaults, bootstrapYaml } from "../../../envoy/bootstrap.ts";
import { findEnvoy, NoEnvoyError } from "../../../envoy/find.ts";
import { type EnvoyLogLevel, envoyLogLevels } from "../../../envoy/process.ts";
import { workerAddresses } from "../../../stdio-bridge/workers/addresses.ts";
import { formatErrors } from "../../registry/format.ts";
import { workerCount } from "../bridge-workers.ts";
import { command } from "../command.ts";
import { failure } from "../errors.ts";
import { prepareExample } from "../example.ts";
import { jsonLogOption, registryOption, servingOptions } from "../options.ts";
import { createOutput } from "../output.ts";
import { root } from "../paths.ts";
import { claimPort } from "../ports.ts";
import { chooseRegistry, readRegistry } from "../registry-file.ts";
import { makeRunFolder, type RunFolder } from "../run-folder.ts";
import { runGateway } from "../run-gateway.ts";
import { checkServing } from "../up-plan.ts";

export const up = command({
	usage: "up",
	summary: "Run the whole gateway: control plane, Envoy and the bridge for stdio servers, until Ctrl-C",
	options: {
		...registryOption,
		...servingOptions,
		...jsonLogOption,
		concurrency: {
			type: "number",
			requiresArg: true,
			describe: "Envoy's worker threads [default: one for each processor]",
		},
		"bridge-workers": {
			type: "number",
			requiresArg: true,
			describe: "Processes of the bridge for stdio servers [default: one for each processor, at most 4]",
		},
		"envoy-log-level": {
			requiresArg: true,
			choices: envoyLogLevels,
			default: "warning" as EnvoyLogLevel,
			describe: "How much Envoy says",
		},
		"drain-time": {
			type: "number",
			requiresArg: true,
			default: 5,
			describe: "Seconds that requests in flight have at the end",
		},
	},
	positionals: {},
	examples: [
		["up", "serve ./mcp-gateway.yaml at http://127.0.0.1:8080, or the example if there is none"],
		["up --registry ~/.cursor/mcp.json", "serve what an editor has"],
		["up --listen 0.0.0.0:8080 --api-key-file key.txt", "serve the network, with a key"],
		["up --tls-cert tls.crt --tls-key tls.key", "serve HTTPS"],
		["up --json --access-log requests.log", "for machines"],
	],
	run: async (args) => {
		const checked = checkServing(args, process.env);
		const workers = workerCount(args.bridgeWorkers, "--bridge-workers");
		checkAccessLog(args.accessLog);
		const chosen = chooseRegistry(args.registry, process.cwd());
		const [registry, faults] = readRegistry(chosen.file);
		if (registry === undefined) throw failure(`The registry is faulty:\n${formatErrors(faults)}`);
		const listen = await claimPort(checked.listen, "--listen", checked.admin.port);
		const admin = await claimPort(checked.admin, "--admin", listen.port);
		const serving = { ...checked, listen, admin };
		const output = createOutput({ json: args.json, process: "up" });
		const envoy = await findEnvoy({
			env: process.env,
			cacheDir: join(root, ".cache"),
			say: (line) => void process.stderr.write(`${line}\n`),
		}).catch((error: unknown) => {
			throw error instanceof NoEnvoyError ? failure(error.message) : error;
		});
		output.log.debug({ event: "envoy-found", ...envoy }, `Envoy ${envoy.version} from ${envoy.origin}`);
		const example = chosen.example
			? await prepareExample((name, line) => output.log.debug({ event: "output", process: name }, line))
			: undefined;
		if (example !== undefined) {
			const how =
				"To serve your own: `mcp-gateway servers add ID URL`, or write mcp-gateway.yaml, or name a file with --registry.";
			output.log.info(
				{ event: "example", file: chosen.file },
				`There is no mcp-gateway.yaml here, so this is the example. ${how}`,
			);
		}
		const run = makeRunFolder(process.env);
		try {
			return await runGateway({
				bootstrap: bootstrapOf(run, serving.listen.port),
				registry: chosen.file,
				serving,
				options: args,
				envoy: envoy.path,
				example,
				output,
				run,
				bridges: workerAddresses({ path: run.bridge }, workers),
			});
		} finally {
			run.remove();
		}
	},
});

/** Envoy would refuse its listener again and again. */
function checkAccessLog(path: string): void {
	if (path === "-" || path === "off") return;
	try {
		closeSync(
			openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK, 0o644),
		);
	} catch (error) {
		// A named pipe that nobody reads yet.
		if ((error as NodeJS.ErrnoException).code === "ENXIO") return;
		throw failure(`--access-log: cannot write to ${path}: ${(error as Error).message}.`);
	}
}

/** Envoy sheds load at the smaller of its default limit and three quarters of the memory that there is. */
function bootstrapOf(run: RunFolder, port: number): string {
	const memory = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
	return bootstrapYaml({
		xds: { path: run.xds },
		admin: { path: run.envoyAdmin },
		nodeId: `envoy-${hostname()}-${port}`,
		maxHeapBytes: Math.min(bootstrapDefaults.maxHeapBytes, Math.floor(memory * 0.75)),
		maxConnections: bootstrapDefaults.maxConnections,
	});
}
