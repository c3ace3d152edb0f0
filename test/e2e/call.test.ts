import { afterAll, beforeAll, expect, test } from "vitest";
import { call } from "../support/cli.ts";
import { freePort, type Gateway, startGateway } from "../support/gateway.ts";
import {
	type Replica,
	startConformanceServer,
	startMcpServer,
	startSseServer,
	startStateless,
} from "../support/upstreams.ts";

/** `mcp-gateway call`, against servers of each kind through one gateway. */

let gateway: Gateway;
const replicas: Replica[] = [];

beforeAll(async () => {
	const [sse, session, stateless, both] = await Promise.all([
		startSseServer(),
		startMcpServer(),
		startStateless(),
		startConformanceServer(),
	]);
	replicas.push(sse, session, stateless, both);
	gateway = await startGateway({
		registry: {
			sse: { type: "sse", url: sse.url },
			session: { type: "http", url: session.url },
			stateless: { type: "http", url: stateless.url },
			both: { type: "http", url: both.url },
			gone: { type: "http", url: `http://127.0.0.1:${await freePort()}/mcp` },
		},
	});
});
afterAll(async () => {
	await gateway?.stop();
	await Promise.all(replicas.map((replica) => replica.close()));
});

test.each(["sse", "session", "stateless"])("a tool of the server %s", async (id) => {
	const result = await call("call", id, "echo", '{"text":"hello"}', "--gateway", gateway.url);
	expect(result).toMatchObject({ code: 0, stderr: "" });
	expect(result.stdout).toContain("hello");
});

test("a server of 2026-07-28", async () => {
	const result = await call("call", "both", "test_simple_text", "--gateway", gateway.url);
	expect(result).toMatchObject({ code: 0, stderr: "" });
	expect(result.stdout).toContain("simple text");
});

test("failures are told in the gateway's own words", async () => {
	const gone = await call("call", "gone", "--gateway", gateway.url);
	expect(gone.code).toBe(1);
	expect(gone.stderr).toContain("gone: The gateway could not connect to this server.");
	const unknown = await call("call", "nowhere", "--gateway", gateway.url);
	expect(unknown.code).toBe(1);
	expect(unknown.stderr).toContain("nowhere");
	const nobody = await call("call", "session", "--gateway", `http://127.0.0.1:${await freePort()}`);
	expect(nobody.code).toBe(1);
	expect(nobody.stderr).toContain("No gateway answers at");
});
