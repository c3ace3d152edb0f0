import type { Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Gateway, noCluster, startGateway } from "../../support/gateway.ts";
import { type Neighbour, type Network, startNetwork } from "../../support/network.ts";
import { type Recorded, type Recorder, startRecorder } from "../../support/upstreams.ts";
import { expectGatewayError, open, readUntil, send } from "./client.ts";

/** Peers that vanish without a word: the cable to another host is cut in the middle of an event stream. */

/** TCP keep-alive: 30 s without a word, then three questions, 10 s apart. */
const promisedMs = 60_000;

let network: Network;
let far: Neighbour;
let gateway: Gateway;
let upstream: Recorder;
/** The gateway, asked from its own host and from the other one. */
let near: string;
let fromFar: string;

beforeAll(async () => {
	network = await startNetwork();
	far = await network.addNeighbour();
	upstream = await startRecorder({ reply: { chunks: ["data: one\n\n"], hang: true } });
	await network.host.offer("127.0.0.1:7000", upstream.port);
	await far.offer(`${far.address}:7000`, upstream.port);
	gateway = await startGateway({
		registry: {
			near: { type: "http", endpoint: "http://127.0.0.1:7000/near" },
			far: { type: "http", endpoint: `http://${far.address}:7000/far`, timeouts: { connect: "2s" } },
		},
		within: network.host.within,
		args: [...noCluster, "--listen", "0.0.0.0:8080", "--insecure"],
	});
	near = await network.host.reach("127.0.0.1:8080");
	fromFar = await far.reach(`${far.gateway}:8080`);
});
afterAll(async () => {
	await gateway?.stop();
	await upstream?.close();
	await network?.close();
});

/** An event stream that has begun, with what the upstream saw of it. */
async function stream(url: string, id: string): Promise<{ socket: Socket; seen: Recorded }> {
	const socket = open(url, `GET /${id} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`);
	const text = await readUntil(socket, (text) => /data: one\n\n|HTTP\/1.1 [345]/.test(text));
	if (!text.includes("data: one")) throw new Error(`${id} answers ${text}\n${gateway.output()}`);
	return { socket, seen: await upstream.next() };
}

test("keep-alive ends the streams of a peer that vanished, on both sides, and no other", async () => {
	const toFar = await stream(near, "far");
	const ofFar = await stream(fromFar, "near");
	const other = await stream(near, "near");
	const cut = Date.now();
	await far.vanish();
	const since = () => Date.now() - cut;
	const [upstreamGone, clientGone] = await Promise.all([
		readUntil(toFar.socket).then(since),
		ofFar.seen.closed.then((how) => ({ how, after: since() })),
	]);
	expect(clientGone.how).toBe("aborted");
	// Questions begin 30 s after the last word, which a slow machine passes on some seconds late.
	for (const after of [upstreamGone, clientGone.after]) {
		expect(after, gateway.output()).toBeGreaterThan(promisedMs - 10_000);
		expect(after, gateway.output()).toBeLessThan(promisedMs + 10_000);
	}

	other.seen.response?.write("data: still here\n\n");
	await readUntil(other.socket, (text) => text.includes("still here"));
	expectGatewayError(await send(near, "/far"), "cannot_connect", { server: "far" });
});
