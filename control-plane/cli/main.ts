import { commands, groups } from "./commands/index.ts";
import { type CommandSet, startCli } from "./run-cli.ts";

/** All that `mcp-gateway` can do. */
export const commandSet: CommandSet = {
	summary: "One HTTP endpoint for every MCP server in a registry file; Envoy carries the traffic.",
	commands,
	groups,
	examples: [
		["up", "serve ./mcp-gateway.yaml, or the example"],
		["servers add docs https://mcp.example.com/mcp", "add a server to the registry"],
	],
	epilog: "A running gateway has an admin API at --admin (127.0.0.1:9090); its GET /openapi.json describes it.",
};

/** Entry of the process. */
export function start(): Promise<void> {
	return startCli(commandSet);
}

if (import.meta.main) await start();
