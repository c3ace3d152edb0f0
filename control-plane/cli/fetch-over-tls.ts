import { request } from "node:https";
import { Readable } from "node:stream";

/** PEM texts: authorities in place of the system's, and the client's own certificate with its key. */
export interface TlsClientOptions {
	readonly ca?: string;
	readonly cert?: string;
	readonly key?: string;
}

/**
 * `fetch` with authorities and a certificate of one's own, which Node's global one takes no options for. Made for the
 * SDK's transport: bodies are strings, and errors have the form of the global one.
 */
export function fetchOverTls(tls: TlsClientOptions): typeof fetch {
	return (input, init = {}) =>
		new Promise((resolve, reject) => {
			const outgoing = request(
				new URL(String(input)),
				{
					...tls,
					method: init.method ?? "GET",
					headers: Object.fromEntries(new Headers(init.headers)),
					...(init.signal ? { signal: init.signal } : {}),
				},
				(incoming) => {
					const { statusCode: status = 0, statusMessage: statusText = "" } = incoming;
					const headers = Object.entries(incoming.headersDistinct).flatMap(([name, values = []]) =>
						values.map((value): [string, string] => [name, value]),
					);
					const body = status === 204 || status === 304 ? null : (Readable.toWeb(incoming) as ReadableStream);
					resolve(new Response(body, { status, statusText, headers }));
				},
			);
			outgoing.on("error", (cause) => reject(init.signal?.aborted ? cause : new TypeError("fetch failed", { cause })));
			outgoing.end(init.body);
		});
}
