import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { eventually, type Gateway, noCluster, startGateway } from "../../support/gateway.ts";
import { startNetwork } from "../../support/network.ts";
import { type Child, NODE } from "../../support/process.ts";
import { type Recorder, startRecorder } from "../../support/upstreams.ts";
import { expectGatewayError, send } from "./client.ts";

/** DNS names in endpoints, with a name server of the test's own: answers that change, and none at all. */

const ends: (() => unknown)[] = [];
afterEach(async () => {
	for (const end of ends.splice(0).reverse()) await end();
});

const dnsServer = fileURLToPath(new URL("../../fixtures/network/dns-server.ts", import.meta.url));

interface Lab {
	readonly dns: Child;
	/** From now on the name server knows this and nothing else. */
	tell(zone: Record<string, readonly string[] | "silent">): void;
	/** An upstream at 127.0.0.N:7000 of the network. */
	upstream(n: number): Promise<Recorder>;
	gateway(registry: object): Promise<{ gateway: Gateway; url: string }>;
}

async function startLab(): Promise<Lab> {
	const network = await startNetwork();
	ends.push(() => network.close());
	await network.host.resolve("127.0.0.1");
	const dns = await network.host.start(NODE, dnsServer);
	await dns.waitFor(/^listens$/);
	return {
		dns,
		tell: (zone) => dns.write(`${JSON.stringify(zone)}\n`),
		async upstream(n) {
			const recorder = await startRecorder({
				reply: { body: n === 2 ? "two" : "three", headers: { "content-type": "application/json" } },
			});
			ends.push(() => recorder.close());
			await network.host.offer(`127.0.0.${n}:7000`, recorder.port);
			return recorder;
		},
		async gateway(registry) {
			const { within } = network.host;
			const gateway = await startGateway({ registry, within, args: noCluster });
			ends.push(() => gateway.stop());
			return { gateway, url: await network.host.reach(new URL(gateway.url).host) };
		},
	};
}

const http = (name: string) => ({ type: "http", endpoint: `http://${name}:7000/mcp` });

const envoyOf = (gateway: Gateway) =>
	gateway.descendants().flatMap(({ pid, command }) => (/^\S*envoy /.test(command) ? [pid] : []));

const reasonOf = (text: string) => (JSON.parse(text) as { error: { data: { reason: string } } }).error.data.reason;

/** Waits until the name server has been asked for this so many times more. */
async function askedAgain(lab: Lab, name: string, times: number): Promise<void> {
	const count = () => lab.dns.stdout().split(`asked ${name} 1\n`).length - 1;
	const before = count();
	await eventually(`${name} is asked for ${times} times`, () => count() >= before + times);
}

/** Waits until this many calls in a row are answered by these upstreams and no other, each of them once at least. */
async function servedBy(url: string, upstreams: string[]): Promise<void> {
	let seen: string[] = [];
	const areThey = async () => {
		const calls = await Promise.all(Array.from({ length: 20 }, () => send(url, "/moving")));
		seen = [...new Set(calls.map(({ status, text }) => (status === 200 ? text : reasonOf(text))))].sort();
		return seen.join() === upstreams.join();
	};
	await eventually(`${upstreams} serve`, areThey).catch((error: Error) => {
		throw new Error(`${error.message}; last: ${seen}`);
	});
}

test("traffic follows the answers, and stays where it is while there are none", async () => {
	const lab = await startLab();
	await Promise.all([lab.upstream(2), lab.upstream(3)]);
	lab.tell({ "moving.test": ["127.0.0.2"] });
	const { gateway, url } = await lab.gateway({ moving: http("moving.test") });
	const envoy = envoyOf(gateway);
	expect(envoy).toHaveLength(1);
	await servedBy(url, ["two"]);
	lab.tell({ "moving.test": ["127.0.0.3"] });
	await servedBy(url, ["three"]);
	lab.tell({ "moving.test": ["127.0.0.3", "127.0.0.2"] });
	await servedBy(url, ["three", "two"]);
	lab.tell({ "moving.test": "silent" });
	await askedAgain(lab, "moving.test", 4);
	await servedBy(url, ["three", "two"]);
	lab.tell({});
	await servedBy(url, ["no_healthy_replica"]);
	lab.tell({ "moving.test": ["127.0.0.2"] });
	await servedBy(url, ["two"]);
	expect(envoyOf(gateway)).toEqual(envoy);
});

test("a name whose question nobody answers holds nobody up, at the start and later", async () => {
	const lab = await startLab();
	await lab.upstream(2);
	const known = { "good.test": ["127.0.0.2"], "silent.test": "silent", "later.test": "silent" } as const;
	lab.tell(known);
	const registry = { good: http("good.test"), plain: http("127.0.0.2"), silent: http("silent.test") };
	const { gateway, url } = await lab.gateway(registry);
	const at = (event: string) => Date.parse(String(gateway.events().find((line) => line["event"] === event)?.["time"]));
	// Measured: 3.5 to 4.5 s; without a limit of ours 11.3 s, by c-ares' own.
	expect(at("ready") - at("registry_in_force"), gateway.output()).toBeLessThan(9000);
	for (const id of ["good", "plain"]) expect((await send(url, `/${id}`)).status, id).toBe(200);
	expectGatewayError(await send(url, "/silent"), "no_healthy_replica", { server: "silent" });

	await gateway.writeRegistry({ ...registry, later: http("later.test"), more: http("good.test") });
	await eventually("the server that was added in the same change is served", async () => {
		expect((await send(url, "/good")).status).toBe(200);
		return (await send(url, "/more")).status === 200;
	});
	await eventually("what has no address yet is told", async () => {
		const { status, text } = await send(url, "/later");
		return status === 503 && text.includes("no_healthy_replica");
	});

	lab.tell({ ...known, "silent.test": ["127.0.0.2"], "later.test": ["127.0.0.2"] });
	for (const id of ["silent", "later"]) {
		await eventually(`${id} is served`, async () => (await send(url, `/${id}`)).status === 200);
	}
});
