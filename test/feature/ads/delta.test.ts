import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, status } from "@grpc/grpc-js";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DeltaResponse } from "../../../control-plane/ads/protocol.ts";
import { type AdsServer, startAdsServer } from "../../../control-plane/ads/server.ts";
import { expand } from "../../../control-plane/registry/expand.ts";
import { parseRegistry } from "../../../control-plane/registry/parse.ts";
import { createSnapshotBuilder } from "../../../control-plane/snapshot/builder.ts";
import { typeUrl } from "../../../control-plane/xds/names.ts";
import { testListener, testRoots } from "../../unit/golden/listener.ts";
import { DeltaClient, openStream, until } from "./client.ts";

/** Registry in, real gRPC, xDS out. */

const node = { id: "envoy-1", cluster: "mcp-gateway" };
let folder: string;
let server: AdsServer;
let client: DeltaClient;
let builder: ReturnType<typeof createSnapshotBuilder>;

beforeEach(async () => {
	folder = mkdtempSync(join(tmpdir(), "mcpgw-ads-"));
	server = await startAdsServer({
		address: `unix:${join(folder, "xds.sock")}`,
		log: pino({ level: "silent" }),
		onChange: () => {},
	});
	builder = createSnapshotBuilder(testRoots);
	client = new DeltaClient(server.address);
});

afterEach(async () => {
	client.close();
	await server.close();
	rmSync(folder, { recursive: true });
});

function serve(registry: Record<string, object>): void {
	const parsed = parseRegistry(JSON.stringify(registry), "registry.json");
	if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
	const env = { TOKEN: "feature-secret" };
	const context = {
		expand: (template: string) => expand(template, { env, readFile: () => "" }),
		readFile: () => testRoots,
		bridges: [],
	};
	server.setSnapshot(builder.build(parsed.registry, testListener, context).snapshot);
}

const http = (port: number) => ({ type: "http", endpoint: `http://127.0.0.1:${port}/mcp` });

function names({ resources, removed_resources }: DeltaResponse): string[] {
	return [...resources.map(({ name }) => `+${name}`), ...removed_resources.map((name) => `-${name}`)];
}

async function expectNext(type: keyof typeof typeUrl, wanted: string[]): Promise<DeltaResponse> {
	const response = await client.next();
	expect([response.type_url, ...names(response)]).toEqual([typeUrl[type], ...wanted]);
	return response;
}

describe("delta ADS over gRPC", () => {
	it("serves nothing before the sources have been read, and everything in order then", async () => {
		client.subscribe("cluster", { node }).subscribe("scope");
		await until(() => server.streams.size === 1, "the stream");
		serve({ a: http(1) });
		const clusters = await expectNext("cluster", ["+mcp/a"]);
		client.subscribe("endpoints", { resource_names_subscribe: ["mcp/a"] });
		client.ack(await expectNext("endpoints", ["+mcp/a"]));
		expect(client.received).toHaveLength(2);
		client.ack(clusters);
		client.ack(await expectNext("scope", ["+a"]));

		serve({ a: http(1), b: http(2) });
		const added = await expectNext("cluster", ["+mcp/b"]);
		client.subscribe("endpoints", { resource_names_subscribe: ["mcp/b"] });
		await expectNext("endpoints", ["+mcp/b"]);
		client.ack(added);
		client.ack(await expectNext("scope", ["+b"]));

		serve({ b: http(2) });
		client.ack(await expectNext("scope", ["-a"]));
		await expectNext("cluster", ["-mcp/a"]);
	});

	it("refuses a first request without node.id", async () => {
		client.subscribe("cluster");
		await until(() => client.error !== undefined, "an error");
		expect(client.error?.code).toBe(status.INVALID_ARGUMENT);
	});

	it("refuses a request without type_url", async () => {
		client.send({ node });
		await until(() => client.error !== undefined, "an error");
		expect(client.error?.code).toBe(status.INVALID_ARGUMENT);
	});

	it("goes on after a request for a type that it does not know", async () => {
		serve({ a: http(1) });
		client.send({ node, type_url: "type.googleapis.com/no.such.Type" }).subscribe("cluster");
		await expectNext("cluster", ["+mcp/a"]);
	});

	it("keeps the state of each Envoy apart", async () => {
		serve({ a: http(1) });
		client.subscribe("cluster", { node });
		client.ack(await expectNext("cluster", ["+mcp/a"]));
		const second = new DeltaClient(server.address);
		try {
			second.subscribe("cluster", { node: { ...node, id: "envoy-2" } });
			expect(names(await second.next())).toEqual(["+mcp/a"]);
			expect([...server.streams].map((stream) => stream.node?.id).sort()).toEqual(["envoy-1", "envoy-2"]);
		} finally {
			second.close();
		}
		await until(() => server.streams.size === 1, "the second stream's end");
	});

	it("sends nothing on a reconnect to an Envoy that has everything", async () => {
		serve({ a: http(1) });
		const version = server.snapshot?.resources.cluster.get("mcp/a")?.version ?? "";
		client.subscribe("cluster", { node, initial_resource_versions: { "mcp/a": version } });
		client.subscribe("endpoints", { resource_names_subscribe: ["mcp/a"] });
		await expectNext("endpoints", ["+mcp/a"]);
		expect(client.received).toHaveLength(1);
	});

	it("does not send a refused version again, and tells Envoy's words", async () => {
		serve({ a: http(1) });
		client.subscribe("cluster", { node }).subscribe("listener");
		client.nack(await expectNext("cluster", ["+mcp/a"]), "cluster mcp/a: bad luck");
		client.ack(await expectNext("listener", ["+mcp-gateway"]));
		const [stream] = server.streams;
		await until(() => stream?.counts.acks === 1, "the ACK of the listener");
		expect(client.received).toHaveLength(2);
		expect(stream?.sequencer.types.cluster.refused.get("mcp/a")?.message).toBe("cluster mcp/a: bad luck");
		const tls = { type: "http", endpoint: "https://127.0.0.1:1/mcp" };
		serve({ a: tls });
		await expectNext("cluster", ["+mcp/a"]);
	});

	it("carries secrets in SDS and nowhere else", async () => {
		// biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of the registry
		serve({ a: { ...http(1), headers: { Authorization: "Bearer ${TOKEN}" } } });
		client
			.subscribe("cluster", { node })
			.subscribe("scope")
			.subscribe("listener")
			.subscribe("endpoints", { resource_names_subscribe: ["mcp/a"] })
			.subscribe("secret", { resource_names_subscribe: ["header/a/authorization"] });
		await until(() => client.received.length >= 4, "the first responses");
		for (const { type_url, resources } of client.received) {
			const holds = resources.some(({ resource }) => resource.value.includes("feature-secret"));
			expect([type_url, holds]).toEqual([type_url, type_url === typeUrl.secret]);
		}
	});

	it("tells an Envoy that wants state-of-the-world what to set", async () => {
		const sotw = new Client(server.address, credentials.createInsecure());
		const stream = openStream(sotw, "StreamAggregatedResources");
		const error = await new Promise<{ details: string }>((resolve) => stream.on("error", resolve));
		expect(error.details).toContain("DELTA_GRPC");
		sotw.close();
	});
});
