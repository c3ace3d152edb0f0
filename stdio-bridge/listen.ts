import { chmod, lstat, rm } from "node:fs/promises";
import type { Server } from "node:http";
import { connect } from "node:net";

/** Where the bridge is reached: a Unix socket on one machine, a TCP port in containers. */
export type Listen = { readonly path: string } | { readonly host: string; readonly port: number };

/**
 * Opens the server's socket and returns its address, with the port that was given for port 0. A socket file that
 * nobody answers on is what a killed bridge left behind; it is removed. The caller's folder (0700) keeps others out.
 */
export async function listen(server: Server, where: Listen): Promise<Listen> {
	if ("path" in where) await removeStale(where.path);
	await new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.listen("path" in where ? { path: where.path } : { host: where.host, port: where.port }, () => {
			server.off("error", reject);
			resolve();
		});
	});
	if ("path" in where) {
		await chmod(where.path, 0o600);
		return where;
	}
	const address = server.address();
	return { host: where.host, port: typeof address === "object" && address ? address.port : where.port };
}

async function removeStale(path: string): Promise<void> {
	const found = await lstat(path).catch(() => undefined);
	if (!found) return;
	if (!found.isSocket()) throw new Error(`${path} exists and is not a socket; remove it or choose another path`);
	if (await answers(path)) throw new Error(`another process is listening on ${path}`);
	await rm(path, { force: true });
}

function answers(path: string): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect(path);
		socket.once("connect", () => {
			socket.destroy();
			resolve(true);
		});
		socket.once("error", () => resolve(false));
	});
}
