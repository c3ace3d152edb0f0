import { rmSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { mainFile } from "../../control-plane/cli/paths.ts";
import { eventually, freePort } from "../support/gateway.ts";
import { type Child, NODE, start } from "../support/process.ts";
import { type Processes, processesOf } from "./process-tree.ts";
import type { Peer } from "./stdio-peers.ts";

/** The server that all gateways have behind them. */
export const serverFile = fileURLToPath(new URL("../fixtures/stdio/echo.js", import.meta.url));
export const serverCommand = [NODE, serverFile] as const;

/** A stdio gateway that runs: ours, a part of it, or a peer. */
export interface StdioGateway {
	readonly name: string;
	/** Port on loopback, or path of a Unix socket. */
	readonly to: number | string;
	readonly processes: () => Processes;
	close(): Promise<unknown>;
}

/** The registry of ours, by server id: its pool. */
export type Pools = Readonly<Record<string, object>>;

/** The bridge alone, on a port or a Unix socket. */
export async function startBridge(on: "TCP" | "Unix socket", pools: Pools): Promise<StdioGateway> {
	return inFolder(async (folder) => {
		const registry = await writeRegistry(folder, pools);
		const port = await freePort();
		const to = on === "TCP" ? port : join(folder, "bridge.sock");
		const listen = on === "TCP" ? `127.0.0.1:${port}` : `unix:${to}`;
		const child = await start(NODE, [mainFile, "bridge", "--json", "--registry", registry, "--listen", listen], {
			guarded: true,
		});
		return started(`bridge, ${on}`, child, to, () => healthy(to, "/~bridge/healthz"));
	});
}

/** The whole gateway: Envoy, control plane and bridge, without an access log, since peers write none. */
export async function startWholeGateway(pools: Pools): Promise<StdioGateway> {
	return inFolder(async (folder) => {
		const registry = await writeRegistry(folder, pools);
		const args = ["--registry", registry, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
		const child = await start(NODE, [mainFile, "up", "--json", ...args, "--access-log", "off", "--drain-time", "1"], {
			guarded: true,
			env: { XDG_RUNTIME_DIR: folder },
		});
		const [line] = await child.waitFor(/^\{.*"event":"ready".*$/, 60_000).catch(endedFirst(child));
		const port = Number(new URL(JSON.parse(line).url).port);
		return started("whole gateway", child, port, async () => true);
	});
}

/** A peer; throws where it cannot be installed or does not start. */
export async function startPeer(peer: Peer): Promise<StdioGateway> {
	const port = await freePort();
	const { command, args, endsWithStdin } = await peer.command(serverCommand, port);
	const child = await start(command, args, { guarded: !endsWithStdin });
	return started(peer.name, child, port, () => healthy(port, "/mcp"));
}

async function started(
	name: string,
	child: Child,
	to: number | string,
	ready: () => Promise<boolean>,
): Promise<StdioGateway> {
	const ended = child.exited.then(({ code, signal }) => Promise.reject(new Error(`it ended (${signal ?? code})`)));
	await Promise.race([ended, eventually(`${name} listens`, ready, 30_000)]).catch(endedFirst(child));
	ended.catch(() => {});
	return { name, to, processes: () => processesOf(child.pid, serverFile), close: () => child.close(10_000) };
}

/** Ends the child before the error is passed on, with what the child has said. */
function endedFirst(child: Child): (error: Error) => Promise<never> {
	return async (error) => {
		await child.close();
		throw new Error(`${error.message.split("\n", 1)[0]}\n${child.output()}`);
	};
}

/** Gives a temporary folder that goes with what was started in it, or with this process. */
async function inFolder(startIn: (folder: string) => Promise<StdioGateway>): Promise<StdioGateway> {
	const folder = await mkdtemp(join(tmpdir(), "bench-"));
	const remove = () => rmSync(folder, { recursive: true, force: true });
	process.once("exit", remove);
	const removeNow = async () => {
		await rm(folder, { recursive: true, force: true });
		process.off("exit", remove);
	};
	try {
		const gateway = await startIn(folder);
		return { ...gateway, close: () => gateway.close().finally(removeNow) };
	} catch (error) {
		await removeNow();
		throw error;
	}
}

async function writeRegistry(folder: string, pools: Pools): Promise<string> {
	const entry = (pool: object) => ({ type: "stdio", cmd: serverCommand, pool });
	const file = join(folder, "registry.json");
	await writeFile(
		file,
		JSON.stringify(Object.fromEntries(Object.entries(pools).map(([id, pool]) => [id, entry(pool)]))),
	);
	return file;
}

/** Whether it answers HTTP at all, other than that it is not there yet. */
function healthy(to: number | string, path: string): Promise<boolean> {
	const where = typeof to === "string" ? { socketPath: to } : { host: "127.0.0.1", port: to };
	return new Promise((resolve) => {
		const sent = request({ ...where, path, agent: false }, (response) => {
			response.destroy();
			resolve(response.statusCode !== 503);
		});
		sent.once("error", () => resolve(false));
		sent.end();
	});
}
