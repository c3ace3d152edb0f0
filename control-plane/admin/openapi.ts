import swagger from "@fastify/swagger";
import type { FastifyInstance } from "fastify";
import { type AdminReason, adminErrors } from "../errors/admin.ts";
import { namedSchemas, ref, type Schema } from "./schemas.ts";

/** Makes `/openapi.json` of the routes' schemas. Register it before them. */
export function describe(api: FastifyInstance, version: string): void {
	// The schemas describe; what comes in is checked where it is used, with words of our own, and what goes out goes whole.
	api.setValidatorCompiler(() => () => true);
	api.setSerializerCompiler(() => (data) => JSON.stringify(data));
	for (const schema of namedSchemas()) api.addSchema(schema);
	api.register(swagger, {
		openapi: {
			openapi: "3.1.0",
			info: {
				title: "MCP gateway, admin API",
				version,
				description:
					"Health, metrics, status, and the registry of one gateway. Off loopback, and wherever a token is set, every path but `/healthz` and `/readyz` needs it as `Authorization: Bearer TOKEN`. Web pages (requests with an Origin) are refused.",
				license: { name: "Apache-2.0", identifier: "Apache-2.0" },
			},
			components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
			security: [{ token: [] }],
		},
		refResolver: {
			buildLocalReference: (json, _base, _fragment, index) => String(json["$id"] ?? `def-${index}`),
		},
	});
}

/** The `response` entries of errors that a path may answer; those of every path are added. */
export function errorResponses(...reasons: readonly AdminReason[]): Record<number, Schema> {
	const byStatus = new Map<number, AdminReason[]>();
	for (const reason of [...reasons, "unauthorized", "host_denied", "origin_denied", "internal"] as const) {
		const { status } = adminErrors[reason];
		byStatus.set(status, [...new Set([...(byStatus.get(status) ?? []), reason])]);
	}
	return Object.fromEntries(
		[...byStatus].map(([status, list]) => {
			const description = list.map((reason) => `\`${reason}\`: ${adminErrors[reason].message}`).join("\n\n");
			const examples = list.map((error) => ({ error, message: adminErrors[error].message }));
			return [status, { description, content: { "application/json": { schema: { ...ref("Error"), examples } } } }];
		}),
	);
}

/** A good answer of JSON in this shape. */
export function jsonResponse(description: string, schema: Schema, headers?: Schema): Schema {
	return { description, ...(headers === undefined ? {} : { headers }), content: { "application/json": { schema } } };
}
