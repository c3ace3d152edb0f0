import { describe, expect, it } from "vitest";
import { bridgeWith, stdio } from "./setup.ts";

/** https://modelcontextprotocol.io/specification/2025-03-26/basic/transports#sending-messages-to-the-server */
describe("batches of 2025-03-26", () => {
	const call = (id: number | string, method: string, params: object = {}) => ({ jsonrpc: "2.0", id, method, params });
	const session = async () => {
		const bridge = await bridgeWith([stdio("s", "streams")]);
		const id = await bridge.open("s", "2025-03-26");
		return (messages: unknown) => bridge.post("/s", messages, id);
	};

	it("are answered by an array in the order of their requests", async () => {
		const post = await session();
		const answer = await post([call(1, "line"), call("two", "line"), call(3, "line")]);
		expect(answer.headers.get("content-type")).toBe("application/json");
		expect(answer.messages.map(({ id }) => id)).toEqual([1, "two", 3]);
		expect((await post([call(1, "line")])).messages.map(({ id }) => id)).toEqual([1]);
	});

	it("are answered on one stream as the answers come, where one takes long", async () => {
		const post = await session();
		const answer = await post([
			call(1, "late", { ms: 300 }),
			call(2, "line"),
			call(3, "steps", { n: 1, ms: 0, _meta: { progressToken: 3 } }),
		]);
		expect(answer.headers.get("content-type")).toBe("text/event-stream");
		expect(answer.messages.map(({ id, method }) => id ?? method)).toEqual([2, "notifications/progress", 3, 1]);
	});

	it("are refused where a message is of a revision that has none", async () => {
		const post = await session();
		const _meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28" };
		const { status, body } = await post([call(1, "line", { _meta }), call(2, "line")]);
		expect([status, body.error?.code]).toEqual([400, -32600]);
	});

	it("may hold notifications alone", async () => {
		const post = await session();
		const note = { jsonrpc: "2.0", method: "notifications/initialized" };
		expect((await post([note, note])).status).toBe(202);
		expect((await post([note, call(1, "line")])).messages.map(({ id }) => id)).toEqual([1]);
	});

	it("are refused as a whole where one message is at fault", async () => {
		const post = await session();
		for (const bad of [[], [call(1, "line"), 1], [call(1, "line"), call(1, "line")], [call(0, "initialize")]]) {
			expect(await post(bad)).toMatchObject({ status: 400, body: { id: null, error: { code: -32600 } } });
		}
		expect((await post([call(1, "line")])).status).toBe(200);
	});
});
