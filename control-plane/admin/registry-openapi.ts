/** What the descriptions of the registry's paths have in common. */
import { errorResponses, jsonResponse } from "./openapi.ts";
import { ref } from "./schemas.ts";

export const entryExample = { endpoint: "https://mcp.example.com/mcp" };

export const etagHeader = { etag: { schema: { type: "string" }, description: "Hash of the file's bytes." } };

export const changed = jsonResponse("In force.", ref("Change"), etagHeader);

export const matchHeader = {
	type: "object",
	properties: {
		"if-match": { type: "string", description: "The ETag of the registry to change; required where there is one." },
	},
};

export const optionalMatchHeader = {
	type: "object",
	properties: {
		"if-match": { type: "string", description: "The ETag of the registry to change; left out, any." },
	},
};

export const waitQuery = {
	type: "object",
	properties: {
		wait: {
			type: "number",
			description:
				"Seconds, 60 at the most, to wait until every connected Envoy has acknowledged the change. `Prefer: wait=SECONDS` says the same.",
		},
	},
};

export const changeErrors = (...more: readonly ("precondition_required" | "unknown_server" | "not_scalable")[]) =>
	errorResponses(
		"bad_request",
		"precondition_failed",
		"body_too_large",
		"unsupported_media_type",
		"registry_faulty",
		"registry_unwritable",
		...more,
	);

export const scaleBody = {
	type: "object",
	required: ["replicas"],
	properties: { replicas: { type: "integer", minimum: 0, description: "How many pods it shall have." } },
	additionalProperties: false,
};
