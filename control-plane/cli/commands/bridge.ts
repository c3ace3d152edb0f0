import { readFileSync } from "node:fs";
import { serverVariables } from "../../../stdio-bridge/image/variables.ts";
import type { WorkerRole } from "../../../stdio-bridge/workers/role.ts";
import { type Address, formatAddress, isLoopback, parseAddress } from "../address.ts";
import { bridgeAddresses, defaultBridge } from "../bridge-workers.ts";
import { type Command, command } from "../command.ts";
import { usage } from "../errors.ts";
import { endWithParent, untilSignal } from "../lifecycle.ts";
import { jsonLogOption, registryOption, supervisedOption } from "../options.ts";
import { createOutput } from "../output.ts";
import { chooseRegistry } from "../registry-file.ts";
import { spawnSelf } from "../spawn-self.ts";
import { maxBody } from "../up-plan.ts";

/** Beyond the grace: longer than a worker gives its processes to end by themselves. */
const KILL_AFTER_MS = 6500;

/** Where a bridge runs. */
export interface Surroundings {
	/** As the main process of a container that is there for its servers alone; see `docs/adr/0027-stdio-in-pods.md`. */
	readonly contained: boolean;
	/** Seconds that calls in flight have at the end. */
	readonly drainTime: number;
}

export const bridge = bridgeCommand({ contained: false, drainTime: 5 });

/** The command `bridge` for these surroundings. */
export function bridgeCommand({ contained, drainTime }: Surroundings): Command {
	return command({
		usage: "bridge",
		summary: "Run only the bridge: HTTP and WebSocket in front of the registry's stdio servers",
		options: {
			...registryOption,
			listen: {
				type: "string",
				requiresArg: true,
				default: defaultBridge,
				describe: "HOST:PORT or unix:/path that Envoy connects to, of the first worker",
			},
			workers: {
				type: "number",
				requiresArg: true,
				describe:
					"Processes that share the work, on consecutive ports or sockets (b.sock: b-0.sock, b-1.sock ...) [default: one for each processor, at most 4]",
			},
			insecure: { type: "boolean", default: false, describe: "Allow a --listen that other machines reach" },
			"max-body": { type: "string", requiresArg: true, default: "64MiB", describe: "Largest body of a request" },
			"drain-time": {
				type: "number",
				requiresArg: true,
				default: drainTime,
				describe: "Seconds that calls in flight have to finish before the bridge ends",
			},
			...jsonLogOption,
			...supervisedOption,
			// Set by the parent of several workers for each of them.
			worker: { type: "string", requiresArg: true, hidden: true },
		},
		positionals: {},
		examples: [
			["bridge --registry servers.yaml", "serve stdio servers on 127.0.0.1:8090 and the ports after it"],
			["bridge --listen unix:/run/bridge.sock --workers 1", "one process on a Unix socket"],
		],
		run: async (args) => {
			const listen = address(args.listen, args.insecure);
			const maxBodyBytes = maxBody(args["max-body"]);
			const { file } = chooseRegistry(args.registry, process.cwd());
			const { json, supervised } = args;
			// Under `up` Envoy has drained before: what is still open here is idle.
			const graceMs = supervised ? 0 : args["drain-time"] * 1000;
			const serve = { file, listen, maxBodyBytes, json, supervised, contained, graceMs };
			if (args.worker !== undefined) {
				const { parseRole } = await import("../../../stdio-bridge/workers/role.ts");
				return await runBridge({ ...serve, role: parseRole(args.worker) });
			}
			const addresses = bridgeAddresses(listen, args.workers);
			return addresses.length === 1 ? await runBridge(serve) : await runParent({ ...serve, addresses });
		},
	});
}

interface Serve {
	/** The registry's. */
	readonly file: string;
	readonly listen: Address;
	readonly maxBodyBytes: number;
	readonly json: boolean;
	readonly supervised: boolean;
	readonly contained: boolean;
	readonly graceMs: number;
}

/** Runs a bridge in this process: the only one, or one of several workers. */
async function runBridge(serve: Serve & { role?: WorkerRole }) {
	const { file, listen, maxBodyBytes, json, supervised, contained, graceMs, role } = serve;
	const { log } = createOutput({ json, process: role === undefined ? "bridge" : `bridge-${role.index}` });
	let close = async () => {};
	// A worker ends at once, for the next one wants its socket; its guard sees to its processes.
	endWithParent(supervised, async () => (role === undefined ? close() : undefined));
	const [{ startBridge }, { createFileSource }, { expand }, { joinParent }] = await Promise.all([
		import("../../../stdio-bridge/bridge.ts"),
		import("../../sources/file-source.ts"),
		import("../../registry/expand.ts"),
		import("../../../stdio-bridge/workers/join-parent.ts"),
	]);
	const source = await createFileSource({
		path: file,
		// One process alone tells of the registry: under `up` that is the control plane.
		log: (role?.tellsOfRegistry ?? !supervised) ? log : undefined,
	});
	const parent = role === undefined ? undefined : joinParent(role);
	const env = contained ? serverVariables(process.env) : process.env;
	const readFile = (path: string) => readFileSync(path, "utf8");
	const started = await startBridge({
		source,
		listen,
		log,
		env,
		expand: (template) => expand(template, { env, readFile }),
		contained,
		maxBodyBytes,
		...parent?.options,
	});
	close = async () => {
		await started.close({ graceMs: role?.graceMs ?? graceMs });
		await source.close();
	};
	log.debug({ event: "listening", address: formatAddress(started.address) }, "bridge listens");
	return await untilSignal({
		log,
		supervised,
		reload: () => source.reload(),
		close,
		ready: () => parent?.listening(),
	});
}

/** Runs several workers, each a bridge of its own. */
async function runParent({
	file,
	addresses,
	maxBodyBytes,
	json,
	supervised,
	graceMs,
}: Serve & { addresses: readonly Address[] }) {
	const output = createOutput({ json, process: "bridge" });
	const { log } = output;
	let close = async () => {};
	endWithParent(supervised, () => close());
	const [{ startWorkers }, { formatRole }] = await Promise.all([
		import("../../../stdio-bridge/workers/parent.ts"),
		import("../../../stdio-bridge/workers/role.ts"),
	]);
	const failed = Promise.withResolvers<number>();
	const workers = startWorkers({
		count: addresses.length,
		log,
		start: (index) => {
			const role: WorkerRole = {
				index,
				addresses: [...addresses],
				graceMs,
				tellsOfRegistry: !supervised && index === 0,
			};
			const own = addresses[index];
			if (own === undefined) throw new Error(`there is no worker ${index}`);
			const args = [
				"bridge",
				...["--registry", file],
				...["--listen", formatAddress(own)],
				...["--max-body", String(maxBodyBytes)],
				...["--worker", formatRole(role)],
				// What other machines may reach has been decided here.
				"--insecure",
			];
			return spawnSelf({ name: `bridge-${index}`, args, env: process.env, output });
		},
		killAfterMs: graceMs + KILL_AFTER_MS,
		listening: () => log.debug({ event: "listening", addresses: addresses.map(formatAddress) }, "all workers listen"),
		hopeless: () => {
			log.fatal({ event: "failed" }, "a worker does not start; giving up. The lines above tell why.");
			failed.resolve(1);
		},
	});
	close = () => workers.close();
	const ended = untilSignal({ log, supervised, reload: async () => workers.reload(), close });
	const code = await Promise.race([ended, failed.promise]);
	await close();
	return code;
}

function address(text: string, insecure: boolean): Address {
	try {
		const parsed = parseAddress(text);
		if (isLoopback(parsed) || insecure) return parsed;
	} catch (error) {
		throw usage(`--listen: ${(error as Error).message}`);
	}
	throw usage(
		`--listen ${text} would let other machines start processes here. Use a local address, or say --insecure.`,
	);
}
