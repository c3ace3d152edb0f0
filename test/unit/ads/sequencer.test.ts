import { describe, expect, it } from "vitest";
import { gateMs, type Push, Sequencer } from "../../../control-plane/ads/sequencer.ts";
import type { Snapshot } from "../../../control-plane/snapshot/snapshot.ts";
import type { ResourceType } from "../../../control-plane/xds/names.ts";
import { resource, server, snapshotOf } from "./resources.ts";

/** An Envoy that asks for all and acknowledges on demand. */
class Client {
	readonly sequencer = new Sequencer("delta");
	now = 1000;
	pushed: Push[] = [];

	subscribe(type: ResourceType, add: string[] = [], initial: Record<string, string> = {}): this {
		this.sequencer.types[type].subscribe(add, [], initial);
		return this;
	}

	step(snapshot: Snapshot): string[] {
		const { pushes } = this.sequencer.next(snapshot, this.now);
		this.pushed.push(...pushes);
		// As Envoy does: a cluster that it gets makes it ask for the cluster's endpoints.
		for (const push of pushes.filter(({ type }) => type === "cluster")) {
			this.sequencer.types.endpoints.subscribe(
				push.upsert
					.map(({ name }) => name)
					.filter((name) => !this.sequencer.types.endpoints.subscription.names.has(name)),
				push.remove,
				{},
			);
		}
		return pushes.map(describePush);
	}

	ack(type: ResourceType): void {
		for (const nonce of [...this.sequencer.types[type].outstanding.keys()])
			this.sequencer.types[type].ack(nonce, this.now);
	}

	nack(type: ResourceType, message: string): void {
		const [nonce] = this.sequencer.types[type].outstanding.keys();
		this.sequencer.types[type].nack(nonce ?? "", message, this.now);
	}

	/** Until nothing moves any more, acknowledging everything. */
	settle(snapshot: Snapshot): string[] {
		const seen: string[] = [];
		for (let round = 0; round < 20; round += 1) {
			for (const type of ["cluster", "endpoints", "secret", "scope", "listener"] as const) this.ack(type);
			const pushes = this.step(snapshot);
			if (pushes.length === 0) return seen;
			seen.push(...pushes);
		}
		throw new Error(`does not settle: ${seen.join("; ")}`);
	}
}

function describePush({ type, upsert, remove }: Push): string {
	return [type, ...upsert.map(({ name }) => `+${name}`), ...remove.map((name) => `-${name}`)].join(" ");
}

function connected(): Client {
	return new Client().subscribe("cluster").subscribe("scope").subscribe("listener");
}

describe("Sequencer", () => {
	it("sends a scope only after the ACK of its cluster", () => {
		const client = connected();
		const snapshot = snapshotOf(server("a"));
		expect(client.step(snapshot)).toEqual(["cluster +mcp/a", "listener +mcp-gateway"]);
		expect(client.step(snapshot)).toEqual(["endpoints +mcp/a"]);
		expect(client.step(snapshot)).toEqual([]);
		client.ack("cluster");
		expect(client.step(snapshot)).toEqual(["scope +a"]);
	});

	it("sends the scope all the same once the deadline has passed", () => {
		const client = connected();
		const snapshot = snapshotOf(server("a"));
		client.step(snapshot);
		client.step(snapshot);
		expect(client.sequencer.next(snapshot, client.now).wakeAt).toBe(client.now + gateMs);
		client.now += gateMs;
		expect(client.step(snapshot)).toEqual(["scope +a"]);
	});

	it("does not hold up a second cluster for good behind one whose ACK is withheld", () => {
		const client = connected();
		client.settle(snapshotOf(server("a")));
		client.step(snapshotOf(server("a"), server("slow")));
		const snapshot = snapshotOf(server("a"), server("slow"), server("b"));
		expect(client.step(snapshot)).not.toContain("cluster +mcp/b");
		client.now += gateMs;
		expect(client.step(snapshot)).toContain("cluster +mcp/b");
	});

	it("waits with the very first scopes for all clusters", () => {
		const client = connected();
		const snapshot = snapshotOf(server("a"), [resource("scope", "no-cluster")]);
		client.step(snapshot);
		expect(client.step(snapshot)).toEqual(["endpoints +mcp/a"]);
		client.ack("cluster");
		expect(client.step(snapshot)).toEqual(["scope +a +no-cluster"]);
	});

	it("removes the scope first, and the cluster after the ACK", () => {
		const client = connected();
		client.settle(snapshotOf(server("a"), server("b")));
		const snapshot = snapshotOf(server("a"));
		expect(client.step(snapshot)).toEqual(["scope -b"]);
		expect(client.step(snapshot)).toEqual([]);
		client.ack("scope");
		expect(client.step(snapshot)).toEqual(["cluster -mcp/b"]);
	});

	it("keeps the cluster when the server comes back before the removal is through", () => {
		const client = connected();
		client.settle(snapshotOf(server("a"), server("b")));
		client.step(snapshotOf(server("a")));
		const again = snapshotOf(server("a"), server("b"));
		expect(client.settle(again)).not.toContain("cluster -mcp/b");
		expect(client.sequencer.isInSync(again)).toBe(true);
	});

	describe("of a server that nothing is known of yet", () => {
		const unknown = (): Snapshot =>
			snapshotOf(server("a"), [{ ...resource("scope", "b", "503"), provisional: true as const }]);

		it("neither changes nor removes what Envoy has, and is in sync without", () => {
			const client = connected();
			client.settle(snapshotOf(server("a"), server("b")));
			client.now += gateMs;
			expect(client.settle(unknown())).toEqual([]);
			expect(client.sequencer.isInSync(unknown())).toBe(true);
			const other = snapshotOf(server("a"), server("b", { scope: "2" }));
			expect(client.settle(other)).toEqual(["scope +b"]);
		});

		it("leaves an Envoy that reconnects what it brings, though its scopes are not known for long", () => {
			const client = new Client().subscribe("cluster", [], { "mcp/a": "1", "mcp/b": "1", "mcp/gone": "1" });
			client.step(unknown());
			client.now += gateMs;
			expect(client.step(unknown())).toEqual(["cluster -mcp/gone"]);
			client.subscribe("scope", [], { a: "1", b: "1" }).subscribe("listener", [], { "mcp-gateway": "1" });
			expect(client.settle(unknown())).toEqual([]);
		});

		it("sends what stands in for it to an Envoy that has nothing of it, and all once it is known to be gone", () => {
			const client = connected();
			client.settle(snapshotOf(server("a")));
			expect(client.settle(unknown())).toEqual(["scope +b"]);
			const known = snapshotOf(server("a"), [resource("scope", "b", "503")]);
			expect(client.settle(known)).toEqual([]);
			const had = connected();
			had.settle(snapshotOf(server("a"), server("b")));
			had.settle(unknown());
			expect(had.settle(known)).toEqual(["scope +b", "cluster -mcp/b"]);
		});
	});

	it("waits with a scope that comes back while the removal of its cluster is under way", () => {
		const client = connected();
		client.settle(snapshotOf(server("a"), server("b")));
		client.step(snapshotOf(server("a")));
		client.ack("scope");
		expect(client.step(snapshotOf(server("a")))).toEqual(["cluster -mcp/b"]);
		const again = snapshotOf(server("a"), server("b"));
		expect(client.step(again)).toEqual([]);
		client.ack("cluster");
		expect(client.step(again)).toEqual(["cluster +mcp/b"]);
		expect(client.step(again)).toEqual(["endpoints +mcp/b"]);
		client.ack("cluster");
		expect(client.step(again)).toEqual(["scope +b"]);
	});

	it("sends endpoints after every change of their cluster, though theirs did not change", () => {
		const client = connected();
		client.settle(snapshotOf(server("a")));
		const snapshot = snapshotOf(server("a", { cluster: "2" }));
		expect(client.step(snapshot)).toEqual(["cluster +mcp/a", "endpoints +mcp/a"]);
	});

	it("sends nothing when nothing changed, and only what changed otherwise", () => {
		const client = connected();
		client.settle(snapshotOf(server("a"), server("b")));
		expect(client.step(snapshotOf(server("a"), server("b")))).toEqual([]);
		expect(client.step(snapshotOf(server("a"), server("b", { scope: "2" })))).toEqual(["scope +b"]);
		client.ack("scope");
		expect(client.step(snapshotOf(server("a"), server("b", { scope: "2", endpoints: "2" })))).toEqual([
			"endpoints +mcp/b",
		]);
	});

	it("coalesces what happens while an ACK is due", () => {
		const client = connected();
		client.settle(snapshotOf(server("a")));
		client.step(snapshotOf(server("a", { scope: "2" })));
		expect(client.step(snapshotOf(server("a", { scope: "3" })))).toEqual([]);
		const last = snapshotOf(server("a", { scope: "4" }));
		client.ack("scope");
		expect(client.step(last)).toEqual(["scope +a"]);
		expect(client.sequencer.types.scope.sent.get("a")).toBe("4");
	});

	it("answers a wildcard subscription with nothing where there is nothing", () => {
		const client = connected();
		expect(client.step(snapshotOf())).toEqual(["cluster", "scope", "listener +mcp-gateway"]);
		expect(client.settle(snapshotOf())).toEqual([]);
	});

	it("sends nothing on a reconnect to an Envoy that has everything", () => {
		const client = new Client()
			.subscribe("cluster", [], { "mcp/a": "1" })
			.subscribe("endpoints", ["mcp/a"], { "mcp/a": "1" })
			.subscribe("scope", ["*"], { a: "1" })
			.subscribe("listener", [], { "mcp-gateway": "1" });
		expect(client.step(snapshotOf(server("a")))).toEqual([]);
		expect(client.sequencer.isInSync(snapshotOf(server("a")))).toBe(true);
	});

	it("sends endpoints again with their changed cluster on a reconnect, though Envoy brings them along", () => {
		const client = new Client().subscribe("cluster", [], { "mcp/a": "1" });
		const snapshot = snapshotOf(server("a", { cluster: "2" }));
		expect(client.sequencer.next(snapshot, client.now).pushes.map(describePush)).toEqual(["cluster +mcp/a"]);
		client.subscribe("endpoints", ["mcp/a"], { "mcp/a": "1" });
		expect(client.step(snapshot)).toEqual(["endpoints +mcp/a"]);
	});

	it("forgets a refusal once the refused version is not wanted any more", () => {
		const client = connected();
		client.settle(snapshotOf(server("a")));
		const bad = snapshotOf(server("a", { scope: "2" }));
		client.step(bad);
		client.nack("scope", "no");
		client.settle(bad);
		expect(client.sequencer.types.scope.refused.size).toBe(1);
		client.settle(snapshotOf(server("a")));
		expect(client.sequencer.types.scope.refused.size).toBe(0);
	});

	it("stays serving while a change is under way", () => {
		const client = connected();
		client.settle(snapshotOf(server("a")));
		expect(client.sequencer.isServing()).toBe(true);
		client.step(snapshotOf(server("a", { scope: "2" })));
		expect(client.sequencer.isServing()).toBe(true);
	});

	it("does not blame a cluster for one whose name begins alike", () => {
		const client = connected();
		client.step(snapshotOf(server("a"), server("a.b"), server("ab")));
		client.nack("cluster", "Error adding/updating cluster(s) mcp/a.b: bad");
		expect([...client.sequencer.types.cluster.refused.keys()]).toEqual(["mcp/a.b"]);
	});

	it("sends the difference on a reconnect", () => {
		const client = new Client()
			.subscribe("cluster", [], { "mcp/a": "1", "mcp/gone": "1" })
			.subscribe("scope", ["*"], { a: "0", gone: "1" })
			.subscribe("listener", [], { "mcp-gateway": "1" });
		expect(client.step(snapshotOf(server("a")))).toEqual(["scope +a -gone"]);
		client.ack("scope");
		expect(client.step(snapshotOf(server("a")))).toEqual(["cluster -mcp/gone"]);
	});

	it("sends a resource again when it is asked for again", () => {
		const client = connected();
		client.settle(snapshotOf(server("a")));
		client.subscribe("endpoints", ["mcp/a"]);
		expect(client.step(snapshotOf(server("a")))).toEqual(["endpoints +mcp/a"]);
	});

	it("tells once that a resource asked for does not exist, and sends it when it does", () => {
		const client = new Client().subscribe("secret", ["header/a/authorization"]);
		expect(client.settle(snapshotOf())).toEqual(["secret -header/a/authorization"]);
		expect(client.settle(snapshotOf([resource("secret", "header/a/authorization")]))).toEqual([
			"secret +header/a/authorization",
		]);
	});

	it("ignores a stale nonce", () => {
		const client = connected();
		client.step(snapshotOf(server("a")));
		expect(client.sequencer.types.cluster.ack("0.999", client.now)).toBe(false);
		expect(client.sequencer.types.cluster.acked.size).toBe(0);
	});

	it("quarantines the cluster that a NACK names, and keeps its neighbours", () => {
		const client = connected();
		const snapshot = snapshotOf(server("a"), server("bad"), server("b"));
		client.step(snapshot);
		client.nack("cluster", "Error adding/updating cluster(s) mcp/bad: no such thing");
		expect([...client.sequencer.types.cluster.acked.keys()]).toEqual(["mcp/a", "mcp/b"]);
		client.settle(snapshot);
		expect([...client.sequencer.types.cluster.refused.keys()]).toEqual(["mcp/bad"]);
		const mended = snapshotOf(server("a"), server("bad", { cluster: "2" }), server("b"));
		expect(client.settle(mended)).toContain("cluster +mcp/bad");
		expect(client.sequencer.types.cluster.refused.size).toBe(0);
	});

	it("finds by bisection the scope that Envoy refuses without a name", () => {
		const client = connected();
		client.settle(snapshotOf());
		const ids = Array.from({ length: 16 }, (_, index) => `s${index}`);
		const snapshot = snapshotOf(...ids.map((id) => [resource("scope", id)]));
		let rounds = 0;
		while (!client.sequencer.isInSync(snapshot)) {
			rounds += 1;
			expect(rounds).toBeLessThan(20);
			const { pushes } = client.sequencer.next(snapshot, client.now);
			const faulty = pushes.some(({ upsert }) => upsert.some(({ name }) => name === "s11"));
			if (faulty) client.nack("scope", "missing ]: [");
			else client.ack("scope");
		}
		expect([...client.sequencer.types.scope.refused.keys()]).toEqual(["s11"]);
		expect(client.sequencer.types.scope.acked.size).toBe(15);
		expect(client.sequencer.types.scope.refused.get("s11")?.message).toBe("missing ]: [");
	});

	it("leaves a refused change's last good version in force and does not send the refused one again", () => {
		const client = connected();
		client.settle(snapshotOf(server("a")));
		const bad = snapshotOf(server("a", { scope: "2" }));
		client.step(bad);
		client.nack("scope", "no");
		expect(client.settle(bad)).toEqual([]);
		expect(client.sequencer.types.scope.acked.get("a")).toBe("1");
		expect(client.settle(snapshotOf(server("a", { scope: "3" })))).toEqual(["scope +a"]);
	});

	it("tries a removal again that shared a response with a refused scope", () => {
		const client = connected();
		client.settle(snapshotOf(server("a"), server("gone")));
		const snapshot = snapshotOf(server("a", { scope: "2" }));
		client.step(snapshot);
		client.nack("scope", "no");
		for (let round = 0; round < 6; round += 1) {
			const { pushes } = client.sequencer.next(snapshot, client.now);
			const faulty = pushes.some(({ upsert }) => upsert.length > 0);
			if (faulty) client.nack("scope", "no");
			else client.ack("scope");
			client.ack("cluster");
		}
		expect([...client.sequencer.types.scope.acked.keys()]).toEqual(["a"]);
		expect([...client.sequencer.types.cluster.acked.keys()]).toEqual(["mcp/a"]);
	});
});
