import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeConfig } from "@kubernetes/client-node";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createApiServer } from "../../../control-plane/kubernetes/api-server.ts";
import type { ClusterCache } from "../../../control-plane/kubernetes/contract.ts";
import { createCharts } from "../../../control-plane/kubernetes/objects/chart.ts";
import { startWriter, type Writer } from "../../../control-plane/kubernetes/write/writer.ts";
import { eventually } from "../../support/gateway.ts";
import { kubernetesServer } from "../../support/kubernetes-server.ts";

/** Shorter than the real ones, with time enough for a busy machine. */
const leaseTimes = { renewMs: 500, stopMs: 3000, durationMs: 5000, lookMs: 200 };

/** Nothing is there, and that is known. */
const emptyCache: ClusterCache = {
	synced: true,
	problems: [],
	get: () => undefined,
	list: () => [],
	slices: () => [],
	pods: () => [],
	service: () => undefined,
	state: () => ({ listed: true }),
	subscribe: () => () => {},
	follow: () => {},
	close: async () => {},
};

let server: Server;
let writer: Writer;
let held: Set<ServerResponse>;
let renewals: number;

/** An API server that takes Leases at once, and lets every other write wait for ever. */
beforeEach(async () => {
	held = new Set();
	renewals = 0;
	let lease: object | undefined;
	server = createServer((request, response) => {
		if (!request.url?.includes("/leases")) {
			held.add(response);
			request.resume();
			return;
		}
		let text = "";
		request.setEncoding("utf8").on("data", (chunk: string) => {
			text += chunk;
		});
		request.on("end", () => {
			if (request.method !== "GET") {
				renewals += 1;
				const { metadata, ...rest } = JSON.parse(text) as { metadata: object };
				lease = { ...rest, metadata: { ...metadata, resourceVersion: String(renewals) } };
			}
			response.writeHead(lease === undefined ? 404 : 200).end(JSON.stringify(lease ?? {}));
		});
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
	await writer?.close();
	server.closeAllConnections();
	await new Promise((resolve) => server.close(resolve));
});

test("the Lease is renewed while every write is held up", async () => {
	const kubeConfig = new KubeConfig();
	const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	kubeConfig.loadFromClusterAndUser({ name: "c", server: url, skipTLSVerify: true }, { name: "u" });
	const lost: string[] = [];
	const log = pino({}, { write: (line: string) => void (line.includes("lease_lost") && lost.push(line)) });
	writer = startWriter({
		request: createApiServer(kubeConfig).request,
		namespace: "mcp",
		cache: emptyCache,
		gatewayName: "gw",
		charts: createCharts(),
		log,
		leaseTimes,
	});
	writer.setServers(Array.from({ length: 30 }, (_, n) => kubernetesServer(`s${n}`, { values: { image: "i:1" } })));
	await eventually("the writes are held up", () => held.size >= 8);
	const before = renewals;
	// For longer than a Lease lasts that is not.
	await eventually("it is renewed again and again", () => renewals >= before + 8);
	expect(lost).toEqual([]);
	expect(writer.state().writes).toBe(true);
});
