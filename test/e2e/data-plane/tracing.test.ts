import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { eventually, freePort, type Gateway, startGateway } from "../../support/gateway.ts";
import { decodeSpans, type Span } from "../../support/otlp.ts";
import { type Recorder, startRecorder } from "../../support/upstreams.ts";
import { send, toolCall } from "./client.ts";

/** Trace context (https://www.w3.org/TR/trace-context/): passed on, made where there is none, exported if asked for. */

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const shape = /^00-([0-9a-f]{32})-([0-9a-f]{16})-0([01])$/;

let upstream: Recorder;
let gateway: Gateway | undefined;

beforeAll(async () => {
	upstream = await startRecorder();
});
afterAll(() => upstream?.close());
beforeEach(() => upstream.clear());
afterEach(async () => {
	await gateway?.stop();
	gateway = undefined;
});

async function start(...args: string[]): Promise<Gateway> {
	gateway = await startGateway({ registry: { s: { type: "http", endpoint: `${upstream.url}/mcp` } }, args });
	return gateway;
}

/** Calls a tool and returns the headers that the upstream got. */
async function headersAfter(to: Gateway, headers: Record<string, string> = {}, target = "/s") {
	const call = toolCall("echo");
	const all = { ...(call.headers as Record<string, string>), ...headers };
	expect((await send(to.url, target, { ...call, headers: all })).status).toBe(200);
	return (await upstream.next()).headers;
}

async function logged(from: Gateway, requestId: string): Promise<Record<string, unknown>> {
	const line = () => from.events().find((event) => event["requestId"] === requestId);
	await eventually(`${requestId} is logged`, () => line() !== undefined, 15_000);
	return line() ?? {};
}

describe("without an exporter", () => {
	test("what a client sends passes as it is, and a request without gets one, in the log too", async () => {
		const to = await start();
		const sent = { traceparent: parent, tracestate: "a=1,b=2", "x-request-id": "traced" };
		expect(await headersAfter(to, sent)).toMatchObject(sent);
		expect(await logged(to, "traced")).toMatchObject({ traceparent: parent });

		const seen = new Set<string>();
		for (let n = 0; n < 50; n++) {
			const headers = await headersAfter(to, { "x-request-id": `made-${n}`, "x-mcp-gateway-path": "forged" });
			const [whole, traceId = "", spanId = "", sampled] = shape.exec(String(headers["traceparent"])) ?? [];
			expect([whole, sampled]).toEqual([headers["traceparent"], "1"]);
			expect(Object.keys(headers).filter((name) => name.startsWith("x-mcp-gateway"))).toEqual([]);
			expect(headers["tracestate"]).toBeUndefined();
			seen.add(traceId).add(spanId);
			if (n === 0) expect(await logged(to, "made-0")).toMatchObject({ traceparent: whole });
		}
		expect(seen.size).toBe(100);

		await send(to.url, "/nosuch", { headers: { "x-request-id": "refused" } });
		expect(await logged(to, "refused")).toMatchObject({ traceparent: expect.stringMatching(shape) });
	});

	test("--no-traceparent only passes on", async () => {
		const to = await start("--no-traceparent");
		expect(await headersAfter(to, { traceparent: parent })).toMatchObject({ traceparent: parent });
		expect(await headersAfter(to)).not.toHaveProperty("traceparent");
	});
});

describe("with --otel-endpoint", () => {
	let receiver: Recorder;
	beforeAll(async () => {
		receiver = await startRecorder();
	});
	afterAll(() => receiver?.close());

	/** The span of a trace, once it has come. */
	async function spanOf(traceId: string): Promise<Span> {
		const all = () =>
			receiver.requests
				.filter(({ ended }) => ended)
				.flatMap(({ target, body }) => {
					expect(target).toBe("/v1/traces");
					return decodeSpans(body);
				});
		const found = () => all().find((span) => span.traceId === traceId);
		await eventually(`a span of ${traceId}`, () => found() !== undefined, 15_000);
		return found() as Span;
	}

	test("Envoy is a hop of the trace: the upstream's parent is its span, whose parent is the client's", async () => {
		const to = await start("--otel-endpoint", receiver.url);
		const id = "0af7651916cd43dd8448eb211c80319c";
		const requestId = "6d2f2b1c-3c54-4b0e-9d51-0f6b1c1f9b7a";
		const sent = { traceparent: parent, tracestate: "a=1,b=2", "x-request-id": requestId };
		const headers = await headersAfter(to, sent, "/s/x?key=s3cr3t");
		const [, traceId, spanId, sampled] = shape.exec(String(headers["traceparent"])) ?? [];
		expect([traceId, sampled, headers["tracestate"], headers["x-request-id"]]).toEqual([id, "1", "a=1,b=2", requestId]);
		const span = await spanOf(id);
		expect(span).toMatchObject({ spanId, parentSpanId: "b7ad6b7169203331", service: "mcp-gateway" });
		expect(span.attributes).toMatchObject({
			"http.method": "POST",
			"http.status_code": "200",
			"mcp.method.name": "tools/call",
			"gen_ai.tool.name": "echo",
			"upstream_cluster.name": "mcp/s",
			"guid:x-request-id": requestId,
		});
		expect(JSON.stringify(span)).not.toContain("s3cr3t");
		expect(await logged(to, requestId)).toMatchObject({ traceparent: headers["traceparent"] });

		const own = shape.exec(String((await headersAfter(to))["traceparent"]));
		expect(await spanOf(own?.[1] ?? "")).toMatchObject({ spanId: own?.[2], parentSpanId: "" });
		await send(to.url, "/nosuch?key=s3cr3t", { headers: { traceparent: parent.replace("0af7", "0af8") } });
		const refused = await spanOf(id.replace("0af7", "0af8"));
		expect(refused.attributes).toMatchObject({ "http.status_code": "404", "http.url": "/nosuch" });
	});

	test("--otel-sample 0 makes spans only of what a client has decided to trace", async () => {
		const to = await start("--otel-endpoint", `${receiver.url}/v1/traces`, "--otel-sample", "0");
		const unsampled = shape.exec(String((await headersAfter(to))["traceparent"]));
		expect(unsampled?.[3]).toBe("0");
		await headersAfter(to, { "x-client-trace-id": "forced", "x-envoy-force-trace": "true" });
		const decided = parent.replace("0af7", "0af9");
		await headersAfter(to, { traceparent: decided });
		await spanOf(decided.slice(3, 35));
		const ids = receiver.requests.flatMap(({ body }) => decodeSpans(body)).map((span) => span.attributes);
		expect(JSON.stringify(ids)).not.toContain("forced");
		expect(receiver.requests.flatMap(({ body }) => decodeSpans(body)).map(({ traceId }) => traceId)).not.toContain(
			unsampled?.[1],
		);
	});

	test("a receiver that is down, or hangs, affects nothing else", async () => {
		const to = await start("--otel-endpoint", `http://127.0.0.1:${await freePort()}`);
		const ask = async (at: Gateway) => {
			for (let n = 0; n < 30; n++) expect(await headersAfter(at)).toHaveProperty("traceparent");
		};
		await ask(to);
		expect(await logged(to, String((await headersAfter(to))["x-request-id"]))).toMatchObject({ status: 200 });
		expect(to.events().filter(({ event }) => event === "exit")).toEqual([]);
		await to.stop();
		receiver.reply({ hang: true });
		await ask(await start("--otel-endpoint", receiver.url));
	});
});
