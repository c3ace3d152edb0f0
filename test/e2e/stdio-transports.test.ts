import { fileURLToPath } from "node:url";
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { WebSocketClientTransport } from "@modelcontextprotocol/sdk/client/websocket.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { ListRootsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { NODE } from "../support/process.ts";

/** The official clients reach a stdio server through Envoy over whatever they speak. */

let gateway: Gateway;

beforeAll(async () => {
	const fixture = (path: string) => [fileURLToPath(new URL(`../fixtures/${path}.ts`, import.meta.url))];
	gateway = await startGateway({
		registry: {
			legacy: { type: "stdio", command: NODE, args: fixture("stdio/server") },
			both: { type: "stdio", command: NODE, args: fixture("http/conformance-stdio") },
		},
		args: ["--bridge-workers", "2"],
	});
});

afterAll(() => gateway?.stop());

const transports: Record<string, (url: URL) => Transport> = {
	"Streamable HTTP": (url) => new StreamableHTTPClientTransport(url) as Transport,
	"HTTP+SSE": (url) => new SSEClientTransport(url),
	"HTTP+SSE at /sse": (url) => new SSEClientTransport(new URL(`${url}/sse`)),
	WebSocket: (url) => new WebSocketClientTransport(new URL(url.href.replace("http:", "ws:"))),
};

describe("a stdio server through the gateway", () => {
	it.each(Object.entries(transports))("over %s", async (_name, transport) => {
		const connect = async (name: string) => {
			const client = new Client({ name, version: "1" }, { capabilities: { roots: {} } });
			client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: `file:///${name}` }] }));
			await client.connect(transport(new URL(`${gateway.url}/legacy`)));
			onTestFinished(() => client.close());
			return client;
		};
		const clients = await Promise.all(
			["ann", "bob", "cid", "dan"].map(async (name) => ({ name, client: await connect(name) })),
		);
		const pids = new Set<string>();
		for (let n = 0; n < 5; n++) {
			await Promise.all(
				clients.map(async ({ name, client }) => {
					const text = async (tool: string, args = {}) =>
						JSON.stringify((await client.callTool({ name: tool, arguments: args })).content);
					expect(await text("echo", { text: `${name} ${n}` })).toContain(`${name} ${n}`);
					expect(await text("roots")).toContain(`file:///${name}`);
					pids.add(await text("pid"));
				}),
			);
		}
		expect(pids.size).toBe(clients.length);
	});

	it("over 2026-07-28, in one process for all", async () => {
		const connect = async () => {
			const client = new ModernClient({ name: "m", version: "1" }, { versionNegotiation: { mode: "auto" } });
			await client.connect(new ModernTransport(new URL(`${gateway.url}/both`)));
			onTestFinished(() => client.close());
			expect(client.getProtocolEra()).toBe("modern");
			return client;
		};
		for (const client of await Promise.all([connect(), connect()])) {
			const { content } = await client.callTool({ name: "test_simple_text", arguments: {} });
			expect(content).toHaveLength(1);
		}
	});
});
