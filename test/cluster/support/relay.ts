import { connect as connectTcp, createServer, isIP, type Server, type Socket } from "node:net";
import { freePort } from "../../support/gateway.ts";
import { kubeConfig } from "./kube.ts";

/** A way to the API server that can be closed, whichever cluster it is. */
export interface Relay {
	readonly kubeconfig: string;
	open(): Promise<void>;
	/** Breaks all connections, and lets nobody in. */
	close(): Promise<void>;
}

export async function startRelay(): Promise<Relay> {
	const cluster = kubeConfig.getCurrentCluster();
	if (cluster === null) throw new Error("the kubeconfig has no current cluster");
	const target = new URL(cluster.server);
	const port = await freePort();
	const sockets = new Set<Socket>();
	let server: Server | undefined;
	const open = async () => {
		server = createServer((client) => {
			const upstream = connectTcp(Number(target.port || 443), target.hostname);
			for (const [one, other] of [
				[client, upstream],
				[upstream, client],
			] as const) {
				sockets.add(one);
				one.on("error", () => other.destroy());
				one.on("close", () => {
					sockets.delete(one);
					other.destroy();
				});
				one.pipe(other);
			}
		});
		await new Promise<void>((resolve) => server?.listen(port, "127.0.0.1", resolve));
	};
	await open();
	const config = JSON.parse(kubeConfig.exportConfig()) as {
		clusters: { cluster: { server: string; "tls-server-name"?: string } }[];
	};
	for (const { cluster: one } of config.clusters) {
		if (isIP(target.hostname) === 0) one["tls-server-name"] ??= target.hostname;
		one.server = `https://127.0.0.1:${port}`;
	}
	return {
		kubeconfig: JSON.stringify(config),
		open,
		close() {
			const closed = new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
			for (const socket of sockets) socket.destroy();
			return closed;
		},
	};
}
