import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lastRetryMs } from "../../../control-plane/ads/refusals.ts";
import { type Push, Sequencer } from "../../../control-plane/ads/sequencer.ts";
import { resourceTypes, type Snapshot } from "../../../control-plane/snapshot/snapshot.ts";
import { clusterName, type ResourceType } from "../../../control-plane/xds/names.ts";
import { server, snapshotOf } from "./resources.ts";

const ids = ["a", "b", "c"];

/** A change of the registry (versions by server; 0: none), or an Envoy that answers the oldest response of a type. */
const step = fc.oneof(
	fc.record({ versions: fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)) }),
	fc.record({ answer: fc.constantFrom<ResourceType>("cluster", "endpoints", "scope"), refuses: fc.boolean() }),
);

describe.each(["delta", "sotw"] as const)("%s order", (variant) => {
	it("never routes to a cluster that Envoy has not taken up, whatever changes and is refused meanwhile", () => {
		fc.assert(
			fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
				const sequencer = new Sequencer(variant);
				const { cluster, endpoints, scope } = sequencer.types;
				for (const type of ["cluster", "scope"] as const) {
					if (variant === "delta") sequencer.types[type].subscribe([], [], {});
					else sequencer.types[type].subscribeTo([]);
				}
				if (variant === "delta") endpoints.subscribe(ids.map(clusterName), [], {});
				else endpoints.subscribeTo(ids.map(clusterName));
				let snapshot = snapshotOf();
				const flush = () => {
					// The clock stands still, so that nothing goes by a deadline.
					const { pushes } = sequencer.next(snapshot, 0);
					for (const push of pushes) check(push, snapshot);
				};
				const check = ({ type, upsert, remove }: Push, { resources }: Snapshot) => {
					if (type === "scope") {
						for (const { name } of upsert) {
							const wanted = resources.cluster.get(clusterName(name));
							if (wanted === undefined || cluster.isRefused(wanted.name, wanted.version)) continue;
							expect(cluster.acked.get(wanted.name)).toBe(wanted.version);
						}
					}
					if (type === "cluster") {
						for (const { name } of upsert) expect(endpoints.stale.has(name) || endpoints.isUnderWay(name)).toBe(true);
						for (const name of remove) {
							const id = name.slice("mcp/".length);
							expect([scope.acked.has(id), scope.isUnderWay(id)]).toEqual([false, false]);
						}
					}
				};
				for (const each of steps) {
					if ("versions" in each) {
						const parts = each.versions.flatMap((v, index) => {
							const [version, id] = [String(v), ids[index] ?? ""];
							return v === 0 ? [] : [server(id, { cluster: version, scope: version })];
						});
						snapshot = snapshotOf(...parts);
					} else {
						const state = sequencer.types[each.answer];
						const [nonce = ""] = state.outstanding.keys();
						if (each.refuses) state.nack(nonce, "no", 0);
						else state.ack(nonce, 0);
					}
					flush();
				}
				// Once Envoy answers everything with an ACK and waits are over, it ends with what is wanted, but for what it refused.
				for (let round = 1; round < 100 && !sequencer.isInSync(snapshot); round += 1) {
					const now = round * lastRetryMs;
					for (const type of resourceTypes) {
						for (const nonce of [...sequencer.types[type].outstanding.keys()]) sequencer.types[type].ack(nonce, now);
					}
					sequencer.next(snapshot, now);
				}
				expect(sequencer.isInSync(snapshot)).toBe(true);
			}),
			{ numRuns: 300 },
		);
	});
});
