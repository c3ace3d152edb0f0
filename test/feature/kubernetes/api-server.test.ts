import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { KubeConfig } from "@kubernetes/client-node";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ApiFault, type ApiServer, createApiServer } from "../../../control-plane/kubernetes/api-server.ts";

let server: Server;
let sockets: Set<Socket>;
let api: ApiServer;
let url: string;

beforeEach(async () => {
	sockets = new Set();
	server = createServer((request, response) => {
		const { pathname, searchParams } = new URL(request.url ?? "/", "http://x");
		if (pathname === "/refused") {
			response.writeHead(403, { "retry-after": "2" });
			response.end(JSON.stringify({ message: "no", reason: "Forbidden", details: { kind: "pods", name: "p" } }));
		} else if (pathname === "/failed") {
			response.writeHead(502).end("<html>");
		} else {
			request.resume().on("end", () => response.end(JSON.stringify({ says: searchParams.get("says") })));
		}
	});
	server.on("connection", (socket) => sockets.add(socket));
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const kubeConfig = new KubeConfig();
	kubeConfig.loadFromClusterAndUser({ name: "c", server: `${url}/`, skipTLSVerify: true }, { name: "u" });
	api = createApiServer(kubeConfig);
});
afterEach(async () => {
	for (const socket of sockets) socket.destroy();
	if (server.listening) await new Promise((resolve) => server.close(resolve));
});

const fault = (asked: Promise<unknown>) => asked.then(() => undefined).catch((error: unknown) => error as ApiFault);

test("many requests share a few connections that are kept; a text has one of its own", async () => {
	const many = Array.from({ length: 40 }, (_, n) => api.request("PATCH", "/x", { query: { says: `${n}` }, body: {} }));
	expect(await Promise.all(many)).toEqual(Array.from({ length: 40 }, (_, n) => ({ says: `${n}` })));
	expect(await api.request("GET", "/x", { query: { says: undefined } })).toEqual({ says: null });
	expect(sockets.size).toBe(12);
	const signal = new AbortController().signal;
	expect(await api.text("/x", { says: "it" }, { signal, timeoutMs: 5000 })).toBe('{"says":"it"}');
	expect(sockets.size).toBe(13);
});

test("every way of asking fails in one way: with status, words, and what the API says of it", async () => {
	const signal = new AbortController().signal;
	const asks = (path: string) => [
		api.request("GET", path),
		api.text(path, {}, { signal, timeoutMs: 5000 }),
		api.lines(path, {}, { signal, opened: () => {}, take: () => {}, silentMs: 5000 }),
	];
	for (const asked of asks("/refused")) {
		expect(await fault(asked)).toMatchObject({
			...{ status: 403, message: "no", why: "no", reason: "Forbidden", retryAfterMs: 2000 },
			about: { kind: "pods", name: "p" },
		});
	}
	for (const asked of asks("/failed")) {
		expect(await fault(asked)).toMatchObject({
			...{ status: 502, message: "The API server answered 502.", why: "HTTP 502", about: {} },
		});
	}
	for (const socket of sockets) socket.destroy();
	await new Promise((resolve) => server.close(resolve));
	for (const asked of asks("/x")) {
		const error = await fault(asked);
		expect(error).toBeInstanceOf(ApiFault);
		expect(error).toMatchObject({
			status: 0,
			message: expect.stringContaining(`The API server at ${url} cannot be reached: `),
			why: expect.stringMatching(/ECONNREFUSED|socket hang up|ECONNRESET/),
		});
	}
});
