import { jsonSchema } from "../../registry/schema.ts";
import { command } from "../command.ts";

export const schema = command({
	usage: "schema",
	summary: "Print the JSON Schema of registry files, for completion and checks in editors",
	options: {},
	positionals: {},
	examples: [
		[
			"schema > mcp-gateway.schema.json",
			"then begin the registry with: # yaml-language-server: $schema=mcp-gateway.schema.json",
		],
	],
	run: async () => {
		process.stdout.write(`${JSON.stringify(jsonSchema(), null, 2)}\n`);
		return 0;
	},
});
