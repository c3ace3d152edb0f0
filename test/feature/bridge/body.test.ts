import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { readBody } from "../../../stdio-bridge/transports/body.ts";
import { until } from "./setup.ts";

/** A server that tells what it has read, and a connection to it. */
async function reader(maxBytes: number) {
	const faults: string[] = [];
	const server = createServer((request, response) => {
		readBody(request, maxBytes).then(
			(body) => response.end(body === "too_large" ? body : `read: ${body.toString()}`),
			(error: Error) => void faults.push(error.message),
		);
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	onTestFinished(() => {
		server.closeAllConnections();
		server.close();
	});
	const address = server.address();
	if (address === null || typeof address === "string") throw new Error("no port");
	const socket = connect({ port: address.port, host: "127.0.0.1", noDelay: true });
	await once(socket, "connect");
	return { socket, faults };
}

const head = (header: string) => `POST / HTTP/1.1\r\nhost: x\r\n${header}\r\n\r\n`;
const declared = (body: string) => head(`content-length: ${body.length}`) + body;
const chunk = (body: string) => `${body.length.toString(16)}\r\n${body}\r\n`;
const chunked = (...bodies: readonly string[]) =>
	`${head("transfer-encoding: chunked")}${bodies.map(chunk).join("")}0\r\n\r\n`;

/** Sends pieces, each a write that nothing is added to, and returns the body of the answer. */
async function answerTo(socket: Socket, pieces: readonly string[]): Promise<string> {
	let answer = "";
	const take = (bytes: Buffer) => {
		answer += bytes.toString();
	};
	socket.on("data", take);
	for (const piece of pieces) {
		await new Promise((resolve) => socket.write(piece, resolve));
		await new Promise((resolve) => setImmediate(resolve));
	}
	await until(() => /\r\n\r\n(read: |too_large)/.test(answer), "an answer");
	socket.off("data", take);
	return answer.slice(answer.indexOf("\r\n\r\n") + 4).trim();
}

describe("a body", () => {
	const ways: readonly [string, readonly string[]][] = [
		["in one piece with its head", [declared("hello")]],
		["behind its head", [head("content-length: 5"), "hello"]],
		["byte by byte", [...declared("hello")]],
		["in chunks, in one piece with its head", [chunked("he", "llo")]],
		["in chunks, byte by byte", [...chunked("he", "llo")]],
	];

	it.each(ways)("is read where it comes %s, and the connection goes on", async (_, pieces) => {
		const { socket } = await reader(5);
		for (let request = 0; request < 3; request++) expect(await answerTo(socket, pieces)).toContain("hello");
	});

	it("is empty where there is none", async () => {
		const { socket } = await reader(5);
		expect(await answerTo(socket, [head("content-length: 0")])).toBe("read:");
		expect(await answerTo(socket, ["POST / HTTP/1.1\r\nhost: x\r\n\r\n"])).toBe("read:");
		expect(await answerTo(socket, [declared("hello")])).toBe("read: hello");
	});

	it.each([
		["declared", [declared("hello!")]],
		["in chunks, in one piece with its head", [chunked("hel", "lo!")]],
		["in chunks, byte by byte", [...chunked("hel", "lo!")]],
	])("is refused where it is over the limit: %s", async (_, pieces) => {
		const { socket } = await reader(5);
		expect(await answerTo(socket, pieces)).toBe("too_large");
	});

	it("that the client breaks off is none", async () => {
		const { socket, faults } = await reader(5);
		socket.write(`${head("content-length: 5")}hel`, () => setImmediate(() => socket.destroy()));
		await until(() => faults.length === 1, "the reader hears of it");
		expect(faults[0]).toMatch(/closed the connection|aborted/);
	});
});
