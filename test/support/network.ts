import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { relay } from "../fixtures/network/relay.ts";
import { runTool } from "./install-once.ts";
import { type Child, NODE, start } from "./process.ts";

/** A network of its own on this machine, in namespaces of Linux; whoever may make a user namespace may have one. */
export interface Network {
	/** A host with its own loopback, where tests put the gateway. */
	readonly host: Host;
	/** Another host, connected to the first by a cable. */
	addNeighbour(): Promise<Neighbour>;
	close(): Promise<void>;
}

export interface Host {
	/** Command and arguments that run what follows them there. */
	readonly within: readonly string[];
	/** Starts a program there. */
	start(...command: readonly string[]): Promise<Child>;
	/** Replaces its resolv.conf. */
	resolve(nameserver: string): Promise<void>;
	/** A URL for this process that leads to `HOST:PORT` there. */
	reach(address: string): Promise<string>;
	/** Lets `HOST:PORT` there lead to a port of this machine. */
	offer(address: string, port: number): Promise<void>;
}

export interface Neighbour extends Host {
	readonly address: string;
	/** The first host's address on the cable. */
	readonly gateway: string;
	/** Cuts the cable: nobody is told, and what is under way is lost. */
	vanish(): Promise<void>;
}

const relayFile = fileURLToPath(new URL("../fixtures/network/relay.ts", import.meta.url));

/** What a namespace lives by: it ends with this process. */
const holder = "ip link set lo up && echo up && exec cat";

export async function startNetwork(): Promise<Network> {
	const folder = await mkdtemp(join(tmpdir(), "net-"));
	const children: Child[] = [];
	const servers: Server[] = [];
	let count = 0;

	const started = async (command: readonly string[], sign: RegExp): Promise<Child> => {
		const [name = "", ...args] = command;
		const child = await start(name, args);
		children.push(child);
		await child.waitFor(sign);
		return child;
	};
	const hostOf = ({ pid }: Child): Host => {
		const within = ["nsenter", "-t", String(pid), "-U", "-n", "-m", "--preserve-credentials"];
		return {
			within,
			async start(...command) {
				const [name = "", ...args] = [...within, ...command];
				const child = await start(name, args);
				children.push(child);
				return child;
			},
			async resolve(nameserver) {
				const file = join(folder, `resolv-${pid}.conf`);
				await writeFile(file, `nameserver ${nameserver}\n`);
				await run(within, "mount", "--bind", file, "/etc/resolv.conf");
			},
			async reach(address) {
				const socket = join(folder, `${count++}.sock`);
				await started([...within, NODE, relayFile, socket, address], /^relays$/);
				const server = await relay("127.0.0.1:0", socket);
				servers.push(server);
				return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
			},
			async offer(address, port) {
				const socket = join(folder, `${count++}.sock`);
				servers.push(await relay(socket, `127.0.0.1:${port}`));
				await started([...within, NODE, relayFile, address, socket], /^relays$/);
			},
		};
	};
	const close = async () => {
		await Promise.all(children.reverse().map((child) => child.close()));
		await Promise.all(servers.map((server) => once(server.close(), "close")));
		await rm(folder, { recursive: true, force: true });
	};
	const host = await started(["unshare", "-Urnm", "sh", "-c", holder], /^up$/)
		.then(hostOf)
		.catch(async (error: Error) => {
			await close();
			throw new Error(
				"This test needs Linux with user and network namespaces (`unshare -Urnm true`), and iproute2. In Docker they " +
					`come with --security-opt seccomp=unconfined.\n${error.message}`,
			);
		});

	return {
		host,
		async addNeighbour() {
			const child = await started([...host.within, "unshare", "-n", "sh", "-c", holder], /^up$/);
			const neighbour = hostOf(child);
			const n = count++;
			const [near, gateway, address] = [`far${n}`, `10.0.${n}.1`, `10.0.${n}.2`];
			const ip = ["ip", "link", "add", near, "type", "veth", "peer", "name", "eth0", "netns", String(child.pid)];
			await run(host.within, ...ip);
			await run(host.within, "ip", "addr", "add", `${gateway}/24`, "dev", near);
			await run(host.within, "ip", "link", "set", near, "up");
			await run(neighbour.within, "ip", "addr", "add", `${address}/24`, "dev", "eth0");
			await run(neighbour.within, "ip", "link", "set", "eth0", "up");
			return {
				...neighbour,
				address,
				gateway,
				vanish: () => run(neighbour.within, "ip", "link", "set", "eth0", "down"),
			};
		},
		close,
	};
}

function run(within: readonly string[], ...command: readonly string[]): Promise<void> {
	const [name = "", ...args] = [...within, ...command];
	return runTool(name, args);
}
