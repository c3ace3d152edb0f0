import { setTimeout as sleep } from "node:timers/promises";
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";

/** An official client of the TypeScript SDK that is connected to a server. */
export interface McpClient {
	/** The text of a tool's answer; an answer that says it is an error, and one that is none, reject. */
	call(tool: string, args?: Record<string, unknown>): Promise<string>;
	/** The session's id, where the revision has sessions. */
	readonly sessionId: string | undefined;
	close(): Promise<void>;
}

/** SDK v1: a session of the revisions up to 2025-11-25. */
export async function legacyClient(url: string, fetch?: typeof globalThis.fetch): Promise<McpClient> {
	const client = new Client({ name: "cluster-test", version: "1" });
	const transport = new StreamableHTTPClientTransport(new URL(url), fetch === undefined ? {} : { fetch });
	await client.connect(transport as Transport);
	return {
		call: async (name, args = {}) => textOf(await client.callTool({ name, arguments: args })),
		get sessionId() {
			return transport.sessionId;
		},
		async close() {
			// Of a pod that is gone nobody answers.
			await Promise.race([transport.terminateSession().catch(() => {}), sleep(1000, undefined, { ref: false })]);
			await client.close();
		},
	};
}

/** SDK v2, which finds 2026-07-28 by itself and then has no session. */
export async function modernClient(url: string, fetch?: typeof globalThis.fetch): Promise<McpClient> {
	const client = new ModernClient({ name: "cluster-test", version: "1" }, { versionNegotiation: { mode: "auto" } });
	await client.connect(new ModernTransport(new URL(url), fetch === undefined ? {} : { fetch }));
	return {
		call: async (name, args = {}) => textOf(await client.callTool({ name, arguments: args })),
		sessionId: undefined,
		close: () => client.close(),
	};
}

function textOf(result: unknown): string {
	const { content, isError } = result as { content?: { text?: string }[]; isError?: boolean };
	const text = content?.map(({ text }) => text ?? "").join("") ?? "";
	if (isError === true) throw new Error(text);
	return text;
}

/** The pod that answers. */
export async function podOf(client: Pick<McpClient, "call">): Promise<string> {
	return (JSON.parse(await client.call("whoami")) as { pod: string }).pod;
}
