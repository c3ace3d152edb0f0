import { describe, expect, it } from "vitest";
import { until } from "./client.ts";
import { http, node, setupEach } from "./setup.ts";

/** What holds for state-of-the-world alone. */
describe("state-of-the-world ADS over gRPC", () => {
	const setup = setupEach("sotw");
	const { expectNext } = setup;

	it("ignores a request with a stale nonce, its names included", async () => {
		setup.serve({ a: http(1), b: http(2) });
		setup.client.ask("endpoints", { node, add: ["mcp/a"] });
		const first = await expectNext("endpoints", ["+mcp/a"]);
		setup.client.ask("endpoints", { add: ["mcp/b"], nonce: "stale" });
		setup.client.ask("listener");
		await expectNext("listener", ["+mcp-gateway"]);
		const { subscription } = setup.stream().sequencer.types.endpoints;
		expect([...subscription.names]).toEqual(["mcp/a"]);
		setup.client.ack(first);
		await expectNext("endpoints", ["+mcp/b"]);
	});

	it("says nothing of a missing resource until it exists", async () => {
		setup.serve({});
		setup.client.ask("endpoints", { node, add: ["mcp/late"] });
		setup.client.ask("listener");
		await expectNext("listener", ["+mcp-gateway"]);
		setup.serve({ late: http(1) });
		await expectNext("endpoints", ["+mcp/late"]);
	});

	it("carries all clusters, listeners and scopes in every response of theirs", async () => {
		const { client } = setup;
		setup.serve({ a: http(1), b: http(2) });
		client.ask("cluster", { node });
		client.ack(await expectNext("cluster", ["+mcp/a", "+mcp/b"]));
		client.ask("scope");
		client.ack(await expectNext("scope", ["+a", "+b"]));
		setup.serve({ a: http(1), b: http(2, { path: "/x" }) });
		client.ack(await expectNext("scope", ["+a", "+b"]));
		setup.serve({ a: http(1), b: http(2, { path: "/x", tls: true }) });
		client.ack(await expectNext("cluster", ["+mcp/a", "+mcp/b"]));
	});

	it("deletes all clusters with an empty response, and never empties endpoints", async () => {
		const { client } = setup;
		setup.serve({ a: http(1) });
		client.ask("cluster", { node });
		client.ack(await expectNext("cluster", ["+mcp/a"]));
		client.ask("endpoints", { add: ["mcp/a"] });
		client.ack(await expectNext("endpoints", ["+mcp/a"]));
		setup.serve({});
		client.ack(await expectNext("cluster", []));
		client.ask("endpoints", { drop: ["mcp/a"] });
		client.ask("listener");
		await expectNext("listener", ["+mcp-gateway"]);
	});

	it("leaves a refused cluster at its last good version, and the version it tells is what Envoy holds", async () => {
		const { client } = setup;
		setup.serve({ a: http(1), b: http(2) });
		client.ask("cluster", { node });
		const good = await expectNext("cluster", ["+mcp/a", "+mcp/b"]);
		client.ack(good);
		setup.serve({ a: http(1, { tls: true }), b: http(2) });
		client.nack(await expectNext("cluster", ["+mcp/a", "+mcp/b"]), "Error adding/updating cluster(s) mcp/a: no");
		const restated = await expectNext("cluster", ["+mcp/a", "+mcp/b"]);
		expect(restated.version).toBe(good.version);
		expect(restated.bytes.map(String).sort()).toEqual(good.bytes.map(String).sort());
	});

	it("does not tell an Envoy that has refused everything that there is nothing", async () => {
		setup.serve({ a: http(1) });
		setup.client.ask("listener", { node });
		setup.client.nack(await expectNext("listener", ["+mcp-gateway"]), "cannot bind: Address already in use");
		setup.client.ask("cluster");
		await expectNext("cluster", ["+mcp/a"]);
	});

	it("sends everything to an Envoy that brings another version", async () => {
		const { client } = setup;
		setup.serve({ a: http(1), b: http(2) });
		client.ask("cluster", { node, version: "older" });
		client.ack(await expectNext("cluster", ["+mcp/a", "+mcp/b"]));
		client.ask("endpoints", { add: ["mcp/a", "mcp/b"], version: "older" });
		client.ack(await expectNext("endpoints", ["+mcp/a", "+mcp/b"]));
		client.ask("scope", { version: "older" });
		await expectNext("scope", ["+a", "+b"]);
		expect(setup.stream().sequencer.types.scope.taken).toBe(true);
	});

	it("takes the last ACK for all responses before it", async () => {
		setup.serve({ a: http(1) });
		setup.client.ask("cluster", { node });
		await expectNext("cluster", ["+mcp/a"]);
		setup.serve({ a: http(1), b: http(2) });
		// Envoy withholds the first ACK; after the gate's deadline the next response is sent all the same.
		const second = await expectNext("cluster", ["+mcp/a", "+mcp/b"]);
		setup.client.ack(second);
		const { acked, outstanding } = setup.stream().sequencer.types.cluster;
		await until(() => acked.size === 2, "the ACK");
		expect(outstanding.size).toBe(0);
	});
});
