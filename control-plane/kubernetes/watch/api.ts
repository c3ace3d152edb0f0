import { type ClientRequest, type IncomingMessage, request as requestHttp } from "node:http";
import { type RequestOptions, request as requestHttps } from "node:https";
import type { Readable } from "node:stream";
import type { KubeConfig } from "@kubernetes/client-node";

/**
 * Reading from the API server: lists, logs and watches, by GET. The client's own `Watch` keeps neither the API server's
 * words of an error nor bookmarks apart, and ends a watch without news every 30 seconds; its typed lists build each
 * object twice.
 */
export interface KubernetesApi {
	/** Base URL of the API server. */
	readonly server: string;
	/** The text of an answer. @throws ApiError */
	get(
		path: string,
		query: Query,
		options: { readonly signal: AbortSignal; readonly timeoutMs: number },
	): Promise<string>;
	/**
	 * Lines of an answer that has no end, each as it comes; resolves when the server ends it.
	 * @throws ApiError where it is refused, breaks off, or is silent for `silentMs`.
	 */
	lines(path: string, query: Query, options: LinesOptions): Promise<void>;
}

export type Query = Readonly<Record<string, string | undefined>>;

export interface LinesOptions {
	readonly signal: AbortSignal;
	/** Called once, when the answer begins. */
	readonly opened: () => void;
	readonly take: (line: string) => void;
	readonly silentMs: number;
}

/** The API server refused a request, or (without a status) did not answer it. */
export class ApiError extends Error {
	readonly status: number | undefined;
	/** Seconds that the server wants to be left alone. */
	readonly retryAfter: number | undefined;

	constructor(message: string, status?: number, retryAfter?: number) {
		super(message);
		this.name = "ApiError";
		this.status = status;
		this.retryAfter = retryAfter;
	}
}

/** So long an answer may take to begin. */
const beginMs = 10_000;

/** Speaks to the kubeconfig's current cluster. */
export function createApi(kubeConfig: KubeConfig): KubernetesApi {
	const server = (kubeConfig.getCurrentCluster()?.server ?? "").replace(/\/+$/, "");

	/** The answer, once its head is there. */
	async function open(path: string, query: Query, signal: AbortSignal, timeoutMs: number): Promise<IncomingMessage> {
		const url = new URL(server + path);
		for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
		const options: RequestOptions = {};
		try {
			// Each time: tokens change, and credentials by a command expire.
			await kubeConfig.applyToHTTPSOptions(options);
		} catch (error) {
			throw new ApiError(`the kubeconfig's credentials cannot be used: ${(error as Error).message}`);
		}
		const headers = { ...options.headers, accept: "application/json, */*" };
		const send = url.protocol === "http:" ? requestHttp : requestHttps;
		return new Promise((resolve, reject) => {
			const call: ClientRequest = send(url, { ...options, headers, signal }, (response) => {
				clearTimeout(timer);
				resolve(response);
			});
			const timer = setTimeout(() => call.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
			// A peer that vanished without a word is noticed within half a minute.
			call.on("socket", (socket) => socket.setKeepAlive(true, 20_000));
			call.on("error", (error) => {
				clearTimeout(timer);
				reject(new ApiError(error.message));
			});
			call.end();
		});
	}

	async function refuse(response: IncomingMessage): Promise<never> {
		const text = await readAll(response, 10_000).catch(() => "");
		const retryAfter = Number(response.headers["retry-after"]);
		throw new ApiError(
			statusMessage(text) ?? `HTTP ${response.statusCode}`,
			response.statusCode,
			Number.isFinite(retryAfter) ? retryAfter : undefined,
		);
	}

	return {
		server,
		async get(path, query, { signal, timeoutMs }) {
			const response = await open(path, query, signal, Math.min(beginMs, timeoutMs));
			return response.statusCode === 200 ? readAll(response, timeoutMs) : refuse(response);
		},
		async lines(path, query, { signal, opened, take, silentMs }) {
			const response = await open(path, query, signal, beginMs);
			if (response.statusCode !== 200) return refuse(response);
			opened();
			await readLines(response, take, silentMs);
		},
	};
}

/** The words of a Status object: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
function statusMessage(text: string): string | undefined {
	try {
		const { message } = JSON.parse(text) as { message?: unknown };
		return typeof message === "string" && message !== "" ? message : undefined;
	} catch {
		return undefined;
	}
}

function readAll(response: Readable, timeoutMs: number): Promise<string> {
	return new Promise((resolve, reject) => {
		const timer = setTimeout(() => response.destroy(new Error("the answer took too long")), timeoutMs);
		const chunks: Buffer[] = [];
		response.on("data", (chunk: Buffer) => chunks.push(chunk));
		response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
		response.on("error", (error) => reject(new ApiError(error.message)));
		response.on("close", () => clearTimeout(timer));
	});
}

function readLines(response: Readable, take: (line: string) => void, silentMs: number): Promise<void> {
	return new Promise((resolve, reject) => {
		let rest = "";
		const silent = () => response.destroy(new Error(`nothing was heard for ${silentMs / 1000} s`));
		const timer = setTimeout(silent, silentMs);
		response.setEncoding("utf8");
		response.on("data", (chunk: string) => {
			timer.refresh();
			const lines = (rest + chunk).split("\n");
			rest = lines.pop() ?? "";
			try {
				for (const line of lines) if (line !== "") take(line);
			} catch (error) {
				response.destroy(error as Error);
			}
		});
		response.on("end", resolve);
		response.on("error", (error) => reject(error instanceof ApiError ? error : new ApiError(error.message)));
		response.on("close", () => clearTimeout(timer));
	});
}
