import { readFileSync } from "node:fs";
import { formatAddress, isLoopback, parseAddress } from "../address.ts";
import { command } from "../command.ts";
import { usage } from "../errors.ts";
import { endWithParent, untilSignal } from "../lifecycle.ts";
import { jsonLogOption, registryOption, supervisedOption } from "../options.ts";
import { createOutput } from "../output.ts";
import { chooseRegistry } from "../registry-file.ts";
import { parseSize } from "../up-plan.ts";

export const bridge = command({
	usage: "bridge",
	summary: "Run only the bridge: Streamable HTTP in front of the registry's stdio servers",
	options: {
		...registryOption,
		listen: {
			type: "string",
			requiresArg: true,
			default: "127.0.0.1:8090",
			describe: "HOST:PORT or unix:/path that Envoy connects to",
		},
		insecure: { type: "boolean", default: false, describe: "Allow a --listen that other machines reach" },
		"max-body": { type: "string", requiresArg: true, default: "64MiB", describe: "Largest body of a request" },
		...jsonLogOption,
		...supervisedOption,
	},
	positionals: {},
	examples: [
		["bridge --registry servers.yaml", "serve stdio servers on 127.0.0.1:8090"],
		["bridge --listen unix:/run/bridge.sock", "the same on a Unix socket"],
	],
	run: async (args) => {
		const listen = address(args.listen, args.insecure);
		const { file } = chooseRegistry(args.registry, process.cwd());
		const { log } = createOutput({ json: args.json, process: "bridge" });
		let close = async () => {};
		endWithParent(args.supervised, () => close());
		const [{ startBridge }, { createFileSource }, { expand }] = await Promise.all([
			import("../../../stdio-bridge/bridge.ts"),
			import("../../sources/file-source.ts"),
			import("../../registry/expand.ts"),
		]);
		const source = await createFileSource({
			path: file,
			// Under `up` the control plane reads the same file and tells of it.
			log: args.supervised ? undefined : log,
		});
		const readFile = (path: string) => readFileSync(path, "utf8");
		const started = await startBridge({
			source,
			listen,
			log,
			env: process.env,
			expand: (template) => expand(template, { env: process.env, readFile }),
			maxBodyBytes: parseSize(args["max-body"]),
		});
		close = async () => {
			// Under `up` Envoy has drained before: what is still open here is idle.
			await started.close({ graceMs: args.supervised ? 0 : 5000 });
			await source.close();
		};
		log.debug({ event: "listening", address: formatAddress(started.address) }, "bridge listens");
		return await untilSignal({ log, supervised: args.supervised, reload: () => source.reload(), close });
	},
});

function address(text: string, insecure: boolean) {
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
