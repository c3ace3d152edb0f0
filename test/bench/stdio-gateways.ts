import { rmSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatAddress } from "../../control-plane/cli/address.ts";
import { workerCount } from "../../control-plane/cli/bridge-workers.ts";
import { mainFile } from "../../control-plane/cli/paths.ts";
import { placement } from "../../control-plane/ir/placement.ts";
import { stdioPart } from "../../control-plane/registry/model.ts";
import { parseRegistry } from "../../control-plane/registry/parse.ts";
import { workerAddresses } from "../../stdio-bridge/workers/addresses.ts";
import { eventually, freePort } from "../support/gateway.ts";
import { type Child, NODE, start } from "../support/process.ts";
import { type Processes, processesOf } from "./process-tree.ts";
import type { Peer } from "./stdio-peers.ts";

/** The server that all gateways have behind them. */
export const serverFile = fileURLToPath(new URL("../fixtures/stdio/echo.js", import.meta.url));
export const serverCommand = [NODE, serverFile] as const;

type Address = number | string;

/** A stdio gateway that runs: ours, a part of it, or a peer. */
export interface StdioGateway {
	readonly name: string;
	/** Where a server's clients go, in turn: ports on loopback, or paths of Unix sockets. */
	readonly to: (server: string) => readonly Address[];
	readonly processes: () => Processes;
	close(): Promise<unknown>;
}

/** The registry of ours, by server id: its pool. */
export type Pools = Readonly<Record<string, object>>;

/**
 * The bridge alone, with as many workers as it has by itself. Without Envoy the load does what Envoy would: it spreads
 * clients over the workers that take them.
 */
export async function startBridge(on: "TCP" | "Unix socket", pools: Pools): Promise<StdioGateway> {
	return inFolder(async (folder) => {
		const registry = await writeRegistry(folder, pools);
		const count = workerCount(undefined, "");
		const listen =
			on === "TCP" ? { host: "127.0.0.1", port: await freePorts(count) } : { path: join(folder, "bridge.sock") };
		const addresses = workerAddresses(listen, count).map((one) => ("path" in one ? one.path : one.port));
		const args = ["--registry", registry, "--listen", formatAddress(listen)];
		const child = await start(NODE, [mainFile, "bridge", "--json", ...args], { guarded: true });
		const parsed = parseRegistry(await readFile(registry, "utf8"), registry);
		const to = (id: string) => {
			const server = parsed.ok ? stdioPart(parsed.registry.servers.get(id)) : undefined;
			return server === undefined ? [] : placement(server, count).map((index) => addresses[index]!);
		};
		const listens = async () =>
			(await Promise.all(addresses.map((one) => healthy(one, "/~bridge/healthz")))).every(Boolean);
		return started(`bridge, ${on}`, child, to, listens);
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
		return started(
			"whole gateway",
			child,
			() => [port],
			async () => true,
		);
	});
}

/** A peer; throws where it cannot be installed or does not start. */
export async function startPeer(peer: Peer): Promise<StdioGateway> {
	const port = await freePort();
	const { command, args, endsWithStdin } = await peer.command(serverCommand, port);
	const child = await start(command, args, { guarded: !endsWithStdin });
	return started(
		peer.name,
		child,
		() => [port],
		() => healthy(port, "/mcp"),
	);
}

async function started(
	name: string,
	child: Child,
	to: StdioGateway["to"],
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

/** The first of so many ports in a row that nobody listens on. */
async function freePorts(count: number): Promise<number> {
	for (;;) {
		const first = await freePort();
		const others = Array.from({ length: count - 1 }, (_, index) => first + 1 + index);
		if ((await Promise.all(others.map(isFree))).every(Boolean)) return first;
	}
}

function isFree(port: number): Promise<boolean> {
	return new Promise((resolve) => {
		const server = createServer();
		server.once("error", () => resolve(false));
		server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
	});
}

/** Whether it answers HTTP at all, other than that it is not there yet. */
function healthy(to: Address, path: string): Promise<boolean> {
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
