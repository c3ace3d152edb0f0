import { Client, SdkHttpError, SSEClientTransport, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

export interface ConnectOptions {
	readonly headers: Readonly<Record<string, string>>;
	readonly fetch?: typeof fetch;
	/** For each request. */
	readonly timeoutMs: number;
}

/** A client that is connected, over whichever transport and revision the server speaks. */
export interface ConnectedClient {
	readonly client: Client;
	/** Ends the session, and with it the process that a stdio server has for it. */
	close(): Promise<void>;
}

/**
 * Connects: 2026-07-28 first, then `initialize`, then HTTP+SSE where the server refuses both with a status that says so.
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#backwards-compatibility
 * @throws whatever the SDK's transports throw; of two failures the first, which is that of the newer transport.
 */
export async function connectClient(url: URL, { headers, fetch, timeoutMs }: ConnectOptions): Promise<ConnectedClient> {
	const options = { requestInit: { headers }, ...(fetch === undefined ? {} : { fetch }) };
	try {
		const transport = new StreamableHTTPClientTransport(url, options);
		const client = new Client({ name: "mcp-gateway", version: "1" }, { versionNegotiation: { mode: "auto" } });
		await client.connect(transport, { timeout: timeoutMs });
		const close = async () => {
			await transport.terminateSession().catch(() => {});
			await client.close().catch(() => {});
		};
		return { client, close };
	} catch (error) {
		if (!(error instanceof SdkHttpError) || ![400, 404, 405].includes(error.status ?? 0)) throw error;
		const client = new Client({ name: "mcp-gateway", version: "1" });
		// The SDK waits without end for a stream whose `endpoint` event never comes.
		const { promise: late, reject } = Promise.withResolvers<never>();
		const timer = setTimeout(() => reject(error), timeoutMs);
		try {
			const connecting = client.connect(new SSEClientTransport(url, options), { timeout: timeoutMs });
			await Promise.race([connecting, late]);
		} catch {
			await client.close().catch(() => {});
			throw error;
		} finally {
			clearTimeout(timer);
		}
		return { client, close: () => client.close() };
	}
}
