import type { FastifyInstance } from "fastify";
import { AdminError } from "./errors.ts";
import { isSameToken, type TokenSource } from "./token.ts";

export interface GuardOptions {
	/** Only this machine can connect. */
	readonly loopback: boolean;
	/** Undefined on loopback only. */
	readonly token: TokenSource | undefined;
	readonly log: { error(fields: object, message: string): void };
}

/** Names under which a loopback admin API answers; any other Host is a web page that rebinds its DNS name. */
const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;

/** Tells nothing but up or down: for probes that carry no token. */
const open: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);

/**
 * Refuses who may not ask: web pages (they send Origin), names that were rebound to loopback, and, where there is a
 * token, everyone without it. Off loopback the Host may be anything: a page that rebinds its name has no token.
 */
export function guard(api: FastifyInstance, { loopback, token, log }: GuardOptions): void {
	if (!loopback && token === undefined) throw new Error("an admin API beyond loopback needs a token");
	api.addHook("onRequest", async (request) => {
		if (loopback && !loopbackHost.test(request.headers.host ?? "")) throw new AdminError("host_denied");
		if (request.headers.origin !== undefined) throw new AdminError("origin_denied");
		if (token === undefined || open.has(request.url.split("?")[0] ?? "")) return;
		const sent = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1];
		if (sent === undefined) throw unauthorized("");
		let wanted: string;
		try {
			// Read each time: a rotated token counts at once, and one that cannot be read lets no one in.
			wanted = token();
		} catch (error) {
			log.error({ event: "admin_token_unreadable", err: error }, "the admin API's token cannot be read");
			throw unauthorized(', error="invalid_token"');
		}
		if (!isSameToken(sent, wanted)) throw unauthorized(', error="invalid_token"');
	});
}

/** https://www.rfc-editor.org/rfc/rfc6750#section-3 */
function unauthorized(more: string): AdminError {
	return new AdminError("unauthorized", undefined, {}, { "www-authenticate": `Bearer realm="mcp-gateway"${more}` });
}
