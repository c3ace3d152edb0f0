/** Requests to the API server, one connection kept for many. */
import http from "node:http";
import https from "node:https";
import { text as readAll } from "node:stream/consumers";
import { isDeepStrictEqual } from "node:util";
import type { KubeConfig } from "@kubernetes/client-node";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface RequestOptions {
	readonly query?: Readonly<Record<string, string | undefined>>;
	readonly body?: unknown;
	/** Of the body; left out: JSON. */
	readonly contentType?: string;
	readonly signal?: AbortSignal | undefined;
}

/** Asks the API server and resolves with its JSON. @throws ApiFault */
export type ApiRequest = (method: Method, path: string, options?: RequestOptions) => Promise<unknown>;

/** What a Status object of the API server says, as far as anyone here asks. */
interface StatusBody {
	readonly reason?: string;
	readonly message?: string;
	readonly details?: { readonly name?: string; readonly kind?: string; readonly retryAfterSeconds?: number };
}

/** A request that failed: refused by the API server, or never answered (`status` 0). */
export class ApiFault extends Error {
	readonly status: number;
	/** The API's own word, as in `AlreadyExists`. */
	readonly reason: string;
	/** What the fault is about, where the API says: kind and name. */
	readonly about: { readonly kind?: string; readonly name?: string };
	/** It asks not to be asked again for so many milliseconds. */
	readonly retryAfterMs: number | undefined;

	constructor(status: number, body: StatusBody, retryAfterMs?: number) {
		super(body.message ?? `The API server answered ${status}.`);
		this.status = status;
		this.reason = body.reason ?? "";
		this.about = body.details ?? {};
		this.retryAfterMs = retryAfterMs ?? seconds(body.details?.retryAfterSeconds);
	}
}

/** So long one answer may take; the API server's own limit is a minute. */
const ANSWER_MS = 30_000;

/** Sockets at the most; each server's work is done one request after the other. */
const SOCKETS = 8;

/**
 * Makes the function that asks one API server. The client's own methods open a TLS connection for each request and hide
 * fields that they do not know; who we are and whom we trust is taken from the client, tokens that change included.
 */
export function createApiRequest(config: KubeConfig): ApiRequest {
	let kept: { readonly tls: object; readonly agent: http.Agent } | undefined;
	return async (method, path, { query = {}, body, contentType = "application/json", signal } = {}) => {
		const cluster = config.getCurrentCluster();
		if (cluster === null) throw new ApiFault(0, { message: "The kubeconfig names no cluster." });
		const url = new URL(cluster.server.replace(/\/$/, "") + path);
		for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
		const own: https.RequestOptions = {};
		try {
			await config.applyToHTTPSOptions(own);
		} catch (error) {
			throw new ApiFault(0, { message: `The kubeconfig's credentials cannot be used: ${wordsOf(error)}.` });
		}
		const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = own;
		if (cluster.proxyUrl === undefined) {
			const tls = without({ ca, cert, key, pfx, passphrase, rejectUnauthorized, servername });
			if (kept === undefined || !isDeepStrictEqual(kept.tls, tls)) {
				kept?.agent.destroy();
				const options = { keepAlive: true, maxSockets: SOCKETS, ...tls };
				kept = { tls, agent: url.protocol === "http:" ? new http.Agent(options) : new https.Agent(options) };
			}
			own.agent = kept.agent;
		}
		const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
		const headers: http.OutgoingHttpHeaders = {
			...(own.headers as http.OutgoingHttpHeaders | undefined),
			accept: "application/json",
			"user-agent": "mcp-gateway",
			...(payload === undefined ? {} : { "content-type": contentType, "content-length": payload.length }),
		};
		const limit = AbortSignal.timeout(ANSWER_MS);
		const stop = signal === undefined ? limit : AbortSignal.any([signal, limit]);
		let answer: { status: number; headers: http.IncomingHttpHeaders; text: string };
		try {
			answer = await exchange(url, { ...own, method, headers, signal: stop }, payload);
		} catch (error) {
			const why = limit.aborted ? "no answer within 30 seconds" : wordsOf(error);
			throw new ApiFault(0, { message: `The API server at ${url.host} cannot be reached: ${why}.` });
		}
		const parsed = parse(answer.text);
		if (answer.status >= 200 && answer.status < 300) return parsed;
		const retryAfter = answer.headers["retry-after"];
		throw new ApiFault(answer.status, (parsed ?? {}) as StatusBody, seconds(retryAfter));
	};
}

function exchange(url: URL, options: https.RequestOptions, payload: Buffer | undefined) {
	return new Promise<{ status: number; headers: http.IncomingHttpHeaders; text: string }>((resolve, reject) => {
		const request = (url.protocol === "http:" ? http : https).request(url, options, (response) => {
			const { statusCode = 0, headers } = response;
			readAll(response).then((text) => resolve({ status: statusCode, headers, text }), reject);
		});
		request.on("error", reject);
		request.end(payload);
	});
}

function parse(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

function without<T extends object>(values: T): Partial<T> {
	return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function seconds(value: string | number | undefined): number | undefined {
	const number = Number(value);
	return value === undefined || !Number.isFinite(number) || number < 0 ? undefined : number * 1000;
}

function wordsOf(error: unknown): string {
	if (!(error instanceof Error)) return String(error);
	// Of an AggregateError (every address refused) the first tells as much as all.
	const one = error instanceof AggregateError ? error.errors[0] : error;
	return one instanceof Error && one.message !== "" ? one.message : error.name;
}
