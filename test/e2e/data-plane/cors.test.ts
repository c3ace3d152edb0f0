import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { freePort, type Gateway, startGateway } from "../../support/gateway.ts";
import { type Recorder, startRecorder } from "../../support/upstreams.ts";
import { expectGatewayError, send } from "./client.ts";

let upstream: Recorder;
let gateway: Gateway;

beforeAll(async () => {
	upstream = await startRecorder();
	gateway = await startGateway({
		args: ["--allow-origin", "https://app.example", "--allow-origin", "https://b.example:8443"],
		registry: {
			s: { type: "http", endpoint: `${upstream.url}/mcp` },
			refused: { type: "http", endpoint: `http://127.0.0.1:${await freePort()}/mcp` },
		},
	});
});
afterAll(async () => {
	await gateway?.stop();
	await upstream?.close();
});
beforeEach(() => upstream.clear());

const words = (text: string | undefined) => text?.split(/ *, */) ?? [];
const allowed = [
	"http://localhost:6274",
	"http://localhost",
	"http://127.0.0.1:3000",
	"http://[::1]:3000",
	"https://localhost:1",
	"https://app.example",
	"https://b.example:8443",
];
const foreign = [
	"https://evil.example",
	"http://app.example",
	"https://app.example:444",
	"https://app.example.evil.example",
	"https://xapp.example",
	"https://appxexample",
	"http://localhost.evil.example",
	"http://localhost@evil.example",
	"http://127.0.0.1.evil.example",
	"http://127.0.0.2",
	"null",
	"",
];

test.each(allowed)("a preflight from %s is answered by the gateway", async (origin) => {
	const answer = await send(gateway.url, "/s", {
		method: "OPTIONS",
		headers: {
			origin,
			"access-control-request-method": "POST",
			"access-control-request-headers": "content-type, mcp-session-id, mcp-protocol-version, authorization",
		},
	});
	expect(answer.status).toBe(200);
	expect(answer.headers["access-control-allow-origin"]).toBe(origin);
	expect(words(answer.headers["access-control-allow-methods"])).toEqual(
		expect.arrayContaining(["GET", "POST", "DELETE"]),
	);
	expect(words(answer.headers["access-control-allow-headers"])).toEqual(["*", "authorization"]);
	expect(upstream.requests).toEqual([]);
});

test.each(allowed)("an answer to %s may be read, with the session's id", async (origin) => {
	upstream.reply({ body: "{}", headers: { "mcp-session-id": "abc" } });
	const answer = await send(gateway.url, "/s", { headers: { origin }, body: "{}" });
	expect(answer.status).toBe(200);
	expect(answer.headers["access-control-allow-origin"]).toBe(origin);
	expect(words(answer.headers["access-control-expose-headers"])).toContain("mcp-session-id");
	expect((await upstream.next()).headers["origin"]).toBe(origin);
});

test.each(foreign)("origin %j is refused", async (origin) => {
	for (const method of ["POST", "GET", "OPTIONS", "DELETE"]) {
		const preflight = method === "OPTIONS" ? { "access-control-request-method": "POST" } : {};
		const answer = await send(gateway.url, "/s", { method, headers: { origin, ...preflight } });
		expectGatewayError(answer, "origin_denied", { server: "s" });
		expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
	}
	expect(upstream.requests).toEqual([]);
});

test("a page can read the gateway's own errors of a server", async () => {
	const answer = await send(gateway.url, "/refused", { headers: { origin: "https://app.example" }, body: "{}" });
	expect([answer.status, answer.headers["access-control-allow-origin"]]).toEqual([502, "https://app.example"]);
});

test("without an Origin there are no CORS headers, and OPTIONS is the upstream's", async () => {
	upstream.reply({ status: 204, headers: { allow: "POST" } });
	const answer = await send(gateway.url, "/s", { method: "OPTIONS" });
	expect([answer.status, answer.headers["allow"]]).toEqual([204, "POST"]);
	expect(Object.keys(answer.headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
});
