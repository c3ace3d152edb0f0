import { createServer, request as send } from "node:http";
import { listen } from "../fixtures/http/listen.ts";

/**
 * The plainest balancer: each request to the next replica, with no affinity but that of a legacy session.
 * It shows that the fixture itself does not mind replicas; the gateway is measured against the same.
 */
export async function startRoundRobin(ports: number[]): Promise<{ url: string; close(): Promise<void> }> {
	const owners = new Map<string, number>();
	let turn = 0;
	const server = createServer((request, response) => {
		const session = String(request.headers["mcp-session-id"] ?? "");
		const port = owners.get(session) ?? ports[turn++ % ports.length]!;
		const { method, url: path, headers } = request;
		const upstream = send({ host: "127.0.0.1", port, method, path, headers }, (answer) => {
			const opened = answer.headers["mcp-session-id"];
			if (typeof opened === "string") owners.set(opened, port);
			response.writeHead(answer.statusCode ?? 502, answer.headers);
			response.flushHeaders();
			answer.on("error", () => response.destroy()).pipe(response);
		});
		upstream.on("error", () => response.destroy());
		response.on("close", () => upstream.destroy());
		request.pipe(upstream);
	});
	const port = await listen(server, 0);
	return {
		url: `http://127.0.0.1:${port}/mcp`,
		close: () =>
			new Promise((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			}),
	};
}
