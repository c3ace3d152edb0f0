/** All requests to one API server. */
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { isDeepStrictEqual } from "node:util";
import type { KubeConfig } from "@kubernetes/client-node";
import { readLines, readText } from "./answer.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Left out where the value is undefined. */
export type Query = Readonly<Record<string, string | undefined>>;

export interface RequestOptions {
	readonly query?: Query;
	readonly body?: unknown;
	/** Of the body; left out: JSON. */
	readonly contentType?: string;
	readonly signal?: AbortSignal | undefined;
}

/** Asks the API server and resolves with its JSON. @throws ApiFault */
export type ApiRequest = (method: Method, path: string, options?: RequestOptions) => Promise<unknown>;

export interface LinesOptions {
	readonly signal: AbortSignal;
	/** Called once, when the answer begins. */
	readonly opened: () => void;
	readonly take: (line: string) => void;
	readonly silentMs: number;
}

/**
 * The client's own methods open a TLS connection for each request and hide fields that they do not know; its `Watch`
 * loses the API server's words and bookmarks, and ends without news every 30 seconds; its typed lists build each object
 * twice. Who we are and whom we trust is taken from the client.
 */
export interface ApiServer {
	/** Its base URL. */
	readonly url: string;
	/** One request of many, over a few connections that are kept. */
	readonly request: ApiRequest;
	/** The text of an answer of any size, over a connection of its own. @throws ApiFault */
	text(
		path: string,
		query: Query,
		options: { readonly signal: AbortSignal; readonly timeoutMs: number },
	): Promise<string>;
	/**
	 * Lines of an answer that has no end, each as it comes; resolves when the server ends it.
	 * @throws ApiFault where it is refused, breaks off, or is silent for `silentMs`.
	 */
	lines(path: string, query: Query, options: LinesOptions): Promise<void>;
}

/** What a Status object of the API server says, as far as anyone here asks. */
interface StatusBody {
	readonly reason?: string;
	readonly message?: string;
	readonly details?: { readonly name?: string; readonly kind?: string; readonly retryAfterSeconds?: number };
}

/** A request that failed: refused by the API server, or never answered (`status` 0). */
export class ApiFault extends Error {
	readonly status: number;
	/** The message's reason alone, for a sentence of one's own. */
	readonly why: string;
	/** The API's own word, as in `AlreadyExists`. */
	readonly reason: string;
	/** What the fault is about, where the API says: kind and name. */
	readonly about: { readonly kind?: string; readonly name?: string };
	/** It asks not to be asked again for so many milliseconds. */
	readonly retryAfterMs: number | undefined;

	constructor(status: number, body: StatusBody, retryAfterMs?: number, why?: string) {
		super(body.message ?? `The API server answered ${status}.`);
		this.status = status;
		this.why = why ?? body.message ?? `HTTP ${status}`;
		this.reason = body.reason ?? "";
		this.about = body.details ?? {};
		this.retryAfterMs = retryAfterMs ?? milliseconds(body.details?.retryAfterSeconds);
	}
}

/** So long an answer to one request of many may take to begin, and to end; the API server's own limit is a minute. */
const requestMs = 30_000;

/** So long any other answer may take to begin. */
const beginMs = 10_000;

/**
 * Connections for requests at the most: more than the reconciler has requests under way, so that the Lease is renewed in
 * time where each of them is held up, as by an admission webhook that does not answer.
 */
const maxSockets = 12;

/** Speaks to the kubeconfig's current cluster. Nothing is sent before the first request. */
export function createApiServer(kubeConfig: KubeConfig): ApiServer {
	const server = (kubeConfig.getCurrentCluster()?.server ?? "").replace(/\/+$/, "");
	let kept: { readonly tls: object; readonly agent: http.Agent } | undefined;

	/** Looked up each time: tokens change, and credentials by a command expire. */
	async function connection(isKept: boolean): Promise<https.RequestOptions> {
		const options: https.RequestOptions = {};
		try {
			await kubeConfig.applyToHTTPSOptions(options);
		} catch (error) {
			const why = `the kubeconfig's credentials cannot be used: ${wordsOf(error)}`;
			throw new ApiFault(0, { message: `The API server cannot be asked: ${why}.` }, undefined, why);
		}
		// The agent of a proxy is the client's own.
		if (!isKept || kubeConfig.getCurrentCluster()?.proxyUrl !== undefined) return options;
		const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = options;
		const tls = without({ ca, cert, key, pfx, passphrase, rejectUnauthorized, servername });
		if (kept === undefined || !isDeepStrictEqual(kept.tls, tls)) {
			kept?.agent.destroy();
			const { Agent } = server.startsWith("http:") ? http : https;
			kept = { tls, agent: new Agent({ keepAlive: true, maxSockets, ...tls }) };
		}
		return { ...options, agent: kept.agent };
	}

	/** The answer, once its head is there. */
	async function open(
		method: Method,
		path: string,
		{ query = {}, body, contentType = "application/json", signal }: RequestOptions,
		{ isKept, timeoutMs }: { readonly isKept: boolean; readonly timeoutMs: number },
	): Promise<IncomingMessage> {
		if (server === "") throw new ApiFault(0, { message: "The kubeconfig names no cluster." });
		const url = new URL(server + path);
		for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
		const options = await connection(isKept);
		const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
		const headers: http.OutgoingHttpHeaders = {
			...(options.headers as http.OutgoingHttpHeaders | undefined),
			accept: "application/json, */*",
			"user-agent": "mcp-gateway",
			...(payload === undefined ? {} : { "content-type": contentType, "content-length": payload.length }),
		};
		return new Promise((resolve, reject) => {
			const send = url.protocol === "http:" ? http.request : https.request;
			const call = send(url, { ...options, method, headers, ...(signal && { signal }) }, (response) => {
				clearTimeout(timer);
				resolve(response);
			});
			const timer = setTimeout(() => call.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
			// A peer that vanished without a word is noticed within half a minute.
			call.on("socket", (socket) => socket.setKeepAlive(true, 20_000));
			call.on("error", (error) => {
				clearTimeout(timer);
				reject(unanswered(error));
			});
			call.end(payload);
		});
	}

	function unanswered(error: unknown): ApiFault {
		const why = wordsOf(error);
		return new ApiFault(0, { message: `The API server at ${server} cannot be reached: ${why}.` }, undefined, why);
	}

	/** The text of a good answer. @throws ApiFault */
	async function whole(response: IncomingMessage, timeoutMs: number): Promise<string> {
		const { statusCode = 0, headers } = response;
		const text = await readText(response, timeoutMs).catch((error: unknown) => {
			throw unanswered(error);
		});
		if (statusCode >= 200 && statusCode < 300) return text;
		throw new ApiFault(statusCode, (parsed(text) ?? {}) as StatusBody, milliseconds(headers["retry-after"]));
	}

	return {
		url: server,
		async request(method, path, options = {}) {
			const response = await open(method, path, options, { isKept: true, timeoutMs: requestMs });
			return parsed(await whole(response, requestMs));
		},
		async text(path, query, { signal, timeoutMs }) {
			const limits = { isKept: false, timeoutMs: Math.min(beginMs, timeoutMs) };
			return whole(await open("GET", path, { query, signal }, limits), timeoutMs);
		},
		async lines(path, query, { signal, opened, take, silentMs }) {
			const response = await open("GET", path, { query, signal }, { isKept: false, timeoutMs: beginMs });
			if (response.statusCode !== 200) {
				await whole(response, beginMs);
				return;
			}
			opened();
			await readLines(response, take, silentMs).catch((error: unknown) => {
				throw error instanceof ApiFault ? error : unanswered(error);
			});
		},
	};
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

function without<T extends object>(values: T): Partial<T> {
	return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function milliseconds(seconds: string | number | undefined): number | undefined {
	const number = Number(seconds);
	return seconds === undefined || !Number.isFinite(number) || number < 0 ? undefined : number * 1000;
}

function wordsOf(error: unknown): string {
	if (!(error instanceof Error)) return String(error);
	// Of an AggregateError (every address refused) the first tells as much as all.
	const one = error instanceof AggregateError ? error.errors[0] : error;
	return one instanceof Error && one.message !== "" ? one.message : error.name;
}
