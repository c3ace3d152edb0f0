import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { eventually, type Gateway, startGateway } from "../../support/gateway.ts";
import { type Recorder, startRecorder } from "../../support/upstreams.ts";
import { type Call, expectGatewayError, send, toolCall } from "./client.ts";

/** A session belongs to its replica: neither other clients' failures nor a retry may move or end it. */

let gateway: Gateway;
let upstreams: Recorder[];

beforeAll(async () => {
	upstreams = await Promise.all([startRecorder(), startRecorder()]);
	const endpoints = upstreams.map(({ url }) => `${url}/mcp`);
	gateway = await startGateway({
		registry: {
			s: { type: "http", endpoints },
			impatient: { type: "http", endpoints, timeouts: { request: "300ms" } },
		},
	});
});
afterAll(async () => {
	await gateway?.stop();
	for (const upstream of upstreams ?? []) await upstream.close();
});
beforeEach(async () => {
	// Failures of the test before may have ejected a replica for a moment.
	await eventually("all replicas are healthy", async () => {
		const servers = (await (await fetch(`${gateway.adminUrl}/v1/servers`)).json()) as {
			endpoints: { health: string }[];
		}[];
		return servers.every(({ endpoints }) => endpoints.every(({ health }) => health === "healthy"));
	});
	for (const upstream of upstreams) {
		upstream.clear();
		upstream.reply({ body: "{}", headers: { "mcp-session-id": "plain" } });
	}
});

/** Opens a session; returns its id as the client got it, and which of the upstreams owns it. */
async function openSession(id: string): Promise<{ session: string; owner: Recorder; other: Recorder }> {
	const session = (await send(gateway.url, `/${id}`, toolCall("initialize"))).headers["mcp-session-id"] ?? "";
	const [first, second] = upstreams as [Recorder, Recorder];
	return first.requests.length === 1
		? { session, owner: first, other: second }
		: { session, owner: second, other: first };
}

function inSession(session: string): Call {
	const call = toolCall("x", 5);
	return { ...call, headers: { ...(call.headers as Record<string, string>), "mcp-session-id": session } };
}

test.each([
	["answers garbage", { raw: "garbage\r\n\r\n" }],
	["cuts the connection", { destroy: true }],
	["answers too late", { hang: true }],
])("a session goes on while its replica %s to others", async (_what, reply) => {
	const { session, owner, other } = await openSession("impatient");
	owner.reply((request) => (request.headers["mcp-session-id"] === undefined ? reply : { body: "{}" }));
	other.reply({ hang: true });
	await Promise.all(Array.from({ length: 8 }, (_, n) => send(gateway.url, "/impatient", toolCall("x", n))));
	for (let n = 0; n < 10; n++) {
		expect((await send(gateway.url, "/impatient", inSession(session))).status).toBe(200);
	}
	expect(other.requests.filter(({ headers }) => headers["mcp-session-id"] !== undefined)).toEqual([]);
});

test.each([
	["a line break", "x\r\ny: 1"],
	["NUL", "x\0"],
])("a made-up session id that decodes to %s is a lost session", async (_what, value) => {
	const base64 = (text: string) => Buffer.from(text).toString("base64");
	const session = `${base64(`127.0.0.1:${upstreams[0]?.port}`)};UV:${base64(value)}`;
	expectGatewayError(await send(gateway.url, "/s", inSession(session)), "session_lost", { id: 5, server: "s" });
	expect(upstreams.flatMap(({ requests }) => requests)).toEqual([]);
});

test("when the replica is gone no other one sees its session's requests", async () => {
	const { session, owner, other } = await openSession("s");
	await owner.close();
	for (let n = 0; n < 6; n++) {
		expectGatewayError(await send(gateway.url, "/s", inSession(session)), "session_lost", { id: 5, server: "s" });
	}
	expect(other.requests).toEqual([]);
});
