import { createServer, type IncomingMessage, request as requestHttp, type ServerResponse } from "node:http";
import { Agent, type AgentOptions, type RequestOptions, request as requestHttps } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { kubeConfig } from "../cluster/support/kube.ts";
import { freePort } from "../support/gateway.ts";

/** A request as it went to the API server. */
export interface Asked {
	readonly method: string;
	/** With the query. */
	readonly url: string;
	readonly watch: boolean;
}

/** Plain HTTP in front of the API server, which can be taken away and counts what goes through. */
export interface ApiProxy {
	/** `http://127.0.0.1:<port>`. */
	readonly url: string;
	readonly asked: readonly Asked[];
	/** All connections break, and new ones are refused. */
	stop(): Promise<void>;
	/** The API server is back, at the same address. */
	start(): Promise<void>;
	close(): Promise<void>;
}

export async function startApiProxy(): Promise<ApiProxy> {
	const server = kubeConfig.getCurrentCluster()?.server ?? "";
	const send = server.startsWith("http:") ? requestHttp : requestHttps;
	const own: RequestOptions = {};
	await kubeConfig.applyToHTTPSOptions(own);
	// Without an agent of its own each request would make a TLS connection.
	const agent = new Agent({ keepAlive: true, ...tlsOf(own) });
	const asked: Asked[] = [];
	const sockets = new Set<Socket>();

	const pass = (incoming: IncomingMessage, response: ServerResponse) => {
		const { method = "", url = "" } = incoming;
		asked.push({ method, url, watch: /[?&]watch=(?:true|1)/.test(url) });
		const { host: _, ...headers } = incoming.headers;
		const options = { ...(send === requestHttps && { agent }), method, headers: { ...headers, ...own.headers } };
		const onward = send(server + url, options, (answer) => {
			response.writeHead(answer.statusCode ?? 502, answer.headers);
			response.flushHeaders();
			answer.pipe(response);
			answer.on("error", () => response.destroy());
		});
		onward.on("error", () => response.destroy());
		response.on("close", () => onward.destroy());
		incoming.pipe(onward);
	};
	const proxy = createServer({ requestTimeout: 0 }, pass);
	proxy.on("connection", (socket: Socket) => {
		sockets.add(socket);
		socket.on("close", () => sockets.delete(socket));
	});
	const listen = (port: number) => new Promise<void>((resolve) => proxy.listen(port, "127.0.0.1", resolve));
	const stop = () => {
		const closed = new Promise<void>((resolve) => proxy.close(() => resolve()));
		for (const socket of sockets) socket.destroy();
		return closed;
	};
	await listen(await freePort());
	const { port } = proxy.address() as AddressInfo;
	return {
		url: `http://127.0.0.1:${port}`,
		asked,
		stop,
		start: () => listen(port),
		async close() {
			if (proxy.listening) await stop();
			agent.destroy();
		},
	};
}

function tlsOf({ ca, cert, key, pfx, passphrase, rejectUnauthorized, servername }: RequestOptions): AgentOptions {
	const tls = { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername };
	return Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
}
