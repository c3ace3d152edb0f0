/** The JSON Schema that Helm checks values of `charts/mcp-server` against. */
import { z } from "zod";
import { chartFields, schemaOptions } from "../../registry/k8s-values.ts";

/** What `charts/mcp-server/values.schema.json` holds: the one schema of values, and what only Helm knows. */
export function valuesSchema() {
	const values = z
		.strictObject({
			...chartFields,
			id: z.string().describe("The server's id in the gateway's registry; left out: the release's name."),
			global: z.looseObject({}).describe("What Helm shares between charts; not used here."),
		})
		.partial();
	return { ...z.toJSONSchema(values, schemaOptions), title: "Values of an MCP server" };
}
