import { describe, expect, it } from "vitest";
import { typeUrl } from "../../../control-plane/xds/names.ts";
import { until } from "./client.ts";
import { http, node, setupEach } from "./setup.ts";

/** What holds for delta alone. */
describe("delta ADS over gRPC", () => {
	const setup = setupEach("delta");
	const { expectNext } = setup;

	it("counts a subscription whatever nonce the request carries", async () => {
		setup.serve({ a: http(1), b: http(2) });
		setup.client.ask("endpoints", { node, add: ["mcp/a"] });
		await expectNext("endpoints", ["+mcp/a"]);
		setup.client.ask("endpoints", { add: ["mcp/b"], nonce: "stale" });
		const { outstanding, acked } = setup.stream().sequencer.types.endpoints;
		setup.client.ack(setup.client.received[0]!);
		await expectNext("endpoints", ["+mcp/b"]);
		await until(() => acked.size === 1, "the ACK");
		expect(outstanding.size).toBe(1);
	});

	it("tells of a missing resource once, as removed", async () => {
		setup.serve({});
		setup.client.ask("endpoints", { node, add: ["mcp/late"] });
		setup.client.ack(await expectNext("endpoints", ["-mcp/late"]));
		setup.serve({ other: http(1) });
		setup.client.ask("endpoints", { add: ["mcp/other"] });
		await expectNext("endpoints", ["+mcp/other"]);
	});

	it("sends only what changed, a removal once, and what comes back", async () => {
		const { client } = setup;
		setup.serve({ a: http(1), b: http(2) });
		client.ask("scope", { node });
		client.ack(await expectNext("scope", ["+a", "+b"]));
		setup.serve({ a: http(1), b: http(2, { path: "/x" }) });
		client.ack(await expectNext("scope", ["+b"]));
		setup.serve({ a: http(1) });
		client.ack(await expectNext("scope", ["-b"]));
		setup.serve({ a: http(1), c: http(3) });
		client.ack(await expectNext("scope", ["+c"]));
		setup.serve({ a: http(1), b: http(2), c: http(3) });
		await expectNext("scope", ["+b"]);
	});

	it("sends a resource again that is asked for again", async () => {
		setup.serve({ a: http(1) });
		setup.client.ask("endpoints", { node, add: ["mcp/a"] });
		setup.client.ack(await expectNext("endpoints", ["+mcp/a"]));
		setup.client.ask("endpoints", { add: ["mcp/a"] });
		await expectNext("endpoints", ["+mcp/a"]);
	});

	it("ignores that a name is given up which was never asked for", async () => {
		setup.serve({ a: http(1) });
		setup.client.ask("cluster", { node });
		setup.client.ack(await expectNext("cluster", ["+mcp/a"]));
		setup.client.ask("cluster", { drop: ["mcp/a", "mcp/never"] });
		setup.client.ask("listener");
		await expectNext("listener", ["+mcp-gateway"]);
	});

	it("answers for a name that is given up while a wildcard goes on", async () => {
		setup.serve({ a: http(1) });
		setup.client.ask("cluster", { node, add: ["*", "mcp/a", "mcp/gone"] });
		setup.client.ack(await expectNext("cluster", ["+mcp/a", "-mcp/gone"]));
		setup.client.ask("cluster", { drop: ["mcp/a", "mcp/gone"] });
		await expectNext("cluster", ["+mcp/a", "-mcp/gone"]);
	});

	it("sends the difference on a reconnect, scopes before the clusters they give up", async () => {
		const { client } = setup;
		setup.serve({ a: http(1), b: http(2) });
		const { cluster, scope } = setup.server.snapshot!.resources;
		client.ask("cluster", { node, have: { "mcp/a": cluster.get("mcp/a")!.version, "mcp/gone": "1" } });
		client.ack(await expectNext("cluster", ["+mcp/b"]));
		client.ask("scope", { have: { a: scope.get("a")!.version, gone: "1" } });
		client.ack(await expectNext("scope", ["+b", "-gone"]));
		await expectNext("cluster", ["-mcp/gone"]);
	});

	it("carries secrets in SDS and nowhere else", async () => {
		// biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of the registry
		setup.serve({ a: { ...http(1), headers: { Authorization: "Bearer ${TOKEN}" } } });
		setup.client
			.ask("cluster", { node })
			.ask("scope")
			.ask("listener")
			.ask("endpoints", { add: ["mcp/a"] })
			.ask("secret", { add: ["header/a/authorization"] });
		await until(() => setup.client.received.length >= 4, "the first responses");
		for (const { type, bytes } of setup.client.received) {
			const holds = bytes.some((value) => value.includes("feature-secret"));
			expect([type, holds]).toEqual([type, type === "secret"]);
		}
		expect(setup.client.received.map(({ type }) => typeUrl[type])).toContain(typeUrl.secret);
	});
});

describe("delta ADS with a maximum connection age", () => {
	const setup = setupEach("delta", { maxConnectionAgeMs: 100 });

	it("ends a connection that has reached its age, and takes the Envoy back", async () => {
		setup.serve({ a: http(1) });
		setup.client.ask("cluster", { node });
		await setup.client.next();
		await until(() => setup.client.error !== undefined, "the end of the connection");
		await until(() => setup.server.streams.size === 0, "the release of its stream");
		const again = setup.connect();
		again.ask("cluster", { node });
		await setup.expectNext("cluster", ["+mcp/a"], again);
	});
});
