import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { mainFile } from "../../../control-plane/cli/paths.ts";
import { envoyArgs } from "../../../envoy/process.ts";
import { call } from "../../support/cli.ts";
import { envoyBinary } from "../../support/envoy.ts";
import { eventually, freePort, noCluster } from "../../support/gateway.ts";
import { type Child, NODE, start } from "../../support/process.ts";
import { readMetrics, sampleValue } from "../../support/prometheus.ts";
import { startRecorder } from "../../support/upstreams.ts";
import { type Answer, expectGatewayError, open, readUntil, send } from "./client.ts";

/** Envoy's overload manager: what clients get at its limits, and that it is over once the load is. */

const ends: (() => unknown)[] = [];
afterEach(async () => {
	for (const end of ends.splice(0).reverse()) await end();
});

interface Pieces {
	readonly url: string;
	readonly adminUrl: string;
	output(): string;
}

/** Control plane and Envoy as a person runs them apart, with a bootstrap of these options that may be edited. */
async function startPieces(endpoint: string, options: string[], edit = (yaml: string) => yaml): Promise<Pieces> {
	const folder = await mkdtemp(join(tmpdir(), "overload-"));
	ends.push(() => rm(folder, { recursive: true, force: true }));
	const [listen, admin] = [await freePort(), await freePort()];
	const sockets = ["--xds", `unix:${join(folder, "xds.sock")}`, "--envoy-admin", `unix:${join(folder, "admin.sock")}`];
	const printed = await call("bootstrap", ...sockets, ...options);
	const config = join(folder, "envoy.yaml");
	await writeFile(config, edit(printed.stdout));
	const registry = join(folder, "registry.json");
	await writeFile(registry, JSON.stringify({ s: { type: "http", endpoint } }));
	const children: Child[] = [];
	ends.push(() => Promise.all(children.map((child) => child.close(5000))));
	children.push(
		await start(NODE, [
			...[mainFile, "control-plane", "--registry", registry, ...sockets, ...noCluster],
			...["--listen", `127.0.0.1:${listen}`, "--admin", `127.0.0.1:${admin}`, "--access-log", "off"],
		]),
		await start(await envoyBinary(), envoyArgs({ config, concurrency: 1, logLevel: "warning", drainSeconds: 1 }), {
			guarded: true,
		}),
	);
	const pieces = {
		url: `http://127.0.0.1:${listen}`,
		adminUrl: `http://127.0.0.1:${admin}`,
		output: () => children.map((child) => child.output()).join("\n---\n"),
	};
	await answers(pieces, 200);
	return pieces;
}

const body = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x"}}';
const json = { "content-type": "application/json" };

/** Waits until a call has this status; 0 is a connection that ends without an answer. */
async function answers(pieces: Pieces, status: number, more: Record<string, string> = {}): Promise<Answer | undefined> {
	let last: Answer | string | undefined;
	const isSo = async () => {
		last = await send(pieces.url, "/s", { headers: { ...json, ...more }, body }).catch((error: Error) => error.message);
		return (typeof last === "string" ? 0 : last.status) === status;
	};
	await eventually(`a call answers ${status}`, isSo, 60_000).catch((error: Error) => {
		throw new Error(`${error.message}; last: ${JSON.stringify(last)}\n${pieces.output()}`);
	});
	return typeof last === "string" ? undefined : last;
}

const scrape = async ({ adminUrl }: Pieces) => readMetrics(await (await fetch(`${adminUrl}/metrics`)).text());

const destroy = (sockets: readonly Socket[]) => {
	for (const socket of sockets) socket.destroy();
};

const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`;

test("at the limit of memory new requests are refused, streams go on, and all is well once memory is free", async () => {
	const upstream = await startRecorder();
	ends.push(() => upstream.close());
	const much = Buffer.alloc(32 * 1024 * 1024);
	upstream.reply(({ target }) => {
		if (target === "/mcp/events") return { chunks: ["data: one\n\n"], hang: true };
		if (target === "/mcp/much") return { body: much };
		return { body: "{}", headers: json };
	});
	const pieces = await startPieces(`${upstream.url}/mcp`, ["--memory", "64MiB"]);
	const events = open(pieces.url, get("/s/events"));
	ends.push(() => events.destroy());
	await readUntil(events, (text) => text.includes("data: one\n\n"));
	const stream = upstream.requests.find(({ target }) => target === "/mcp/events");

	// Clients that ask for much and read nothing: Envoy has to keep what it has taken from the upstream.
	const slow: Socket[] = [];
	ends.push(() => destroy(slow));
	for (let n = 0; n < 100; n++) slow.push(open(pieces.url, get("/s/much")));
	// Refused before Envoy gives it an id; one that the client has chosen is told.
	expectGatewayError((await answers(pieces, 503, { "x-request-id": "r-1" })) as Answer, "overloaded", {
		requestId: "r-1",
	});
	expectGatewayError((await answers(pieces, 503)) as Answer, "overloaded", { requestId: null });
	await eventually("the metrics show it", async () => {
		const samples = await scrape(pieces);
		const refused = sampleValue(samples, "mcp_gateway_client_requests_total", { code_class: "5xx" }) ?? 0;
		// As of the scrape before: Envoy reads its memory after it has answered.
		return refused > 0 && (sampleValue(samples, "mcp_gateway_envoy_memory_bytes") ?? 0) > 32 * 1024 * 1024;
	});
	stream?.response?.write("data: two\n\n");
	await readUntil(events, (text) => text.includes("data: two\n\n"));

	destroy(slow);
	await answers(pieces, 200);
	stream?.response?.write("data: three\n\n");
	await readUntil(events, (text) => text.includes("data: three\n\n"));
});

test("at the limit of connections further ones are closed, and taken again once others have ended", async () => {
	const upstream = await startRecorder();
	ends.push(() => upstream.close());
	const pieces = await startPieces(`${upstream.url}/mcp`, [], (yaml) =>
		yaml.replace(/max_active_downstream_connections: \d+/, "max_active_downstream_connections: 3"),
	);
	upstream.reply({ chunks: ["data: one\n\n"], hang: true });
	const sockets = [1, 2, 3].map(() => open(pieces.url, get("/s")));
	ends.push(() => destroy(sockets));
	await Promise.all(sockets.map((socket) => readUntil(socket, (text) => text.includes("data: one"))));
	upstream.reply({ body: "{}", headers: json });

	await answers(pieces, 0);
	expect(sampleValue(await scrape(pieces), "mcp_gateway_client_connections_active")).toBe(3);
	sockets[0]?.destroy();
	await answers(pieces, 200);
	for (const { response } of upstream.requests) response?.write("data: two\n\n");
	await Promise.all(sockets.slice(1).map((socket) => readUntil(socket, (text) => text.includes("data: two"))));
});
