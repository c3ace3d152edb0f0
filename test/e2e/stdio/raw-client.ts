import type { Gateway } from "../../support/gateway.ts";

/** What a client got, in one line: `result`, or why not: the reason of the gateway's error, or the server's error code. */
export interface Outcome {
	readonly status: number;
	readonly text: string;
	readonly result: Record<string, unknown> | undefined;
	readonly detail: string | undefined;
	readonly session: string | undefined;
}

interface Answer {
	readonly id?: unknown;
	readonly result?: Record<string, unknown>;
	readonly error?: { readonly code: number; readonly data?: { readonly reason?: string; readonly detail?: string } };
}

const initialize = {
	protocolVersion: "2025-11-25",
	capabilities: {},
	clientInfo: { name: "test", version: "1" },
};

/** A client in bare HTTP, one session at a time, for what no SDK's client would do or show. */
export class RawClient {
	readonly #url: string;
	session: string | undefined;

	constructor(gateway: Gateway, server: string) {
		this.#url = `${gateway.url}/${server}`;
	}

	/** Begins a session. */
	async open(): Promise<Outcome> {
		this.session = undefined;
		const outcome = await this.call(0, "initialize", initialize);
		this.session = outcome.session;
		return outcome;
	}

	/** Sends a request and waits for its answer. */
	async call(id: number, method: string, params: object = {}, signal?: AbortSignal): Promise<Outcome> {
		const response = await fetch(this.#url, {
			method: "POST",
			body: JSON.stringify({ jsonrpc: "2.0", id, method, params }),
			headers: {
				accept: "application/json, text/event-stream",
				"content-type": "application/json",
				...(this.session !== undefined && { "mcp-session-id": this.session }),
			},
			...(signal !== undefined && { signal }),
		});
		const body = await response.text();
		const session = response.headers.get("mcp-session-id") ?? undefined;
		const sse = response.headers.get("content-type")?.startsWith("text/event-stream");
		const datas = sse ? [...body.matchAll(/^data: (.+)$/gm)].map(([, data]) => data ?? "") : [body];
		const answers = datas.map((data): Answer => JSON.parse(data));
		const answer = answers.find((one) => one.result !== undefined || one.error !== undefined);
		const text = answer?.result ? "result" : String(answer?.error?.data?.reason ?? answer?.error?.code ?? "no answer");
		const outcome = {
			status: response.status,
			text,
			result: answer?.result,
			session,
			detail: answer?.error?.data?.detail,
		};
		if (answer?.result !== undefined && answer.id !== id) return { ...outcome, text: `answer to ${answer.id}` };
		return outcome;
	}

	/** Ends the session. */
	async close(): Promise<void> {
		if (this.session === undefined) return;
		const response = await fetch(this.#url, { method: "DELETE", headers: { "mcp-session-id": this.session } });
		await response.arrayBuffer();
	}
}
