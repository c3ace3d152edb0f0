import { fileURLToPath } from "node:url";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describe, expect, onTestFinished, test } from "vitest";
import { onprogress, progressOf } from "../../support/progress.ts";
import { bridgeWith, type Entry, stdio } from "./setup.ts";

/** The official client of 2026-07-28 at a real server, both written by the specification's authors. */

const script = fileURLToPath(new URL("../../fixtures/http/conformance-stdio.ts", import.meta.url));

async function serve(pool: Entry["pool"]) {
	const bridge = await bridgeWith([
		stdio("a", "server", [], { command: [process.execPath, script], ...(pool && { pool }) }),
	]);
	const connect = async (prepare: (client: Client) => void = () => {}, capabilities = {}) => {
		const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" }, capabilities });
		prepare(client);
		const transport = new StreamableHTTPClientTransport(new URL(bridge.url("/a")));
		await client.connect(transport);
		onTestFinished(() => client.close());
		return { client, transport };
	};
	return { ...bridge, connect };
}

const textOf = ({ content }: { content: unknown[] }) => (content[0] as { text: string }).text;

describe.each([
	["no mode", undefined],
	["session", { mode: "session" }],
	["shared", { mode: "shared" }],
] as const)("with %s", (_, pool) => {
	test("a client finds the newest revision and needs no session", async () => {
		const { connect } = await serve(pool);
		const { client, transport } = await connect();
		expect(client.getNegotiatedProtocolVersion()).toBe("2026-07-28");
		expect(transport.sessionId).toBeUndefined();
		const { tools } = await client.listTools();
		expect(tools.length).toBeGreaterThan(10);
		// Its argument goes into a header, too.
		const result = await client.callTool({ name: "test_custom_header", arguments: { region: "größe" } });
		expect(textOf(result)).toBe(JSON.stringify({ region: "größe" }));
	});

	test("progress, questions in rounds and changes reach those that they are for", async () => {
		const { connect } = await serve(pool);
		const asked: unknown[] = [];
		const { client } = await connect(
			(client) => {
				client.setRequestHandler("elicitation/create", ({ params }) => {
					asked.push(params.message);
					return { action: "accept", content: { name: "Ada" } };
				});
			},
			{ elicitation: {} },
		);
		const seen = progressOf(client.transport);
		const call = { name: "test_tool_with_progress", arguments: {} };
		await client.callTool(call, { onprogress });
		expect(seen).toEqual([0, 50, 100]);
		const answered = await client.callTool({ name: "test_input_required_result_elicitation", arguments: {} });
		expect(textOf(answered)).toBe("Hello, Ada!");
		expect(asked).toEqual(["What is your name?"]);
	});

	test("clients that use the same ids at once get their own answers", async () => {
		const { connect } = await serve(pool);
		const clients = await Promise.all(Array.from({ length: 4 }, () => connect()));
		// So that they know which argument goes into a header.
		await Promise.all(clients.map(({ client }) => client.listTools()));
		const calls = clients.flatMap(({ client }, index) =>
			Array.from({ length: 25 }, async (_, n) => {
				const own = { region: `client ${index}, call ${n}` };
				const result = await client.callTool({ name: "test_custom_header", arguments: own });
				expect(textOf(result)).toBe(JSON.stringify(own));
			}),
		);
		await Promise.all(calls);
	});
});

test("clients of both eras use the same entry at the same time", async () => {
	const { connect, client: connectOld } = await serve(undefined);
	const [old, { client }] = await Promise.all([connectOld("a"), connect()]);
	for (let n = 0; n < 3; n++) {
		expect(await old.call("test_simple_text")).toContain("simple text");
		expect(textOf(await client.callTool({ name: "test_simple_text", arguments: {} }))).toContain("simple text");
	}
});
