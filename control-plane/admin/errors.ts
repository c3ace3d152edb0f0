import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type AdminReason, adminErrors } from "../errors/admin.ts";
import type { RegistryError } from "../registry/model.ts";

/** What every answer of the admin API that is an error holds. */
export interface ErrorBody {
	readonly error: AdminReason;
	readonly message: string;
	/** Every fault of a registry that was refused. */
	readonly errors?: readonly RegistryError[];
	/** The ETag of the registry as it is, where `If-Match` named another one. */
	readonly etag?: string;
}

/** Ends a request of the admin API with an error of the catalogue. */
export class AdminError extends Error {
	readonly reason: AdminReason;
	readonly more: Omit<ErrorBody, "error" | "message">;
	readonly headers: Readonly<Record<string, string>>;

	/** @param detail Takes the place of the catalogue's sentence; never a secret. */
	constructor(
		reason: AdminReason,
		detail?: string,
		more: Omit<ErrorBody, "error" | "message"> = {},
		headers: Readonly<Record<string, string>> = {},
	) {
		super(detail ?? adminErrors[reason].message);
		this.reason = reason;
		this.more = more;
		this.headers = headers;
	}
}

export interface ErrorLog {
	error(fields: object, message: string): void;
}

/** fastify's own errors that a client is at fault for. */
const ofFastify: Readonly<Record<string, AdminReason>> = {
	FST_ERR_CTP_BODY_TOO_LARGE: "body_too_large",
	FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported_media_type",
	// An id longer than any server's.
	FST_ERR_MAX_PARAM_LENGTH: "unknown_server",
};

/** What Node's HTTP parser refuses; all else is `bad_request`. */
const ofParser: Readonly<Record<string, AdminReason>> = {
	HPE_HEADER_OVERFLOW: "headers_too_large",
	ERR_HTTP_REQUEST_TIMEOUT: "request_timeout",
};

/** Options of fastify for what never becomes a request that its error handler sees. */
export const earlyErrors = {
	frameworkErrors(error: FastifyError, _request: FastifyRequest, reply: FastifyReply) {
		send(reply, new AdminError(ofFastify[error.code] ?? "bad_request"));
	},
	clientErrorHandler(error: Error & { readonly code?: string }, socket: Socket) {
		if (error.code !== "ECONNRESET" && socket.writable) {
			const reason = ofParser[error.code ?? ""] ?? "bad_request";
			const { status, message } = adminErrors[reason];
			const body: ErrorBody = { error: reason, message };
			const text = JSON.stringify(body);
			const head = [
				`HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
				"Connection: close",
				"Content-Type: application/json; charset=utf-8",
				`Content-Length: ${Buffer.byteLength(text)}`,
			];
			socket.write(`${head.join("\r\n")}\r\n\r\n${text}`);
		}
		socket.destroySoon();
	},
};

/** Gives every error one shape: what is thrown, what fastify refuses, and paths that are not there. */
export function answerErrors(api: FastifyInstance, log: ErrorLog): void {
	api.setErrorHandler((error: FastifyError | AdminError, request, reply) => {
		if (error instanceof AdminError) return send(reply, error);
		const known = ofFastify[error.code];
		if (known !== undefined) return send(reply, new AdminError(known));
		if (error.statusCode !== undefined && error.statusCode < 500) return send(reply, new AdminError("bad_request"));
		log.error({ event: "admin_error", method: request.method, path: request.url, err: error }, "the admin API failed");
		return send(reply, new AdminError("internal"));
	});
	api.setNotFoundHandler((_request, reply) => send(reply, new AdminError("not_found")));
}

function send(reply: FastifyReply, { reason, message, more, headers }: AdminError) {
	const body: ErrorBody = { error: reason, message, ...more };
	return reply.code(adminErrors[reason].status).headers(headers).type("application/json; charset=utf-8").send(body);
}
