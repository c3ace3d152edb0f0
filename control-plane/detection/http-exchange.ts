/** One bounded HTTP request, for probing an address that may turn out to be anything. */
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import {
	checkServerIdentity,
	createSecureContext,
	getCACertificates,
	type PeerCertificate,
	type SecureContext,
} from "node:tls";
import type { Address, UpstreamTlsIR } from "../ir/model.ts";

/** Where a probe connects to, as Envoy would. */
export interface Origin {
	readonly address: Address;
	/** The Host header. */
	readonly hostname: string;
	/** Left out: no TLS. */
	readonly tls?: UpstreamTlsIR;
}

export interface ExchangeRequest {
	readonly method: "GET" | "POST" | "DELETE";
	readonly path: string;
	readonly headers: Readonly<Record<string, string>>;
	readonly body?: string;
	readonly timeoutMs: number;
	readonly signal: AbortSignal;
	/** The text so far is enough: a stream may have no end. */
	readonly enough: (text: string, headers: IncomingHttpHeaders) => boolean;
}

export type Exchange =
	| { readonly ok: true; readonly status: number; readonly headers: IncomingHttpHeaders; readonly text: string }
	/** No answer: why, in a few words. `silent`: it connected, and then time was up. */
	| { readonly ok: false; readonly problem: string; readonly silent: boolean };

const maxBytes = 256 * 1024;

/** Node writes headers as Latin-1; Envoy sends the UTF-8 that the registry has. */
function asBytes(value: string): string {
	return Buffer.from(value, "utf8").toString("latin1");
}

/**
 * Sends one request on a connection of its own and reads until the end, until it is `enough`, until 256 KiB, or until
 * time is up; an answer whose headers came counts with the text that it had by then. Follows no redirect: the entry's
 * headers are for the entry's address alone. Never throws.
 */
export function exchange(origin: Origin, options: ExchangeRequest): Promise<Exchange> {
	const { method, path, headers, body, timeoutMs, signal, enough } = options;
	const { address, hostname, tls } = origin;
	const where = "path" in address ? { socketPath: address.path } : { host: address.host, port: address.port };
	return new Promise((resolve) => {
		let connected = false;
		const send = tls === undefined ? httpRequest : httpsRequest;
		const outgoing = send({
			...where,
			...(tls === undefined ? {} : tlsOptions(tls, address)),
			method,
			path,
			agent: false,
			headers: {
				host: hostname,
				...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
				...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, asBytes(value)])),
			},
		});
		let answer: { response: IncomingMessage; text: () => string } | undefined;
		let look: NodeJS.Immediate | undefined;
		let over = false;
		const finish = (failure?: { problem: string; silent: boolean }) => {
			if (over) return;
			over = true;
			clearTimeout(timer);
			clearImmediate(look);
			signal.removeEventListener("abort", aborted);
			if (answer !== undefined) {
				const { response, text } = answer;
				resolve({ ok: true, status: response.statusCode ?? 0, headers: response.headers, text: text() });
			} else resolve({ ok: false, ...(failure ?? { problem: "closed the connection", silent: false }) });
			outgoing.destroy();
		};
		const late = () => {
			const what = connected ? "no answer" : "no connection";
			finish({ problem: `${what} within ${timeoutMs / 1000} s`, silent: connected });
		};
		const aborted = () => finish({ problem: "given up", silent: false });
		const timer = setTimeout(late, timeoutMs);
		signal.addEventListener("abort", aborted, { once: true });
		outgoing.on("socket", (socket) => {
			socket.once(tls === undefined ? "connect" : "secureConnect", () => {
				connected = true;
			});
		});
		outgoing.on("error", (error) => finish({ problem: connectionProblem(error), silent: false }));
		outgoing.on("response", (response) => {
			const parts: Buffer[] = [];
			let size = 0;
			answer = { response, text: () => Buffer.concat(parts).toString("utf8") };
			response.on("data", (part: Buffer) => {
				if (over) return;
				parts.push(part);
				size += part.length;
				if (size > maxBytes) return finish();
				// Once for all that has arrived: a server may send each byte as a chunk of its own.
				look ??= setImmediate(() => {
					look = undefined;
					if (enough(Buffer.concat(parts).toString("utf8"), response.headers)) finish();
				});
			});
			response.on("error", () => finish());
			response.on("end", () => finish());
		});
		if (signal.aborted) aborted();
		else outgoing.end(body);
	});
}

let systemRoots: SecureContext | undefined;

/** TLS as Envoy does it for this upstream: SNI for names alone, a certificate for any one of the names. */
function tlsOptions({ sni, names, caPem, verify }: UpstreamTlsIR, address: Address) {
	const host = "host" in address && isIP(address.host) === 0 ? address.host : "";
	// Some hundred authorities are parsed for it, so it is made once.
	systemRoots ??= createSecureContext({ ca: [...getCACertificates("default"), ...getCACertificates("system")] });
	return {
		servername: sni ?? host,
		rejectUnauthorized: verify,
		secureContext: caPem === undefined ? systemRoots : createSecureContext({ ca: caPem }),
		checkServerIdentity: (_host: string, certificate: PeerCertificate) => {
			const faults = names.map((name) => checkServerIdentity(name, certificate));
			return faults.includes(undefined) ? undefined : faults[0];
		},
	};
}

const problems: Readonly<Record<string, string>> = {
	ECONNREFUSED: "connection refused",
	ECONNRESET: "closed the connection",
	EHOSTUNREACH: "host unreachable",
	ENETUNREACH: "network unreachable",
	ENOTFOUND: "the name does not resolve",
	EAI_AGAIN: "the name does not resolve at the moment",
	EPROTO: "TLS failed; is it http?",
	ERR_SSL_WRONG_VERSION_NUMBER: "TLS failed; is it http?",
	HPE_INVALID_CONSTANT: "does not speak HTTP/1.1",
	HPE_HEADER_OVERFLOW: "answers with headers that are too large",
};

/** A connection's failure in words; only codes, as a message may repeat what was sent. */
function connectionProblem(error: Error & { code?: unknown; cause?: unknown }): string {
	const first = error instanceof AggregateError ? error.errors[0] : error;
	const code = typeof first?.code === "string" ? first.code : "UNKNOWN";
	const known = problems[code];
	if (known !== undefined) return known;
	if (code.startsWith("HPE_")) return "does not speak HTTP/1.1";
	return /CERT|SIGNED|ALTNAME|VERIFY/.test(code) ? `its certificate is refused (${code})` : `failed (${code})`;
}
