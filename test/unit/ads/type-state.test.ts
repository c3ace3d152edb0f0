import fc from "fast-check";
import { expect, test } from "vitest";
import { traits } from "../../../control-plane/ads/traits.ts";
import { TypeState } from "../../../control-plane/ads/type-state.ts";
import { changeSnapshot, type EncodedResource, type Resources } from "../../../control-plane/snapshot/snapshot.ts";

const name = fc.constantFrom("a", "b", "c", "d");
const names = fc.uniqueArray(fc.oneof(name, fc.constant("*")), { maxLength: 3 });
const operation = fc.oneof(
	fc.record({
		op: fc.constant("subscribe" as const),
		add: names,
		remove: names,
		initial: fc.dictionary(name, fc.constantFrom("1", "2")),
	}),
	fc.record({ op: fc.constant("snapshot" as const), versions: fc.dictionary(name, fc.constantFrom("1", "2", "3")) }),
	fc.record({ op: fc.constant("send" as const), part: fc.boolean() }),
	fc.record({ op: fc.constant("ack" as const) }),
	fc.record({ op: fc.constant("nack" as const), message: fc.constantFrom("bad", "a: bad", "b: bad and Valid") }),
	fc.record({ op: fc.constant("stale" as const), name }),
);

const resourcesOf = (versions: Readonly<Record<string, string>>): Resources =>
	new Map(
		Object.entries(versions).map(([one, version]) => [one, { type: "cluster", name: one, version } as EncodedResource]),
	);

/** As the builder makes a snapshot of the one before. */
function changed(before: Resources, after: Resources): Resources {
	const empty = new Map<string, EncodedResource>();
	const none = { cluster: empty, endpoints: empty, secret: empty, extension: empty, scope: empty, listener: empty };
	const snapshot = { serial: 1, resources: { ...none, cluster: before } };
	const { cluster } = changeSnapshot(2, snapshot, [[...before.values()]], [[...after.values()]]).resources;
	return cluster;
}

test("looking at what was touched finds what looking at everything finds", () => {
	let differences = 0;
	fc.assert(
		fc.property(
			fc.constantFrom(traits.cluster, traits.endpoints, traits.scope),
			fc.constantFrom("delta" as const, "sotw" as const),
			fc.array(operation, { maxLength: 20 }),
			(trait, variant, operations) => {
				const state = new TypeState(trait, variant);
				let desired = resourcesOf({});
				let nonces = 0;
				for (const one of operations) {
					if (one.op === "subscribe" && variant === "delta") state.subscribe(one.add, one.remove, one.initial);
					if (one.op === "subscribe" && variant === "sotw") state.subscribeTo(one.add);
					if (one.op === "snapshot") desired = changed(desired, resourcesOf(one.versions));
					if (one.op === "stale") state.stale.add(one.name);
					if (one.op === "send") {
						const { upsert, remove } = state.difference(desired);
						const sent = one.part ? { upsert: upsert.slice(0, 1), remove } : { upsert, remove };
						state.send(`${++nonces}`, sent, 1, nonces);
					}
					const [nonce] = state.outstanding.keys();
					if (one.op === "ack" && nonce !== undefined) state.ack(nonce, 1);
					if (one.op === "nack" && nonce !== undefined) state.nack(nonce, one.message, 1);
					const told = state.difference(desired);
					// Resources that are another object are looked at as a whole.
					const whole = state.difference(new Map(desired));
					expect(told.upsert.map((resource) => resource.name).sort()).toEqual(
						whole.upsert.map((resource) => resource.name).sort(),
					);
					expect(told.remove.toSorted()).toEqual(whole.remove.toSorted());
					differences += whole.upsert.length + whole.remove.length;
					state.difference(desired);
				}
			},
		),
		{ numRuns: 3000 },
	);
	expect(differences).toBeGreaterThan(1000);
});
