import http from "node:http";
import https from "node:https";
import { setTimeout as sleep } from "node:timers/promises";

export interface LoadOptions {
	/** A server's URL at the gateway. */
	readonly url: string;
	/** Requests at a time, each with a connection of its own. Default 4. */
	readonly clients?: number;
	/** Ends by itself after so many requests; left out: at {@link Load.stop}. */
	readonly requests?: number;
	/** Pause of a client between two requests, milliseconds. Default 0. */
	readonly pauseMs?: number;
	/** The tool, which must answer as `whoami` does. Default `whoami`. */
	readonly tool?: string;
	readonly arguments?: Readonly<Record<string, unknown>>;
	/** For an https URL: whom to trust. */
	readonly tls?: https.AgentOptions;
	/** Further headers, as that of an API key. */
	readonly headers?: Readonly<Record<string, string>>;
}

/** A request that was not answered with 200 and a result. */
export interface Failure {
	/** Milliseconds from the load's begin to the request's. */
	readonly at: number;
	readonly tookMs: number;
	/** `503 no_healthy_replica ...`, or the connection's error. */
	readonly what: string;
}

export interface LoadResult {
	readonly sent: number;
	readonly succeeded: number;
	/** Answers by status; connections that failed count as 0. */
	readonly statuses: ReadonlyMap<number, number>;
	/** Successful answers by the pod that gave them. */
	readonly pods: ReadonlyMap<string, number>;
	readonly failures: readonly Failure[];
	/** Longest time, milliseconds, in which no request succeeded. */
	readonly longestGapMs: number;
}

export interface Load {
	/** As it stands now. */
	result(): LoadResult;
	/** Waits for requests in flight. */
	stop(): Promise<LoadResult>;
	/** Resolves when all `requests` are answered. */
	readonly done: Promise<LoadResult>;
}

/** Stateless requests of 2026-07-28, as fast as they are answered. */
export function startLoad(options: LoadOptions): Load {
	const { url, clients = 4, requests = Number.POSITIVE_INFINITY, pauseMs = 0, tool = "whoami" } = options;
	const sockets = { keepAlive: true, maxSockets: clients };
	const agent = options.tls === undefined ? new http.Agent(sockets) : new https.Agent({ ...sockets, ...options.tls });
	const begun = performance.now();
	const statuses = new Map<number, number>();
	const pods = new Map<string, number>();
	const failures: Failure[] = [];
	let [sent, succeeded, longestGapMs, lastSuccess, stopped] = [0, 0, 0, begun, false];

	const one = async () => {
		const at = performance.now();
		const body = callOf(tool, options.arguments ?? {}, ++sent);
		const { status, text } = await post(url, agent, tool, body, options.headers);
		const now = performance.now();
		count(statuses, status);
		const pod = status === 200 ? podIn(text) : undefined;
		if (pod === undefined) {
			failures.push({
				at: at - begun,
				tookMs: now - at,
				what: status === 0 ? text : `${status} ${text.slice(0, 200)}`,
			});
			return;
		}
		succeeded++;
		count(pods, pod);
		longestGapMs = Math.max(longestGapMs, now - lastSuccess);
		lastSuccess = now;
	};
	const client = async () => {
		while (!stopped && sent < requests) {
			await one();
			if (pauseMs > 0) await sleep(pauseMs);
		}
	};
	const result = (): LoadResult => ({
		...{ sent, succeeded, statuses, pods, failures },
		longestGapMs: Math.max(longestGapMs, performance.now() - lastSuccess),
	});
	const done = Promise.all(Array.from({ length: clients }, client)).then(() => {
		agent.destroy();
		return result();
	});
	return {
		result,
		done,
		stop() {
			stopped = true;
			return done;
		},
	};
}

function callOf(name: string, args: object, id: number): string {
	const meta = {
		"io.modelcontextprotocol/protocolVersion": "2026-07-28",
		"io.modelcontextprotocol/clientInfo": { name: "load", version: "1" },
		"io.modelcontextprotocol/clientCapabilities": {},
	};
	return JSON.stringify({
		jsonrpc: "2.0",
		id,
		method: "tools/call",
		params: { name, arguments: args, _meta: meta },
	});
}

/** Status 0 with the error as text where no whole answer came. */
function post(
	url: string,
	agent: http.Agent,
	tool: string,
	body: string,
	further: Readonly<Record<string, string>> = {},
): Promise<{ status: number; text: string }> {
	const headers = {
		...further,
		"content-type": "application/json",
		"content-length": Buffer.byteLength(body),
		accept: "application/json, text/event-stream",
		"mcp-protocol-version": "2026-07-28",
		"mcp-method": "tools/call",
		"mcp-name": tool,
	};
	return new Promise((resolve) => {
		const failed = (error: Error) => resolve({ status: 0, text: error.message });
		const sent = (agent instanceof https.Agent ? https : http).request(
			url,
			{ method: "POST", agent, headers },
			(response) => {
				let text = "";
				response.setEncoding("utf8").on("data", (part: string) => {
					text += part;
				});
				response.on("error", failed);
				response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
			},
		);
		sent.on("error", failed);
		sent.end(body);
	});
}

/** The pod in an answer of `whoami`, JSON or one event. */
function podIn(text: string): string | undefined {
	return /\\"pod\\": ?\\"([^"\\]+)\\"/.exec(text)?.[1];
}

function count<K>(counts: Map<K, number>, key: K): void {
	counts.set(key, (counts.get(key) ?? 0) + 1);
}
