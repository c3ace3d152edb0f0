import { createServer, type IncomingMessage, request as requestHttp, type ServerResponse } from "node:http";
import { Agent, type AgentOptions, type RequestOptions, request as requestHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { kubeConfig } from "../cluster/support/kube.ts";

/** A request as it went to the API server. */
export interface Asked {
	readonly method: string;
	/** With the query. */
	readonly url: string;
	readonly watch: boolean;
	/** `performance.now()` when the answer began; undefined before, and where there was none. */
	readonly answeredAt: number | undefined;
}

/** Plain HTTP in front of the API server, which keeps what it was asked. */
export interface ApiProxy {
	readonly kubeconfig: string;
	readonly asked: readonly Asked[];
	close(): Promise<void>;
}

export async function startApiProxy(): Promise<ApiProxy> {
	const server = kubeConfig.getCurrentCluster()?.server ?? "";
	const own: RequestOptions = {};
	await kubeConfig.applyToHTTPSOptions(own);
	const tls = server.startsWith("https:");
	// Without an agent of its own each request would make a TLS connection.
	const agent = new Agent({ keepAlive: true, ...tlsOf(own) });
	const asked: Asked[] = [];

	const pass = (incoming: IncomingMessage, response: ServerResponse) => {
		const { method = "", url = "" } = incoming;
		const one = { method, url, watch: /[?&]watch=(?:true|1)/.test(url), answeredAt: undefined as number | undefined };
		asked.push(one);
		const { host: _, ...headers } = incoming.headers;
		const options = { ...(tls && { agent }), method, headers: { ...headers, ...own.headers } };
		const onward = (tls ? requestHttps : requestHttp)(server + url, options as RequestOptions, (answer) => {
			one.answeredAt = performance.now();
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
	await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
	const { port } = proxy.address() as AddressInfo;
	const config = JSON.parse(kubeConfig.exportConfig()) as { clusters: { cluster: Record<string, unknown> }[] };
	for (const one of config.clusters) {
		one.cluster = { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true };
	}
	return {
		kubeconfig: JSON.stringify(config),
		asked,
		close() {
			const closed = new Promise<void>((resolve) => proxy.close(() => resolve()));
			proxy.closeAllConnections();
			agent.destroy();
			return closed;
		},
	};
}

function tlsOf({ ca, cert, key, pfx, passphrase, rejectUnauthorized, servername }: RequestOptions): AgentOptions {
	const tls = { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername };
	return Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
}
