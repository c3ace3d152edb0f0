import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { type AdsServer, startAdsServer } from "../../../control-plane/ads/server.ts";
import type { AdsStream } from "../../../control-plane/ads/stream.ts";
import type { Variant } from "../../../control-plane/ads/traits.ts";
import type { Discover } from "../../../control-plane/kubernetes/contract.ts";
import { expand } from "../../../control-plane/registry/expand.ts";
import { parseRegistry } from "../../../control-plane/registry/parse.ts";
import { createSnapshotBuilder } from "../../../control-plane/snapshot/builder.ts";
import { createSnapshot, type EncodedResource, resourceTypes } from "../../../control-plane/snapshot/snapshot.ts";
import { bootstrap, bootstrapDefaults } from "../../../envoy/bootstrap.ts";
import { envoyArgs } from "../../../envoy/process.ts";
import { envoyBinary } from "../../support/envoy.ts";
import { eventually, freePort } from "../../support/gateway.ts";
import { noCluster } from "../../support/kubernetes-server.ts";
import { type Child, start } from "../../support/process.ts";
import { testListener, testRoots } from "../../unit/golden/listener.ts";
import { send } from "../data-plane/client.ts";

/** Real Envoys beside our ADS server, in whose snapshots a test may put what no registry leads to. */
export interface Plane {
	readonly server: AdsServer;
	/** Where clients reach the Envoys; they share the port. */
	readonly url: string;
	/** Makes a registry the one to serve; `more` replaces resources of the same name. */
	serve(registry: Record<string, object>, more?: readonly EncodedResource[]): void;
	/** Starts an Envoy, which takes the named variant. */
	addEnvoy(id: string, variant: Variant): Promise<Child>;
	/** The stream of an Envoy. */
	streamOf(id: string): AdsStream;
	/** Ends the ADS server as a crash does, and starts another one at the same address. */
	restartServer(options?: { readonly knowing: boolean }): Promise<void>;
	close(): Promise<void>;
}

/** `discover`: what is found of servers on Kubernetes; nothing unless told. */
export async function startPlane({ discover = () => noCluster }: { discover?: Discover } = {}): Promise<Plane> {
	const folder = await mkdtemp(join(tmpdir(), "mcpgw-xds-"));
	const address = `unix:${join(folder, "xds.sock")}`;
	const port = await freePort();
	const listen = () => startAdsServer({ address, log: pino({ level: "silent" }), onChange: () => {} });
	let server = await listen();
	const builder = createSnapshotBuilder(testRoots);
	const envoys: Child[] = [];
	let serial = 0;
	return {
		get server() {
			return server;
		},
		url: `http://127.0.0.1:${port}`,
		serve(registry, more = []) {
			const parsed = parseRegistry(JSON.stringify(registry), "registry.json");
			if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
			const context = {
				expand: (template: string) => expand(template, { env: {}, readFile: () => "" }),
				readFile: () => testRoots,
				bridges: [],
				detection: () => ({ state: "detecting" as const }),
				discover,
			};
			const { snapshot } = builder.build(parsed.registry, { ...testListener, port, accessLog: "off" }, context);
			const replaced = new Set(more.map(({ type, name }) => `${type} ${name}`));
			const kept = resourceTypes.flatMap((type) =>
				[...snapshot.resources[type].values()].filter(({ name }) => !replaced.has(`${type} ${name}`)),
			);
			serial += 1;
			server.setSnapshot(createSnapshot(serial, [kept, more]));
		},
		async addEnvoy(id, variant) {
			const admin = { path: join(folder, `${id}.sock`) };
			const xds = { path: address.slice("unix:".length) };
			const { maxHeapBytes, maxConnections } = bootstrapDefaults;
			const config = bootstrap({ xds, admin, nodeId: id, maxHeapBytes, maxConnections });
			config.dynamic_resources.ads_config.api_type = variant === "delta" ? "DELTA_GRPC" : "GRPC";
			const file = join(folder, `${id}.json`);
			await writeFile(file, JSON.stringify(config));
			const args = envoyArgs({ config: file, concurrency: 1, logLevel: "warning", drainSeconds: 1 });
			const envoy = await start(await envoyBinary(), args, { guarded: true });
			envoys.push(envoy);
			return envoy;
		},
		streamOf(id) {
			const stream = [...server.streams].find(({ node }) => node?.id === id);
			if (stream === undefined) throw new Error(`${id} is not connected`);
			return stream;
		},
		async restartServer({ knowing } = { knowing: true }) {
			const { snapshot } = server;
			await server.close();
			server = await listen();
			if (snapshot !== undefined && knowing) server.setSnapshot(snapshot);
		},
		async close() {
			await Promise.all(envoys.map((envoy) => envoy.close(1000)));
			await server.close();
			await rm(folder, { recursive: true, force: true });
		},
	};
}

/** Waits until a target is answered with this status. */
export async function answers(url: string, target: string, status: number, timeoutMs = 30_000): Promise<void> {
	let seen = "nothing";
	const isThere = async () => {
		const answer = await send(url, target).catch((error: Error) => ({ status: 0, text: error.message }));
		seen = `${answer.status} ${answer.text}`;
		return answer.status === status;
	};
	await eventually(`${target} answers ${status}`, isThere, timeoutMs).catch((error: Error) => {
		throw new Error(`${error.message}; last: ${seen}`);
	});
}
