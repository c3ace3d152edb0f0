import { resolve } from "node:path";
import { formatErrors } from "../../registry/format.ts";
import { stdioPart } from "../../registry/model.ts";
import { command } from "../command.ts";
import { readRegistry, readRegistryText } from "../registry-file.ts";

export const validate = command({
	usage: "validate <file>",
	summary: "Check a registry file; prints every error as file:line:col: message and exits with 1 if there is any",
	options: {},
	positionals: { file: { type: "string", demandOption: true, describe: "Registry file, YAML or JSON" } },
	examples: [
		["validate mcp-gateway.yaml", "check before the gateway reads it"],
		["validate mcp.json && git commit mcp.json", "in a script or a hook"],
	],
	run: async ({ file }) => {
		readRegistryText(resolve(file));
		const [registry, errors] = readRegistry(file);
		if (registry === undefined) {
			process.stdout.write(`${formatErrors(errors)}\n`);
			return 1;
		}
		const count = registry.servers.size;
		process.stdout.write(`${file}: ${count === 1 ? "1 server" : `${count} servers`}, no error\n`);
		const { describeLimits } = await import("../../../stdio-bridge/processes/limits.ts");
		for (const [id, server] of registry.servers) {
			for (const [name, how] of Object.entries(describeLimits(stdioPart(server) ?? {}))) {
				if (!how.startsWith("none: ")) continue;
				process.stdout.write(`${id}: \`limits.${name}\` would not be enforced on this machine: ${how.slice(6)}.\n`);
			}
		}
		return 0;
	},
});
