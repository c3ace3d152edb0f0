import { createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { exchange } from "../../../control-plane/detection/http-exchange.ts";

const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

test.each([
	["less than it reads", 20_000],
	["more than it reads", 300_000],
])("an answer in chunks of one byte, %s, is not looked through for each of them", async (_, bytes) => {
	const sockets = new Set<Socket>();
	const server = createServer((socket) => {
		sockets.add(socket.on("error", () => {}));
		socket.once("data", () => socket.end(`${head}${"1\r\nx\r\n".repeat(bytes)}0\r\n\r\n`));
	});
	onTestFinished(() => {
		for (const socket of sockets) socket.destroy();
		server.close();
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const { port } = server.address() as { port: number };
	let looks = 0;
	const got = await exchange(
		{ address: { host: "127.0.0.1", port }, hostname: "h" },
		{
			method: "GET",
			path: "/",
			headers: {},
			timeoutMs: 20_000,
			signal: new AbortController().signal,
			enough: () => {
				looks += 1;
				return false;
			},
		},
	);
	expect(got.ok && got.text.length).toBe(Math.min(bytes, 256 * 1024 + 1));
	expect(looks).toBeLessThan(bytes / 10);
});
