import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect } from "vitest";
import { type AdsServer, type AdsServerOptions, startAdsServer } from "../../../control-plane/ads/server.ts";
import type { AdsStream } from "../../../control-plane/ads/stream.ts";
import type { Variant } from "../../../control-plane/ads/traits.ts";
import { expand } from "../../../control-plane/registry/expand.ts";
import { parseRegistry } from "../../../control-plane/registry/parse.ts";
import { createSnapshotBuilder } from "../../../control-plane/snapshot/builder.ts";
import type { ResourceType } from "../../../control-plane/xds/names.ts";
import { noCluster } from "../../support/kubernetes-server.ts";
import { testListener, testRoots } from "../../unit/golden/listener.ts";
import { type Answer, XdsClient } from "./client.ts";

/** Registry in, real gRPC, xDS out. */
export interface Setup {
	readonly server: AdsServer;
	/** The first client; closed after the test. */
	readonly client: XdsClient;
	/** Another Envoy; closed after the test. */
	connect(options?: { raw: boolean }): XdsClient;
	/** Makes a registry the one to serve. */
	serve(registry: Record<string, object>): void;
	/** The only stream. */
	stream(): AdsStream;
	/** The next response, of this type and with these names. */
	expectNext(type: ResourceType, names: readonly string[], client?: XdsClient): Promise<Answer>;
}

export const node = { id: "envoy-1", cluster: "mcp-gateway" };

/** An HTTP server; another port changes its endpoints, another path its scope, TLS its cluster. */
export function http(port: number, { path = "/mcp", tls = false } = {}): object {
	return { type: "http", endpoint: `${tls ? "https" : "http"}://127.0.0.1:${port}${path}` };
}

/** A server and a client for each test of the file or block. */
export function setupEach(variant: Variant, more: Partial<AdsServerOptions> = {}): Setup {
	let folder: string;
	let server: AdsServer;
	let clients: XdsClient[];
	let builder: ReturnType<typeof createSnapshotBuilder>;

	beforeEach(async () => {
		folder = mkdtempSync(join(tmpdir(), "mcpgw-ads-"));
		const log = pino({ level: "silent" });
		server = await startAdsServer({ address: `unix:${join(folder, "xds.sock")}`, log, onChange: () => {}, ...more });
		builder = createSnapshotBuilder(testRoots);
		clients = [new XdsClient(server.address, variant)];
	});

	afterEach(async () => {
		for (const client of clients) client.close();
		await server.close();
		rmSync(folder, { recursive: true });
	});

	const setup: Setup = {
		get server() {
			return server;
		},
		get client() {
			return clients[0]!;
		},
		connect(options) {
			const client = new XdsClient(server.address, variant, options);
			clients.push(client);
			return client;
		},
		serve(registry) {
			const parsed = parseRegistry(JSON.stringify(registry), "registry.json");
			if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
			const context = {
				expand: (template: string) => expand(template, { env: { TOKEN: "feature-secret" }, readFile: () => "" }),
				readFile: () => testRoots,
				bridges: [],
				detection: () => ({ state: "detecting" as const }),
				discover: () => noCluster,
			};
			server.setSnapshot(builder.build(parsed.registry, testListener, context).snapshot);
		},
		stream() {
			const [stream] = server.streams;
			if (stream === undefined) throw new Error("there is no stream");
			return stream;
		},
		async expectNext(type, names, client = setup.client) {
			const answer = await client.next();
			expect([answer.type, ...answer.names]).toEqual([type, ...names]);
			return answer;
		},
	};
	return setup;
}
