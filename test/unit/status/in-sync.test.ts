import { expect, it } from "vitest";
import { Sequencer } from "../../../control-plane/ads/sequencer.ts";
import type { AdsStream } from "../../../control-plane/ads/stream.ts";
import { waitInSync } from "../../../control-plane/status/in-sync.ts";
import { resource, snapshotOf } from "../ads/resources.ts";

it("waits for an Envoy where there is none, and for its answer", async () => {
	const streams = new Set<AdsStream>();
	const snapshot = snapshotOf([resource("scope", "a"), resource("listener", "l")]);
	const ads = { streams, snapshot, address: "", setSnapshot() {}, async close() {} };
	const listeners = new Set<() => void>();
	const onChange = (listener: () => void) => {
		listeners.add(listener);
		return () => listeners.delete(listener);
	};
	const tell = () => {
		for (const listener of [...listeners]) listener();
	};
	expect(await waitInSync(ads, onChange, 1)).toEqual([]);
	const waited = waitInSync(ads, onChange, 60_000);
	tell();
	expect(listeners.size).toBe(1);

	const sequencer = new Sequencer("delta");
	const { scope, listener } = sequencer.types;
	scope.subscribe([], [], {});
	const node = { id: "envoy-1", cluster: "c" };
	const sent = { pushes: 0, resources: 0, bytes: 0 };
	streams.add({ variant: "delta", sequencer, connectedAt: 1, node, sent, flush() {}, close() {} });
	tell();
	expect(listeners.size).toBe(1);

	const acknowledge = () => {
		sequencer.next(snapshot, 1);
		for (const type of [scope, listener]) for (const nonce of [...type.outstanding.keys()]) type.ack(nonce, 2);
		tell();
	};
	acknowledge();
	// It has not asked for its listener yet.
	expect(listeners.size).toBe(1);
	listener.subscribe([], [], {});
	acknowledge();
	expect(await waited).toEqual([{ id: "envoy-1", inSync: true, refused: [] }]);
	expect(listeners.size).toBe(0);
});
