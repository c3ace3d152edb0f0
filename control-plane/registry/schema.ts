/** The one schema of a registry file: the parser, the model's defaults and the editors' JSON Schema come from it. */
import { z } from "zod";
import { autoEntry, autoFields } from "./auto-entry.ts";
import { httpEntry, httpFields } from "./http-entry.ts";
import { k8sEntry, k8sFields } from "./k8s-entry.ts";
import { schemaOptions } from "./k8s-values.ts";
import type { Server } from "./model.ts";
import { ID_PATTERN } from "./names.ts";
import { stdioEntry, stdioFields } from "./stdio-entry.ts";

export type Kind = Server["type"];

/** The schema of each kind of entry; parses into the model, without the id. */
export const entrySchemas = { http: httpEntry, stdio: stdioEntry, k8s: k8sEntry, auto: autoEntry } as const;

/** The keys that each kind of entry takes. */
export const entryKeys: Readonly<Record<Kind, readonly string[]>> = {
	http: Object.keys(httpFields.shape),
	stdio: Object.keys(stdioFields.shape),
	k8s: Object.keys(k8sFields.shape),
	auto: ["type", ...Object.keys(autoFields.shape)],
};

const entry = z.union([httpEntry, stdioEntry, k8sEntry, autoEntry]);

const native = z
	.object({ $schema: z.string().optional().describe("Address of this schema, for editors; the gateway ignores it.") })
	.catchall(entry)
	.meta({
		description: "A map from server id, the first part of the path, to server.",
		propertyNames: { anyOf: [{ const: "$schema" }, { pattern: ID_PATTERN.source }] },
	});

// Other tools put keys of their own beside the ones that are known here, so these two are not strict.
const foreignEntry = z.looseObject({}).describe("A server as the other tool describes it.");
const foreignMap = z.record(z.string().regex(ID_PATTERN), foreignEntry);
const file = z.union([
	native,
	z.looseObject({ mcpServers: foreignMap.describe("Servers as Claude, Cursor and others write them.") }),
	z.looseObject({ servers: foreignMap.describe("Servers as VS Code writes them in mcp.json.") }),
]);

/** The JSON Schema (draft 2020-12) of a registry file, for editors and `mcp-gateway schema`. */
export function jsonSchema() {
	return {
		...z.toJSONSchema(file, schemaOptions),
		title: "Registry of an MCP gateway",
	};
}
