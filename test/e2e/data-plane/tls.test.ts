import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeCertificate } from "../../support/certificate.ts";
import { type Gateway, startGateway } from "../../support/gateway.ts";
import { expectGatewayError, send, toolCall } from "./client.ts";

/** TLS to the upstream: verified unless the entry says otherwise, by name or address. */

let folder: string;
let upstream: Server;
let gateway: Gateway;

beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), "mcpgw-tls-"));
	const caFile = join(folder, "ca.pem");
	const { cert, key } = await makeCertificate(["localhost", "mcp.localhost"], ["127.0.0.1"]);
	writeFileSync(caFile, cert);
	upstream = createServer({ cert, key }, (request, response) => {
		const sni = (request.socket as TLSSocket & { servername?: string | false }).servername;
		response.end(JSON.stringify({ sni: sni === false ? null : sni, host: request.headers.host, path: request.url }));
	});
	await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
	const { port } = upstream.address() as AddressInfo;
	const at = (host: string, tls?: object) => ({
		type: "http",
		endpoint: `https://${host}:${port}/mcp`,
		...(tls ? { tls } : {}),
	});
	gateway = await startGateway({
		registry: {
			address: at("127.0.0.1", { caFile }),
			name: at("localhost", { caFile }),
			resolved: at("mcp.localhost", { caFile }),
			stranger: at("127.0.0.1"),
			unverified: at("127.0.0.1", { insecureSkipVerify: true }),
			renamed: at("127.0.0.1", { caFile, serverName: "localhost" }),
			misnamed: at("127.0.0.1", { caFile, serverName: "other.example" }),
			broken: at("127.0.0.1", { caFile: import.meta.filename }),
			plain: { type: "http", endpoint: `http://127.0.0.1:${port}/mcp` },
		},
	});
});
afterAll(async () => {
	await gateway?.stop();
	upstream?.closeAllConnections();
	upstream?.close();
	rmSync(folder, { recursive: true });
});

test.each([
	["address", null],
	["name", "localhost"],
	["resolved", "mcp.localhost"],
	["unverified", null],
	["renamed", "localhost"],
])("%s is served, with SNI %s", async (id, sni) => {
	const answer = await send(gateway.url, `/${id}`, toolCall("x"));
	expect([answer.status, JSON.parse(answer.text)]).toMatchObject([200, { sni, path: "/mcp" }]);
});

test("the Host header is the endpoint's own where that has a DNS name, and the client's elsewhere", async () => {
	const { port } = upstream.address() as AddressInfo;
	const host = async (id: string) => JSON.parse((await send(gateway.url, `/${id}`, toolCall("x"))).text).host;
	expect(await host("resolved")).toBe(`mcp.localhost:${port}`);
	expect(await host("address")).toBe(new URL(gateway.url).host);
});

test.each(["stranger", "misnamed"])("%s is not trusted", async (id) => {
	expectGatewayError(await send(gateway.url, `/${id}`, toolCall("x", 3)), "cannot_connect", { id: 3, server: id });
});

test("a server whose authorities are no certificate tells so in status, and harms no other", async () => {
	const answer = await fetch(`${gateway.adminUrl}/v1/servers/broken`);
	expect(await answer.json()).toMatchObject({
		state: "unavailable",
		problem: expect.stringContaining("no PEM certificate"),
	});
	expectGatewayError(await send(gateway.url, "/broken", toolCall("x", 3)), "server_unavailable", {
		id: 3,
		server: "broken",
		detail: expect.stringContaining("tls.caFile"),
	});
});
