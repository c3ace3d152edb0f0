import { createHash } from "node:crypto";
import type { StdioServer } from "../../control-plane/registry/model.ts";

/**
 * What slots of a server are counted under: alike in every worker, and another one for each definition of the server,
 * as processes that finish on an older one must not keep the new one waiting.
 */
export function slotsKey(server: StdioServer, of: "processes" | "sessions"): string {
	const definition = createHash("sha256").update(JSON.stringify(server)).digest("base64url").slice(0, 16);
	return `${server.id} ${of} ${definition}`;
}
