/** Schema of an entry that has an endpoint, perhaps a command too, and no `type`: what it is gets detected. */
import { z } from "zod";
import { checkTogether, httpFields, toHttp } from "./http-entry.ts";
import type { HttpServer, StdioServer } from "./model.ts";
import { stdioFields, toStdio } from "./stdio-entry.ts";

/** The keys of an entry without a type. */
export const autoFields = z
	.strictObject({ ...httpFields.shape, ...stdioFields.shape })
	.omit({ type: true, transport: true });

/** An entry without a type, parsed into the parts of the model (without ids). */
export const autoEntry = autoFields
	.superRefine(checkTogether)
	.transform((entry): { http: Omit<HttpServer, "id">; stdio?: Omit<StdioServer, "id"> } => ({
		http: toHttp(entry),
		...((entry.cmd !== undefined || entry.command !== undefined) && { stdio: toStdio(entry) }),
	}))
	.describe("An MCP server whose type is detected: its endpoint if that answers, else its command.");
