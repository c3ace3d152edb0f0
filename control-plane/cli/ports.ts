import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Address, formatAddress, type TcpAddress } from "./address.ts";
import { failure } from "./errors.ts";

/**
 * Makes sure that an address can be bound, and puts a free port in place of port 0, but never `other`, which something
 * else here is going to listen on; `option` is named in the error.
 */
export async function claimPort(address: TcpAddress, option: string, other?: number): Promise<TcpAddress> {
	try {
		let port = await bindOnce(address);
		while (address.port === 0 && port === other) port = await bindOnce(address);
		return { host: address.host, port };
	} catch (error) {
		const code = (error as NodeJS.ErrnoException).code;
		const text = formatAddress(address);
		if (code === "EADDRINUSE") {
			throw failure(
				`${text} (${option}) is in use by another program. Stop it, or choose another port: ${option} HOST:PORT.`,
			);
		}
		if (code === "EACCES")
			throw failure(`This user may not listen on ${text} (${option}). Choose a port from 1024 on.`);
		if (code === "EADDRNOTAVAIL") throw failure(`${address.host} (${option}) is not an address of this machine.`);
		throw failure(`Cannot listen on ${text} (${option}): ${(error as Error).message}.`);
	}
}

/** Resolves once something accepts connections at the address; rejects when the signal fires. */
export async function waitForListener(address: Address, signal: AbortSignal): Promise<void> {
	for (;;) {
		signal.throwIfAborted();
		if (await accepts(address)) return;
		await sleep(20, undefined, { signal });
	}
}

function bindOnce(address: TcpAddress): Promise<number> {
	return new Promise((resolve, reject) => {
		const server = createServer();
		server.once("error", reject);
		server.listen({ host: address.host, port: address.port, exclusive: true }, () => {
			const bound = server.address();
			const port = bound !== null && typeof bound === "object" ? bound.port : address.port;
			server.close(() => resolve(port));
		});
	});
}

function accepts(address: Address): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect("path" in address ? address : { host: reachable(address.host), port: address.port });
		socket.once("connect", () => {
			socket.destroy();
			resolve(true);
		});
		socket.once("error", () => resolve(false));
	});
}

function reachable(host: string): string {
	return host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
}
