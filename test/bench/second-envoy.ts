import { readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bootstrapDefaults, bootstrapYaml } from "../../envoy/bootstrap.ts";
import { envoyArgs } from "../../envoy/process.ts";
import { envoyBinary } from "../support/envoy.ts";
import { eventually, type Gateway } from "../support/gateway.ts";
import { start } from "../support/process.ts";

/**
 * A second Envoy that asks a gateway's control plane for its configuration. It listens on the same port: the system
 * spreads the connections over both (SO_REUSEPORT).
 */
export async function joinEnvoy(gateway: Gateway): Promise<{ close(): Promise<unknown> }> {
	const socket = readdirSync(gateway.tempDir, { recursive: true, encoding: "utf8" }).find((name) =>
		name.endsWith("xds.sock"),
	);
	if (socket === undefined) throw new Error("the gateway has no xDS socket");
	const config = join(gateway.tempDir, "second.yaml");
	const { maxHeapBytes, maxConnections } = bootstrapDefaults;
	await writeFile(
		config,
		bootstrapYaml({
			xds: { path: join(gateway.tempDir, socket) },
			admin: { path: join(gateway.tempDir, "second.sock") },
			nodeId: "second",
			maxHeapBytes,
			maxConnections,
		}),
	);
	const child = await start(
		await envoyBinary(),
		envoyArgs({ config, concurrency: 2, logLevel: "error", drainSeconds: 1 }),
		{ guarded: true },
	);
	try {
		await eventually("both Envoys are up to date", async () => {
			const { envoys } = (await (await fetch(`${gateway.adminUrl}/v1/status`)).json()) as Envoys;
			return envoys.length === 2 && envoys.every(({ inSync }) => inSync);
		});
	} catch (error) {
		await child.close(0);
		throw new Error(`${(error as Error).message}\n${child.output()}`);
	}
	return { close: () => child.close(2000) };
}

interface Envoys {
	readonly envoys: readonly { readonly inSync: boolean }[];
}
