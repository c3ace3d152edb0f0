import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Variant } from "../../../control-plane/ads/traits.ts";
import type { PodEndpoint } from "../../../control-plane/kubernetes/contract.ts";
import { eventually } from "../../support/gateway.ts";
import { type Replica, startMcpServer } from "../../support/upstreams.ts";
import { expectGatewayError, send, toolCall } from "../data-plane/client.ts";
import { answers, type Plane, startPlane } from "./envoy.ts";

/** Replicas stand for pods: what EndpointSlices say of them is told by hand, what Envoy makes of it is real. */
let replicas: Replica[];
let plane: Plane;
/** Undefined: the cluster has not told yet. */
let pods: readonly PodEndpoint[] | undefined;
let clients: Client[];

beforeAll(async () => {
	replicas = await Promise.all(["p0", "p1", "p2"].map((name) => startMcpServer({ name })));
});
afterAll(async () => {
	await Promise.all((replicas ?? []).map((replica) => replica.close()));
});
beforeEach(async () => {
	clients = [];
	pods = [];
	await begin("delta");
});
afterEach(async () => {
	await Promise.all(clients.map((client) => client.close()));
	await plane?.close();
});

async function begin(variant: Variant): Promise<void> {
	plane = await startPlane({
		discover: () =>
			pods === undefined
				? { state: "missing", problem: "the API server cannot be reached", unknown: "pending" }
				: { state: "found", via: "endpoints", path: "/mcp", endpoints: pods },
	});
	plane.serve({});
	await plane.addEnvoy("one", variant);
}

const entry = { type: "k8s", image: "unused" };

const pod = (index: number, more: Partial<PodEndpoint> = {}): PodEndpoint => ({
	host: "127.0.0.1",
	port: replicas[index]?.port ?? 0,
	...more,
});

/** The entry is another one each time, as the builder asks anew only for what may have changed. */
async function serve(...now: readonly PodEndpoint[]): Promise<void> {
	pods = now;
	plane.serve({ s: entry });
	const { snapshot } = plane.server;
	await eventually("Envoy has it", () =>
		[...plane.server.streams].some(
			({ sequencer }) => snapshot !== undefined && sequencer.isServing() && sequencer.isInSync(snapshot),
		),
	);
}

async function connect() {
	const client = new Client({ name: "test", version: "1" });
	const transport = new StreamableHTTPClientTransport(new URL(`${plane.url}/s`));
	await client.connect(transport as Transport);
	clients.push(client);
	return { client, session: transport.sessionId ?? "", home: await whoami(client) };
}

async function call(client: Client, name: string, args: Record<string, unknown> = {}): Promise<string> {
	const { content } = await client.callTool({ name, arguments: args });
	return (content as { text: string }[])[0]?.text ?? "";
}

const whoami = async (client: Client) => (JSON.parse(await call(client, "whoami")) as { name: string }).name;

const inSession = (session: string) => {
	const made = toolCall("whoami", 1);
	return { ...made, headers: { ...(made.headers as Record<string, string>), "mcp-session-id": session } };
};

async function homesOfNew(count: number): Promise<Record<string, number>> {
	const homes: Record<string, number> = {};
	for (let n = 0; n < count; n++) {
		const { home } = await connect();
		homes[home] = (homes[home] ?? 0) + 1;
	}
	return homes;
}

test("pods in zones of unequal size get equal shares", async () => {
	await serve(pod(0, { zone: "a" }), pod(1, { zone: "b" }), pod(2, { zone: "b" }));
	const homes = await homesOfNew(30);
	expect(Object.keys(homes).sort()).toEqual(["p0", "p1", "p2"]);
	for (const count of Object.values(homes)) expect(Math.abs(count - 10)).toBeLessThanOrEqual(1);
});

test("a draining pod keeps its sessions and what is under way, and gets no new ones; once it is gone they get the 404", async () => {
	await serve(pod(0, { zone: "a" }), pod(1, { zone: "b" }));
	const connected = [await connect(), await connect(), await connect(), await connect()];
	const leaving = connected.filter(({ home }) => home === "p0");
	const staying = connected.filter(({ home }) => home === "p1");
	expect([leaving.length, staying.length]).toEqual([2, 2]);
	const [first] = leaving as [(typeof leaving)[0]];
	let progress = 0;
	const underWay = first.client.callTool({ name: "slow", arguments: { ms: 10_000 } }, undefined, {
		onprogress: () => void progress++,
	});
	await eventually("the stream is open", () => progress > 0);

	await serve(pod(0, { zone: "a", draining: true }), pod(1, { zone: "b" }));
	for (const { client, home } of connected) expect(await whoami(client)).toBe(home);
	expect(await homesOfNew(6)).toEqual({ p1: 6 });
	expect(progress).toBeLessThan(5);

	await serve(pod(1, { zone: "b" }));
	const lost = await send(plane.url, "/s", inSession(first.session));
	expectGatewayError(lost, "session_lost", { id: 1, server: "s" });
	for (const { client } of staying) expect(await whoami(client)).toBe("p1");
	expect(((await underWay).content as { text: string }[])[0]?.text).toBe("done");
	expect(progress).toBe(5);
});

test("a pod that is not ready keeps its sessions and what is under way, and gets new ones once it is ready again", async () => {
	await serve(pod(0), pod(1));
	const connected = [await connect(), await connect()];
	const { client } = connected.find(({ home }) => home === "p0") as (typeof connected)[0];
	let progress = 0;
	const underWay = client.callTool({ name: "slow", arguments: { ms: 5000 } }, undefined, {
		onprogress: () => void progress++,
	});
	await eventually("the stream is open", () => progress > 0);
	await serve(pod(0, { unready: true }), pod(1));
	expect(await whoami(client)).toBe("p0");
	expect(await homesOfNew(6)).toEqual({ p1: 6 });
	await serve(pod(0, { unready: true }), pod(1, { unready: true }));
	expect(await whoami(client)).toBe("p0");
	expectGatewayError(await send(plane.url, "/s", toolCall("whoami")), "no_healthy_replica", { id: 1, server: "s" });
	await serve(pod(0), pod(1));
	expect(await homesOfNew(6)).toEqual({ p0: 3, p1: 3 });
	expect(((await underWay).content as { text: string }[])[0]?.text).toBe("done");
});

test("a session on a pod that is not ready and does not answer gets the 404", async () => {
	const brief = await startMcpServer({ name: "brief" });
	const place = { host: "127.0.0.1", port: brief.port };
	await serve(place);
	const { session } = await connect();
	await serve({ ...place, unready: true }, pod(1));
	await brief.close();
	const lost = await send(plane.url, "/s", inSession(session));
	expectGatewayError(lost, "session_lost", { id: 1, server: "s" });
	expect(await homesOfNew(2)).toEqual({ p1: 2 });
});

test("from no pod to one, three, one that drains and none: neither cluster nor route changes, and no session is lost", async () => {
	const versions = () => {
		const { cluster, scope } = plane.server.snapshot?.resources ?? {};
		return [...(cluster?.values() ?? []), ...(scope?.values() ?? [])].map(({ name, version }) => `${name} ${version}`);
	};
	await serve();
	const before = versions();
	await eventually("there is a route", async () => (await send(plane.url, "/s", toolCall("whoami"))).status === 503);
	expectGatewayError(await send(plane.url, "/s", toolCall("whoami")), "no_healthy_replica", { id: 1, server: "s" });

	await serve(pod(0));
	const { client } = await connect();
	await call(client, "add_note", { text: "kept" });
	await serve(pod(0), pod(1), pod(2));
	expect(Object.keys(await homesOfNew(6)).sort()).toEqual(["p0", "p1", "p2"]);
	await serve(pod(0, { draining: true }));
	expect(await call(client, "notes")).toBe("kept");
	expectGatewayError(await send(plane.url, "/s", toolCall("whoami")), "no_healthy_replica", { id: 1, server: "s" });
	expect(versions()).toEqual(before);
	await serve();
	await answers(plane.url, "/s", 503);
});

test.each([
	"delta",
	"sotw",
] as const)("%s: a new control plane that the cluster has not answered takes no pod away; then what has changed is caught up", async (variant) => {
	await plane.close();
	await begin(variant);
	await serve(pod(0), pod(1));
	const connected = [await connect(), await connect()];
	const [leaving, staying] = ["p0", "p1"].map((name) => connected.find(({ home }) => home === name)?.client) as [
		Client,
		Client,
	];
	await plane.restartServer({ knowing: false });
	pods = undefined;
	const others = { http: { type: "http", endpoint: `${replicas[2]?.url}/mcp` } };
	plane.serve({ s: entry, never: entry, ...others });
	await eventually("Envoy is back", () => plane.server.streams.size === 1);
	if (variant === "delta") {
		await answers(plane.url, "/http", 400);
		const unknown = await send(plane.url, "/never", toolCall("whoami"));
		const detail = "the API server cannot be reached";
		expectGatewayError(unknown, "server_unavailable", { id: 1, server: "never", detail });
		await eventually("Envoy has all that is known", () => {
			const { snapshot } = plane.server;
			return snapshot !== undefined && plane.streamOf("one").sequencer.isInSync(snapshot);
		});
	} else {
		await eventually("it has told what it has", () => plane.streamOf("one").sequencer.types.scope.subscription.active);
		expect(plane.streamOf("one").sent.pushes).toBe(0);
	}
	expect([await whoami(leaving), await whoami(staying)]).toEqual(["p0", "p1"]);
	expect(Object.keys(await homesOfNew(4)).sort()).toEqual(["p0", "p1"]);

	pods = [pod(1)];
	plane.serve({ s: entry, ...others });
	await answers(plane.url, "/http", 400);
	await answers(plane.url, "/never", 404);
	expect(await whoami(staying)).toBe("p1");
	await expect(whoami(leaving)).rejects.toThrow();
});
