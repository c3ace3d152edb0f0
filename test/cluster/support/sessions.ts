import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { podOf } from "./clients.ts";

/** A session that ended because the server no longer knew it. */
export interface Loss {
	readonly pod: string;
	/** The pod of the session that followed. */
	readonly next: string;
	/** From the 404 to the answer of the first call in the next session, milliseconds. */
	readonly tookMs: number;
}

/**
 * A client of SDK v1 that does what the specification asks for: at a 404 in its session it initializes anew, once, and
 * calls again. Everything else that fails is kept as it is.
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management
 */
export interface SessionClient {
	/** The pod of the session at present. */
	readonly pod: string;
	/** Calls answered. */
	readonly calls: number;
	/** Answers to POST by status, but for 200 and 202. */
	readonly refusals: readonly number[];
	readonly losses: readonly Loss[];
	/** What went wrong otherwise. */
	readonly failures: readonly string[];
	call(): Promise<void>;
	/** Calls again and again until it is stopped. */
	run(pauseMs: number): void;
	/** Waits for the call under way. */
	stop(): Promise<void>;
	close(): Promise<void>;
}

/** @param request What the client's requests are sent with; left out: the global `fetch`. */
export async function openSession(url: string, request: typeof fetch = fetch): Promise<SessionClient> {
	const refusals: number[] = [];
	const losses: Loss[] = [];
	const failures: string[] = [];
	let [pod, calls, stopped] = ["", 0, false];
	let running: Promise<void> = Promise.resolve();
	let session = await connect();
	pod = await podOf(session);

	async function connect() {
		const client = new Client({ name: "session", version: "1" });
		const transport = new StreamableHTTPClientTransport(new URL(url), {
			fetch: async (to, init) => {
				const response = await request(to, init);
				if (init?.method === "POST" && !response.ok) refusals.push(response.status);
				return response;
			},
		});
		await client.connect(transport as Transport);
		const call = async (name: string) => {
			const { content } = await client.callTool({ name, arguments: {} });
			return (content as { text: string }[])[0]?.text ?? "";
		};
		return { call, transport, close: () => client.close() };
	}

	async function call(): Promise<void> {
		const seen = refusals.length;
		try {
			const answered = await podOf(session);
			if (answered !== pod) failures.push(`a session of ${pod} was answered by ${answered}`);
			calls++;
		} catch (error) {
			if (refusals[seen] !== 404) {
				failures.push(String(error));
				return;
			}
			const begun = performance.now();
			try {
				await session.close();
				session = await connect();
				const next = await podOf(session);
				losses.push({ pod, next, tookMs: performance.now() - begun });
				pod = next;
				calls++;
			} catch (again) {
				failures.push(`after the 404: ${again}`);
			}
		}
	}

	const stop = () => {
		stopped = true;
		return running;
	};
	return {
		get pod() {
			return pod;
		},
		get calls() {
			return calls;
		},
		...{ refusals, losses, failures, call },
		run(pauseMs) {
			stopped = false;
			running = (async () => {
				while (!stopped) {
					await call();
					await sleep(pauseMs);
				}
			})();
		},
		stop,
		async close() {
			await stop();
			await session.transport.terminateSession().catch(() => {});
			await session.close();
		},
	};
}
