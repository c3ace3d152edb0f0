import { type AddressInfo, createServer, type Socket } from "node:net";

/**
 * The upstream: MCP's shape at the least cost, so that it is never the bottleneck. Every POST gets the result of a
 * tool that tells the port and path it came to; a client with a session, or that starts one, gets `mcp-session-id`,
 * as the SDK's servers send it. A path that ends in `/sdk` gets the answer in the form and length of the official SDKs'
 * servers, others in the shortest form there is. A GET gets an SSE stream with ten events a second. Its arguments: how
 * many ports, and which one (0: free ones).
 */

const endOfHead = Buffer.from("\r\n\r\n");
const session = "0123456789abcdef0123456789abcdef";
const tickMs = 100;

const known = new Map<string, Buffer>();

function answer(port: number, path: string, withSession: boolean): Buffer {
	const key = `${port}${path} ${withSession}`;
	let bytes = known.get(key);
	if (bytes === undefined) {
		const result = { content: [{ type: "text", text: "found 10 documents" }], _meta: { at: `${port}${path}` } };
		const body = JSON.stringify({ jsonrpc: "2.0", id: 4711, result });
		bytes = Buffer.from(path.endsWith("/sdk") ? asSdk(body, withSession) : shortest(body, withSession));
		known.set(key, bytes);
	}
	return bytes;
}

function shortest(body: string, withSession: boolean): string {
	const header = withSession ? `mcp-session-id: ${session}\r\n` : "";
	return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${header}content-length: ${body.length}\r\n\r\n${body}`;
}

/**
 * Header for header and chunk for chunk what server-everything 2026.8.31 (SDK v1, Express) answers in a session, and a
 * server of SDK v2 on node:http to 2026-07-28. Both leave Node in one write.
 */
function asSdk(body: string, withSession: boolean): string {
	const date = "Date: Sun, 22 Nov 2026 20:55:56 GMT";
	const head = withSession
		? [
				"X-Powered-By: Express",
				"Access-Control-Allow-Origin: *",
				"Access-Control-Expose-Headers: mcp-session-id,last-event-id,mcp-protocol-version",
				"cache-control: no-cache, no-transform",
				"connection: keep-alive",
				"content-type: text/event-stream",
				`mcp-session-id: ${session}`,
				"x-accel-buffering: no",
				date,
			]
		: ["content-type: application/json", date, "Connection: keep-alive", "Keep-Alive: timeout=60"];
	const event = (id: string, data: string) => `id: ${id}\ndata: ${data}\n\n`;
	const chunks = withSession
		? [
				event("0ceefd07-b01d-41c4-b6c1-21c6b00eeba8", ""),
				`event: message\n${event("0b25d34f-86cf-4a8a-b88e-88db19304eed", body)}`,
			]
		: [body];
	const chunked = [...chunks, ""].map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("");
	return `${["HTTP/1.1 200 OK", ...head, "Transfer-Encoding: chunked"].join("\r\n")}\r\n\r\n${chunked}`;
}

function serve(socket: Socket, port: number): void {
	let rest: Buffer | undefined;
	socket.setNoDelay();
	socket.on("error", () => {});
	socket.on("data", (chunk) => {
		let all = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
		for (;;) {
			const headEnd = all.indexOf(endOfHead);
			if (headEnd === -1) break;
			const head = all.toString("latin1", 0, headEnd);
			const end = headEnd + endOfHead.length + Number(/\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
			if (all.length < end) break;
			const path = head.slice(head.indexOf(" ") + 1, head.indexOf(" ", head.indexOf(" ") + 1));
			if (head.startsWith("GET ")) stream(socket);
			else {
				const inSession = head.includes("\nmcp-session-id:") || all.includes('"initialize"', headEnd);
				socket.write(answer(port, path, inSession));
			}
			all = all.subarray(end);
		}
		rest = all.length === 0 ? undefined : all;
	});
}

function stream(socket: Socket): void {
	const event = "data: {}\n\n";
	const chunk = `${event.length.toString(16)}\r\n${event}\r\n`;
	socket.write(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n${chunk}`);
	const timer = setInterval(() => socket.write(chunk), tickMs);
	socket.once("close", () => clearInterval(timer));
}

const count = Number(process.argv[2] ?? 1);
const wanted = Number(process.argv[3] ?? 0);
const ports = Array.from({ length: count }, () => {
	return new Promise<number>((resolve) => {
		const server = createServer((socket) => serve(socket, (server.address() as AddressInfo).port));
		server.listen(wanted, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
	});
});
process.on("disconnect", () => process.exit());
process.send?.(await Promise.all(ports));
