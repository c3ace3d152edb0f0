import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { Message } from "../../control-plane/xds/message.ts";
import { envoyArgs } from "../../envoy/process.ts";
import { envoyBinary } from "../support/envoy.ts";
import { eventually, freePort } from "../support/gateway.ts";
import { start } from "../support/process.ts";

/** An Envoy with one worker and a configuration of its own. */
export interface StaticEnvoy {
	readonly pid: number;
	readonly port: number;
	close(): Promise<unknown>;
}

/** Starts Envoy on a free port; `folder` takes its configuration. */
export async function startEnvoy(folder: string, config: (port: number) => Message): Promise<StaticEnvoy> {
	const port = await freePort();
	const file = join(folder, `envoy-${port}.json`);
	await writeFile(file, JSON.stringify(config(port)));
	const args = envoyArgs({ config: file, concurrency: 1, logLevel: "error", drainSeconds: 1 });
	const child = await start(await envoyBinary(), args, { guarded: true });
	try {
		await eventually(`Envoy listens on ${port}: ${child.output()}`, () => accepts(port));
	} catch (error) {
		await child.close(0);
		throw new Error(`${(error as Error).message}\n${child.output()}`);
	}
	return { pid: child.pid, port, close: () => child.close(1000) };
}

function accepts(port: number): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect(port, "127.0.0.1");
		socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
		socket.once("connect", () => socket.destroy());
	});
}
