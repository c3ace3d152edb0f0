import { describe, expect, test } from "vitest";
import { eventsIn } from "../../../control-plane/detection/event-stream.ts";
import { describeFinding, detectionProblem } from "../../../control-plane/detection/finding.ts";
import {
	discover,
	initialize,
	isAnswerTo,
	mergeAnswers,
	readAnswer,
} from "../../../control-plane/detection/messages.ts";

describe("eventsIn", () => {
	test.each([
		["event: endpoint\ndata: /m\n\n", [{ event: "endpoint", data: "/m" }]],
		[
			"\uFEFF: hello\r\n\r\ndata:1\r\ndata: 2\r\n\r\n",
			[
				{ event: "message", data: "" },
				{ event: "message", data: "1\n2" },
			],
		],
		["event: endpoint\ndata: /m\n", []],
		["", []],
	])("%j", (text, events) => expect(eventsIn(text)).toEqual(events));
});

describe("answers", () => {
	const answer = (question: typeof discover, more: object) => ({ jsonrpc: "2.0", id: question.message.id, ...more });

	test("a modern server lists its revisions, as result or as what it wants instead of ours", () => {
		const meta = { "io.modelcontextprotocol/serverInfo": { name: "a\u001b[31m", version: "1" } };
		expect(
			readAnswer(discover, answer(discover, { result: { supportedVersions: ["2026-07-28"], _meta: meta } })),
		).toEqual({
			revisions: ["2026-07-28"],
			serverInfo: { name: "a [31m", version: "1" },
		});
		const error = { code: -32022, message: "no", data: { supported: ["2027-01-01", 5, "x y"] } };
		expect(readAnswer(discover, answer(discover, { error }))).toEqual({ revisions: ["2027-01-01"] });
	});

	test("anything else is no modern answer", () => {
		for (const more of [
			{ result: {} },
			{ result: { supportedVersions: [] } },
			{ error: { code: -32601 } },
			{ result: null },
		])
			expect(readAnswer(discover, answer(discover, more))).toBeUndefined();
	});

	test("a legacy server tells the revision that it agrees to", () => {
		const result = { protocolVersion: "2025-03-26", capabilities: {}, serverInfo: { name: "b" } };
		expect(readAnswer(initialize, answer(initialize, { result }))).toEqual({
			revisions: ["2025-03-26"],
			serverInfo: { name: "b" },
		});
		expect(readAnswer(initialize, answer(initialize, { error: { code: -32602 } }))).toBeUndefined();
	});

	test("only a response with the question's id is its answer", () => {
		expect(isAnswerTo(discover, answer(discover, { result: {} }))).toBe(true);
		expect(isAnswerTo(discover, answer(initialize, { result: {} }))).toBe(false);
		expect(isAnswerTo(discover, answer(discover, { method: "server/discover" }))).toBe(false);
		expect(isAnswerTo(discover, [answer(discover, {})])).toBe(false);
	});

	test("both eras together, newest first", () => {
		const answers = [{ revisions: ["2026-07-28"] }, { revisions: ["2025-11-25"], serverInfo: { name: "x" } }];
		expect(mergeAnswers(answers.toReversed())).toEqual({
			revisions: ["2026-07-28", "2025-11-25"],
			serverInfo: { name: "x" },
		});
	});
});

describe("words", () => {
	test("a finding in a line", () => {
		const revisions = ["2026-07-28", "2025-11-25"];
		expect(describeFinding({ transport: "streamable-http", path: "/mcp", revisions })).toBe(
			"streamable-http at /mcp, 2026-07-28, 2025-11-25",
		);
		expect(describeFinding({ transport: "stdio", revisions: ["2025-11-25"] })).toBe("stdio, 2025-11-25");
		expect(describeFinding({ transport: "sse", path: "/sse", revisions: [], authorization: true })).toBe(
			"sse at /sse, asks for authorization",
		);
	});

	test("a problem fits into Envoy's answer, however much was tried", () => {
		const tried = Array.from({ length: 100 }, () => ({ what: "POST http://a/ initialize", outcome: "x".repeat(100) }));
		const problem = detectionProblem({ state: "failed", tried });
		expect(problem).toContain("POST http://a/ initialize: xxx");
		expect(Buffer.byteLength(problem)).toBeLessThan(2048);
	});
});
