import { status } from "@grpc/grpc-js";
import { describe, expect, it, vi } from "vitest";
import { gateMs } from "../../../control-plane/ads/sequencer.ts";
import { createSnapshot, encodeResource } from "../../../control-plane/snapshot/snapshot.ts";
import { typeUrl } from "../../../control-plane/xds/names.ts";
import { until } from "./client.ts";
import { http, node, setupEach } from "./setup.ts";

/** What holds for delta and state-of-the-world alike; every test runs in both. */
describe.each(["delta", "sotw"] as const)("%s ADS over gRPC", (variant) => {
	const setup = setupEach(variant);
	const { expectNext } = setup;
	const isDelta = variant === "delta";
	/** What a response says beside what changed: state-of-the-world tells everything. */
	const unchanged = (...names: string[]) => (isDelta ? [] : names);
	const removed = (...names: string[]) => (isDelta ? names : []);

	/** Connects the client with everything acknowledged. */
	async function settled(registry: Record<string, object>, client = setup.client): Promise<void> {
		setup.serve(registry);
		const ids = Object.keys(registry);
		client.ask("cluster", { node });
		const clusters = await client.next();
		client.ask("endpoints", { add: ids.map((id) => `mcp/${id}`) });
		client.ack(await client.next()).ack(clusters);
		client.ask("listener");
		client.ack(await client.next());
		client.ask("scope");
		client.ack(await client.next());
		const snapshot = setup.server.snapshot!;
		await until(() => setup.stream().sequencer.isInSync(snapshot), "all acknowledged");
	}

	/** Proves that nothing else is under way: a stream answers in the order of what it is asked. */
	async function expectSilence(client = setup.client): Promise<void> {
		client.ask("secret", { add: ["system-roots"] });
		client.ack(await expectNext("secret", ["+system-roots"], client));
	}

	it("takes the node from the first request alone", async () => {
		setup.serve({ a: http(1) });
		setup.client.ask("cluster", { node });
		await setup.client.next();
		setup.client.ask("listener");
		await expectNext("listener", ["+mcp-gateway"]);
		expect(setup.stream().node).toMatchObject(node);
	});

	it("refuses a first request without node.id", async () => {
		setup.client.ask("cluster");
		await until(() => setup.client.error !== undefined, "an error");
		expect(setup.client.error?.code).toBe(status.INVALID_ARGUMENT);
		expect(setup.client.error?.details).toContain("node.id");
	});

	it("refuses a request without type_url", async () => {
		setup.client.send({ node });
		await until(() => setup.client.error !== undefined, "an error");
		expect(setup.client.error?.code).toBe(status.INVALID_ARGUMENT);
		expect(setup.client.error?.details).toContain("type_url");
	});

	it("goes on after a request for a type that it does not know", async () => {
		setup.serve({ a: http(1) });
		setup.client.send({ node, type_url: "type.googleapis.com/no.such.Type" }).ask("cluster");
		await expectNext("cluster", ["+mcp/a"]);
	});

	it("serves nothing before the sources have been read", async () => {
		setup.client.ask("cluster", { node }).ask("listener");
		await until(() => setup.server.streams.size === 1 && setup.stream().node !== undefined, "the request");
		expect(setup.client.received).toEqual([]);
		setup.serve({ a: http(1) });
		await expectNext("cluster", ["+mcp/a"]);
	});

	it("sends nothing again because of an ACK", async () => {
		await settled({ a: http(1) });
		setup.client.ack(setup.client.received[0]!);
		await expectSilence();
	});

	it("does not send a refused version again, tells Envoy's words, and sends the next version", async () => {
		await settled({ a: http(1) });
		setup.serve({ a: http(1, { path: "/bad" }) });
		setup.client.nack(await expectNext("scope", ["+a"]), "no such luck");
		const { refused, acked } = setup.stream().sequencer.types.scope;
		await until(() => refused.size === 1, "the NACK");
		expect(refused.get("a")).toMatchObject({ message: "no such luck", attempts: 1 });
		// State-of-the-world is told what stays in force, in the version before.
		if (!isDelta) setup.client.ack(await expectNext("scope", ["+a"]));
		await expectSilence();
		expect(acked.get("a")).not.toBe(refused.get("a")?.version);
		setup.serve({ a: http(1, { path: "/good" }) });
		setup.client.ack(await expectNext("scope", ["+a"]));
		await until(() => refused.size === 0, "the ACK");
	});

	it("knows a NACK by its error, not by its version", async () => {
		await settled({ a: http(1) });
		setup.serve({ a: http(1, { path: "/bad" }) });
		const answer = await expectNext("scope", ["+a"]);
		setup.client.send({
			type_url: typeUrl.scope,
			response_nonce: answer.nonce,
			version_info: answer.version,
			error_detail: { code: 13, message: "refused all the same" },
		});
		await until(() => setup.stream().sequencer.types.scope.counts.nacks === 1, "the NACK");
		expect(setup.stream().sequencer.types.scope.refused.size).toBe(1);
	});

	it("keeps version and nonce of each type apart", async () => {
		await settled({ a: http(1) });
		setup.serve({ a: http(2) });
		const moved = await expectNext("endpoints", ["+mcp/a"]);
		// The nonce of another type answers nothing.
		setup.client.send({ type_url: typeUrl.listener, response_nonce: moved.nonce });
		await expectSilence();
		expect(setup.stream().sequencer.types.endpoints.outstanding.size).toBe(1);
		setup.client.ack(moved);
		await until(() => setup.stream().sequencer.types.endpoints.outstanding.size === 0, "the ACK");
	});

	it("takes an empty first request for a wildcard, then *, then names, then nothing", async () => {
		const { client } = setup;
		setup.serve({ a: http(1), b: http(2) });
		client.ask("cluster", { node });
		client.ack(await expectNext("cluster", ["+mcp/a", "+mcp/b"]));
		const { subscription } = setup.stream().sequencer.types.cluster;
		client.ask("cluster", { add: ["*"] });
		await expectSilence();
		expect(subscription.wildcard).toBe(true);
		client.ask("cluster", { add: ["mcp/a"], drop: ["*"] });
		if (isDelta) client.ack(await expectNext("cluster", ["+mcp/a"]));
		await until(() => !subscription.wildcard, "the request");
		expect([...subscription.names]).toEqual(["mcp/a"]);
		client.ask("cluster", { drop: ["mcp/a"] });
		await until(() => subscription.names.size === 0, "the request");
		expect(subscription.wildcard).toBe(false);
		setup.serve({ a: http(1, { tls: true }), b: http(2, { tls: true }) });
		client.ask("listener");
		await expectNext("listener", ["+mcp-gateway"]);
	});

	it("sends a newly named resource though its version has not changed", async () => {
		const { client } = setup;
		setup.serve({ a: http(1), b: http(2) });
		client.ask("endpoints", { node, add: ["mcp/a"] });
		client.ack(await expectNext("endpoints", ["+mcp/a"]));
		client.ask("endpoints", { add: ["mcp/b"] });
		client.ack(await expectNext("endpoints", ["+mcp/b"]));
		client.ask("endpoints", { drop: ["mcp/a"] }).ask("endpoints", { add: ["mcp/a"] });
		await expectNext("endpoints", ["+mcp/a"]);
	});

	it("sends what is missing once it exists", async () => {
		const { client } = setup;
		setup.serve({});
		client.ask("endpoints", { node, add: ["mcp/late"] });
		if (isDelta) client.ack(await expectNext("endpoints", ["-mcp/late"]));
		await expectSilence();
		setup.serve({ late: http(1) });
		await expectNext("endpoints", ["+mcp/late"]);
	});

	it("answers a wildcard with nothing where there is nothing, and empties what was there", async () => {
		const { client } = setup;
		setup.serve({});
		client.ask("cluster", { node });
		client.ack(await expectNext("cluster", []));
		setup.serve({ a: http(1) });
		client.ack(await expectNext("cluster", ["+mcp/a"]));
		client.ask("endpoints", { add: ["mcp/a"] });
		client.ack(await expectNext("endpoints", ["+mcp/a"]));
		setup.serve({});
		client.ack(await expectNext("cluster", removed("-mcp/a")));
		await expectSilence();
	});

	it("sends clusters, endpoints, then scopes; and a removal the other way round", async () => {
		const { client } = setup;
		await settled({ a: http(1) });
		setup.serve({ a: http(1), b: http(2) });
		const added = await expectNext("cluster", [...unchanged("+mcp/a"), "+mcp/b"]);
		client.ask("endpoints", { add: ["mcp/b"] });
		client.ack(await expectNext("endpoints", ["+mcp/b"]));
		await expectSilence();
		client.ack(added);
		client.ack(await expectNext("scope", [...unchanged("+a"), "+b"]));
		setup.serve({ b: http(2) });
		client.ack(await expectNext("scope", [...unchanged("+b"), ...removed("-a")]));
		client.ack(await expectNext("cluster", [...unchanged("+mcp/b"), ...removed("-mcp/a")]));
	});

	it("sends endpoints after every change of their cluster, though theirs did not change", async () => {
		await settled({ a: http(1) });
		const before = setup.server.snapshot!.resources.endpoints.get("mcp/a")!.version;
		setup.serve({ a: http(1, { tls: true }) });
		await expectNext("cluster", ["+mcp/a"]);
		await expectNext("endpoints", ["+mcp/a"]);
		expect(setup.server.snapshot!.resources.endpoints.get("mcp/a")!.version).toBe(before);
	});

	it("holds a scope back until its cluster's ACK, or for a second", async () => {
		const { client } = setup;
		await settled({ a: http(1) });
		const startedAt = performance.now();
		setup.serve({ a: http(1), slow: http(2) });
		await expectNext("cluster", [...unchanged("+mcp/a"), "+mcp/slow"]);
		await expectNext("scope", [...unchanged("+a"), "+slow"]);
		expect(performance.now() - startedAt).toBeGreaterThan(gateMs * 0.9);
		expect(client.received.filter(({ type }) => type === "cluster")).toHaveLength(2);
	});

	it("lets a scope through whose cluster was refused, and its neighbours", async () => {
		const { client } = setup;
		await settled({ a: http(1) });
		setup.serve({ a: http(1), bad: http(2), good: http(3) });
		const clusters = await expectNext("cluster", [...unchanged("+mcp/a"), "+mcp/bad", "+mcp/good"]);
		client.nack(clusters, "Error adding/updating cluster(s) mcp/bad: no such thing");
		// What was refused is left out; what Envoy took is in force.
		if (!isDelta) client.ack(await expectNext("cluster", ["+mcp/a", "+mcp/good"]));
		client.ack(await expectNext("scope", [...unchanged("+a"), "+bad", "+good"]));
		expect([...setup.stream().sequencer.types.cluster.refused.keys()]).toEqual(["mcp/bad"]);
	});

	it("finds by bisection the scope that Envoy refuses without a name", async () => {
		const { client } = setup;
		await settled({ a: http(1) });
		const ids = Array.from({ length: 9 }, (_, index) => `s${index}`);
		setup.serve({ a: http(1), ...Object.fromEntries(ids.map((id) => [id, http(1)])) });
		client.ack(await client.next());
		const { scope } = setup.stream().sequencer.types;
		for (let round = 0; scope.acked.size < 9 || scope.refused.size < 1; round += 1) {
			expect(round).toBeLessThan(20);
			const answer = await client.next();
			if (answer.names.includes("+s6")) client.nack(answer, "missing ]: [");
			else client.ack(answer);
			await until(() => !scope.outstanding.has(answer.nonce), "its answer");
		}
		expect([...scope.refused.keys()]).toEqual(["s6"]);
	});

	it("keeps what two Envoys acknowledge and refuse apart", async () => {
		await settled({ a: http(1) });
		const second = setup.connect();
		second.ask("cluster", { node: { ...node, id: "envoy-2" } });
		second.ack(await expectNext("cluster", ["+mcp/a"], second));
		setup.serve({ a: http(1, { tls: true }) });
		setup.client.nack(await expectNext("cluster", ["+mcp/a"]), "Error adding/updating cluster(s) mcp/a: not here");
		second.ack(await expectNext("cluster", ["+mcp/a"], second));
		const version = setup.server.snapshot!.resources.cluster.get("mcp/a")!.version;
		const of = (id: string) => [...setup.server.streams].find((stream) => stream.node?.id === id)!.sequencer;
		await until(() => of("envoy-1").types.cluster.refused.size === 1, "the NACK");
		await until(() => of("envoy-2").types.cluster.acked.get("mcp/a") === version, "the ACK");
		expect(of("envoy-1").types.cluster.acked.get("mcp/a")).not.toBe(version);
		expect(of("envoy-2").types.cluster.refused.size).toBe(0);
	});

	it("sends nothing on a reconnect to an Envoy that has everything", async () => {
		await settled({ a: http(1), b: http(2) });
		const second = setup.connect();
		const versions = (type: "cluster" | "endpoints" | "scope" | "listener") =>
			Object.fromEntries([...setup.server.snapshot!.resources[type].values()].map((r) => [r.name, r.version]));
		const last = (type: string) => setup.client.received.findLast((answer) => answer.type === type)!.version;
		const add = ["mcp/a", "mcp/b"];
		second.ask("cluster", { node, have: versions("cluster"), version: last("cluster") });
		second.ask("endpoints", { add, have: versions("endpoints"), version: last("endpoints") });
		second.ask("listener", { have: versions("listener"), version: last("listener") });
		second.ask("scope", { have: versions("scope"), version: last("scope") });
		await expectSilence(second);
		const { sequencer } = [...setup.server.streams][1]!;
		await until(() => sequencer.isInSync(setup.server.snapshot!), "everything to be known");
		expect(sequencer.isServing()).toBe(true);
		setup.serve({ a: http(1) });
		await expectNext("scope", [...unchanged("+a"), ...removed("-b")], second);
	});

	it("gives a client that does not read the latest only, and queues nothing meanwhile", async () => {
		setup.client.close();
		await until(() => setup.server.streams.size === 0, "the end of the client that reads");
		const client = setup.connect({ raw: true });
		await settled({ a: http(1) }, client);
		const stream = setup.stream();
		// More than the connection's buffers hold, so that the first response is stuck.
		const large = (change: number) =>
			createSnapshot(100 + change, [
				[
					encodeResource({
						type: "scope",
						name: "large",
						message: { name: "large", route_configuration_name: "x".repeat(2 ** 21 + change) },
					}),
				],
			]);
		client.pause();
		setup.server.setSnapshot(large(0));
		const before = stream.sent.pushes;
		for (let change = 1; change <= 10; change += 1) setup.server.setSnapshot(large(change));
		// Past the time after which a client that only fails to acknowledge would be sent the next response.
		vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 10 * gateMs });
		setup.server.setSnapshot(large(11));
		vi.useRealTimers();
		expect(stream.sent.pushes).toBe(before);
		client.resume();
		const version = setup.server.snapshot!.resources.scope.get("large")!.version;
		const { acked } = stream.sequencer.types.scope;
		let taken = 0;
		const isThere = () => {
			for (; taken < client.received.length; taken += 1) client.ack(client.received[taken]!);
			return acked.get("large") === version;
		};
		await until(isThere, "the latest scopes", 20_000);
		expect(stream.sent.pushes - before).toBeLessThan(8);
	});

	it("releases what a stream holds when it ends", async () => {
		await settled({ a: http(1) });
		const others = Array.from({ length: 10 }, () => setup.connect().ask("cluster", { node }));
		await until(() => setup.server.streams.size === 11, "the streams");
		for (const other of others) other.close();
		await until(() => setup.server.streams.size === 1, "their ends");
		setup.client.close();
		await until(() => setup.server.streams.size === 0, "the last end");
	});
});
