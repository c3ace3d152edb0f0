import { type AddressInfo, createServer, type Socket } from "node:net";

/**
 * The upstream: MCP's shape at the least cost, so that it is never the bottleneck. Every POST gets the result of a
 * tool that tells the port and path it came to; a client with a session, or that starts one, gets `mcp-session-id`,
 * as the SDK's servers send it. A GET gets an SSE stream with ten events a second. Its arguments: how many ports, and
 * which one (0: free ones).
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
		const header = withSession ? `mcp-session-id: ${session}\r\n` : "";
		const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${header}content-length: ${body.length}\r\n\r\n`;
		bytes = Buffer.from(head + body);
		known.set(key, bytes);
	}
	return bytes;
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
