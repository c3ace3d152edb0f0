import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, freePort, type Gateway, startGateway } from "../../support/gateway.ts";
import { onprogress, progressOf } from "../../support/progress.ts";
import { type Replica, startConformanceServer, startMcpServer } from "../../support/upstreams.ts";
import { expectGatewayError, send, toolCall } from "./client.ts";

let replicas: Replica[];
let asking: Replica[];
let gateway: Gateway;
let registry: object;
const clients = new Set<Client>();

beforeAll(async () => {
	replicas = await Promise.all(["a", "b", "c"].map((name) => startMcpServer({ name })));
	asking = await Promise.all([startConformanceServer(), startConformanceServer()]);
	registry = {
		s: { type: "http", endpoints: replicas.map(({ url }) => url) },
		asking: { type: "http", endpoints: asking.map(({ url }) => url) },
	};
	gateway = await startGateway({ registry, args: ["--listen", `127.0.0.1:${await freePort()}`] });
});
afterAll(async () => {
	for (const client of clients) await client.close();
	await gateway?.stop();
	for (const replica of [...(replicas ?? []), ...(asking ?? [])]) await replica.close();
});

async function connect(id = "s"): Promise<{ client: Client; transport: StreamableHTTPClientTransport }> {
	const client = new Client({ name: "test", version: "1" }, { capabilities: { elicitation: {} } });
	const transport = new StreamableHTTPClientTransport(new URL(`${gateway.url}/${id}`));
	await client.connect(transport as Transport);
	clients.add(client);
	return { client, transport };
}

async function call(client: Client, name: string, args: Record<string, unknown> = {}): Promise<string> {
	const { content } = await client.callTool({ name, arguments: args });
	return (content as { text: string }[])[0]?.text ?? "";
}

const whoami = async (client: Client) => (JSON.parse(await call(client, "whoami")) as { name: string }).name;

const withSession = (session: string, id: string | number = 1) => {
	const made = toolCall("whoami", id);
	return { ...made, headers: { ...(made.headers as Record<string, string>), "mcp-session-id": session } };
};

test("sessions are spread over the replicas, and each stays on its own over 50 calls", async () => {
	const connected = await Promise.all(Array.from({ length: 6 }, () => connect()));
	const homes = await Promise.all(connected.map(({ client }) => whoami(client)));
	expect(new Set(homes).size).toBeGreaterThan(1);
	await Promise.all(
		connected.map(async ({ client }, n) => {
			for (let i = 0; i < 50; i++) await call(client, "add_note", { text: `${n}/${i}` });
			expect(await whoami(client)).toBe(homes[n]);
			const notes = (await call(client, "notes")).split("\n");
			expect(notes).toEqual(Array.from({ length: 50 }, (_, i) => `${n}/${i}`));
		}),
	);
});

test("GET streams, requests of the server and the client's answers to them stay there too", async () => {
	for (let n = 0; n < 4; n++) {
		const { client } = await connect("asking");
		let asked = 0;
		client.setRequestHandler(ElicitRequestSchema, () => {
			asked++;
			return { action: "accept", content: { username: "u", email: "u@x.example" } };
		});
		expect(await call(client, "test_elicitation", { message: "who?" })).toContain("accept");
		expect(asked).toBe(1);
	}
});

test("progress arrives while the call goes on", async () => {
	const { client } = await connect();
	const seen = progressOf(client.transport);
	await client.callTool({ name: "slow", arguments: { ms: 300 } }, undefined, { onprogress });
	expect(seen).toEqual([1, 2, 3, 4, 5]);
});

test("DELETE ends the session at its replica, whose own 404 then passes", async () => {
	const { transport } = await connect();
	const session = transport.sessionId as string;
	await transport.terminateSession();
	const answer = await send(gateway.url, "/s", withSession(session));
	expect([answer.status, answer.text]).toEqual([404, expect.stringContaining("Session not found")]);
});

test("a session id from nowhere gets what the upstream says of it", async () => {
	for (const session of ["made-up", "bm93aGVyZQ==", "a:b", "x".repeat(500)]) {
		const answer = await send(gateway.url, "/s", withSession(session));
		expect([session, answer.status, answer.text]).toEqual([session, 404, expect.stringContaining("Session not found")]);
	}
	const without = await send(gateway.url, "/s", toolCall("whoami"));
	expect([without.status, without.text]).toEqual([400, expect.stringContaining("Mcp-Session-Id is missing")]);
});

test("a session id cannot be used to reach an address that is no replica", async () => {
	const { transport } = await connect();
	const theirs = Buffer.from(new URL(asking[0]?.url ?? "").host).toString("base64");
	const [, own = ""] = (transport.sessionId as string).split(":");
	for (const forged of [`${theirs}:${own}`, `${own}:${theirs}`]) {
		const answer = await send(gateway.url, "/s", withSession(forged));
		expect(answer.status).toBe(404);
		expect(answer.headers["content-type"]).toBe("application/json");
	}
});

test.each(["envoy", "control-plane"])("kill -9 of %s costs no session", async (name) => {
	const { client } = await connect();
	await call(client, "add_note", { text: "kept" });
	const before = (await gateway.children())[name] as number;
	process.kill(before, "SIGKILL");
	await eventually("it is back", async () => {
		const pid = (await gateway.children().catch(() => ({}) as Record<string, number>))[name];
		const answer = await send(gateway.url, "/nosuch").catch(() => undefined);
		return pid !== undefined && pid !== before && answer?.status === 404;
	});
	expect(await call(client, "notes")).toBe("kept");
});

test("a restart of the whole gateway costs no session", async () => {
	const { client } = await connect();
	await call(client, "add_note", { text: "kept" });
	const listen = new URL(gateway.url).host;
	await gateway.stop();
	gateway = await startGateway({ registry, args: ["--listen", listen] });
	expect(await call(client, "notes")).toBe("kept");
});

test("a killed replica: 404 for its sessions only, and a client that starts anew goes on", async () => {
	const connected = await Promise.all(Array.from({ length: 9 }, () => connect()));
	const homes = await Promise.all(connected.map(({ client }) => whoami(client)));
	const gone = homes[0] as string;
	const victim = replicas.find(({ name }) => name === gone) as Replica;
	await victim.kill();
	for (const [n, { client, transport }] of connected.entries()) {
		if (homes[n] !== gone) {
			expect(await whoami(client)).toBe(homes[n]);
			continue;
		}
		const answer = await send(gateway.url, "/s", withSession(transport.sessionId as string, `id-${n}`));
		expectGatewayError(answer, "session_lost", { id: `id-${n}`, server: "s" });
		const { client: anew } = await connect();
		expect(await whoami(anew)).not.toBe(gone);
	}
	replicas[replicas.indexOf(victim)] = await startMcpServer({ name: gone, port: victim.port });
	await eventually(
		"the restarted replica gets sessions again",
		async () => (await whoami((await connect()).client)) === gone,
	);
	// It is back, but knows nothing of the session: its own 404 passes.
	const late = await send(gateway.url, "/s", withSession(connected[0]?.transport.sessionId as string));
	expect([late.status, late.text]).toEqual([404, expect.stringContaining("Session not found")]);
});
