import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type EncodedResource, encodeResource } from "../../../control-plane/snapshot/snapshot.ts";
import type { Message } from "../../../control-plane/xds/message.ts";
import { eventually } from "../../support/gateway.ts";
import { type Recorder, startRecorder } from "../../support/upstreams.ts";
import { send } from "../data-plane/client.ts";
import { answers, type Plane, startPlane } from "./envoy.ts";

let plane: Plane;
let upstream: Recorder;

beforeEach(async () => {
	upstream = await startRecorder({ reply: ({ target }) => ({ body: target }) });
	plane = await startPlane();
});
afterEach(async () => {
	await plane?.close();
	await upstream?.close();
});

const at = (path: string) => ({ type: "http", endpoint: `${upstream.url}${path}` });

/** A scope that Envoy refuses, naming nothing: its pattern is no regular expression. */
function badScope(id: string): EncodedResource {
	const match: Message = { safe_regex: { regex: "[" } };
	return encodeResource({
		type: "scope",
		name: id,
		message: {
			name: id,
			key: { fragments: [{ string_key: id }] },
			route_configuration: {
				name: id,
				virtual_hosts: [{ name: id, domains: ["*"], routes: [{ match, direct_response: { status: 200 } }] }],
			},
		},
	});
}

/** A cluster that Envoy refuses: a policy that needs its configuration, and has none. */
function badCluster(name: string): EncodedResource {
	return encodeResource({ type: "cluster", name, message: { name, type: "EDS", lb_policy: "RING_HASH" } });
}

describe.each(["delta", "sotw"] as const)("%s with a real Envoy", (variant) => {
	test("serves what is added and changed, and no longer what is removed", async () => {
		plane.serve({ a: at("/a") });
		await plane.addEnvoy("one", variant);
		await answers(plane.url, "/a", 200);
		plane.serve({ a: at("/a"), b: at("/b") });
		await answers(plane.url, "/b", 200);
		plane.serve({ a: at("/changed"), b: at("/b") });
		await eventually("the changed path", async () => (await send(plane.url, "/a")).text === "/changed");
		plane.serve({ a: at("/changed") });
		await answers(plane.url, "/b", 404);
		const { sequencer } = plane.streamOf("one");
		await eventually("all acknowledged", () => sequencer.isInSync(plane.server.snapshot!));
		expect([...sequencer.types.cluster.acked.keys()]).toEqual(["mcp/a"]);
		expect(Object.values(sequencer.types).reduce((sum, { counts }) => sum + counts.nacks, 0)).toBe(0);
	});

	test("a scope that Envoy refuses without naming it is found, and its neighbours are served", async () => {
		plane.serve({ a: at("/a") });
		await plane.addEnvoy("one", variant);
		await answers(plane.url, "/a", 200);
		const ids = Array.from({ length: 30 }, (_, index) => `s${index}`);
		const many = Object.fromEntries(ids.map((id) => [id, at(`/${id}`)]));
		const { scope, cluster } = plane.streamOf("one").sequencer.types;
		plane.serve({ a: at("/a"), ...many }, [badScope("s17")]);
		await eventually("the clusters are warm", () => cluster.acked.size === 31 && cluster.outstanding.size === 0);
		const responses = scope.counts.acks + scope.counts.nacks;
		await eventually("the neighbours are acknowledged", () => scope.acked.size === 30 && scope.refused.size === 1);
		// Each halving costs a refused and a good response: a few milliseconds each.
		expect(scope.counts.acks + scope.counts.nacks - responses).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(31)) + 2);
		for (const id of ["a", "s0", "s16", "s18", "s29"]) await answers(plane.url, `/${id}`, 200);
		await answers(plane.url, "/s17", 404);
		expect(scope.refused.get("s17")?.message).toContain("missing ]");
		plane.serve({ a: at("/a"), ...many });
		await answers(plane.url, "/s17", 200);
		expect(scope.refused.size).toBe(0);
	});

	test("a refused change leaves the version before in force", async () => {
		plane.serve({ a: at("/a"), b: at("/b") });
		await plane.addEnvoy("one", variant);
		await answers(plane.url, "/a", 200);
		const { scope, cluster } = plane.streamOf("one").sequencer.types;
		plane.serve({ a: at("/a"), b: at("/changed") }, [badScope("a"), badCluster("mcp/a")]);
		await eventually("both are refused", () => scope.refused.has("a") && cluster.refused.has("mcp/a"));
		await eventually("the neighbour's change", async () => (await send(plane.url, "/b")).text === "/changed");
		await answers(plane.url, "/a", 200);
		expect(cluster.refused.get("mcp/a")?.message).toContain("mcp/a");
		expect([...cluster.refused.keys()]).toEqual(["mcp/a"]);
		expect([...scope.refused.keys()]).toEqual(["a"]);
	});

	test("goes on without its control plane, and is sent nothing that it has when one is back", async () => {
		const ids = Array.from({ length: 20 }, (_, index) => `s${index}`);
		const many = Object.fromEntries(ids.map((id) => [id, at(`/${id}`)]));
		plane.serve(many);
		await plane.addEnvoy("one", variant);
		await answers(plane.url, "/s19", 200);
		await eventually("all acknowledged", () => plane.streamOf("one").sequencer.isInSync(plane.server.snapshot!));
		await plane.restartServer();
		await answers(plane.url, "/s0", 200);
		await eventually("it is back, and known to have all", () => {
			const [stream] = plane.server.streams;
			return stream?.sequencer.isInSync(plane.server.snapshot!) === true && stream.sequencer.isServing();
		});
		await eventually("it has asked for all types", () =>
			Object.entries(plane.streamOf("one").sequencer.types).every(
				([type, state]) => type === "extension" || type === "secret" || state.subscription.active,
			),
		);
		expect(plane.streamOf("one").sent).toEqual({ pushes: 0, resources: 0, bytes: 0 });
		plane.serve({ ...many, added: at("/added") });
		await answers(plane.url, "/added", 200);
		expect(plane.streamOf("one").sent.resources).toBe(3);
	});
});

test("two Envoys of either variant are served from one snapshot, each with its own acknowledged state", async () => {
	plane.serve({ a: at("/a") });
	await plane.addEnvoy("one", "delta");
	await plane.addEnvoy("two", "sotw");
	await eventually(
		"both have all",
		() =>
			[...plane.server.streams].length === 2 &&
			[...plane.server.streams].every(
				({ sequencer }) => sequencer.isServing() && sequencer.isInSync(plane.server.snapshot!),
			),
	);
	plane.serve({ a: at("/a"), b: at("/b") }, [badScope("b")]);
	const refusing = (id: string) => plane.streamOf(id).sequencer.types.scope.refused;
	await eventually("both refuse it", () => refusing("one").has("b") && refusing("two").has("b"));
	expect(plane.streamOf("one").sequencer.types.scope.acked).not.toBe(plane.streamOf("two").sequencer.types.scope.acked);
	await answers(plane.url, "/a", 200);
});

test("an Envoy that connects before the sources have been read is served nothing, not an empty world", async () => {
	const envoy = await plane.addEnvoy("one", "delta");
	await eventually("it asks", () => plane.server.streams.size === 1 && plane.streamOf("one").node !== undefined);
	await expect(send(plane.url, "/a")).rejects.toThrow("ECONNREFUSED");
	expect(plane.streamOf("one").sent.pushes).toBe(0);
	plane.serve({ a: at("/a") });
	await answers(plane.url, "/a", 200);
	expect(envoy.output()).not.toContain("critical");
});
