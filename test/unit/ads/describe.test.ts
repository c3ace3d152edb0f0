import { expect, it } from "vitest";
import { describeStream } from "../../../control-plane/ads/describe.ts";
import { Sequencer } from "../../../control-plane/ads/sequencer.ts";
import type { AdsStream } from "../../../control-plane/ads/stream.ts";
import { resource, snapshotOf } from "./resources.ts";

it("tells of an Envoy what it has, lacks and refuses, since when, and how far it is behind", () => {
	const sequencer = new Sequencer("delta");
	const { scope, listener } = sequencer.types;
	scope.subscribe([], [], {});
	// It serves: its listener is from an earlier stream.
	listener.bring([["gateway", "1"]]);
	const stream: AdsStream = {
		variant: "delta",
		sequencer,
		connectedAt: 5,
		node: {
			id: "envoy-1",
			cluster: "mcp-gateway",
			user_agent_build_version: { version: { major_number: 1, minor_number: 40, patch: 0 } },
		},
		sent: { pushes: 1, resources: 2, bytes: 3 },
		flush() {},
		close() {},
	};
	const answer = (at: number, message?: string) => {
		for (const nonce of [...scope.outstanding.keys()]) {
			if (message === undefined) scope.ack(nonce, at);
			else scope.nack(nonce, message, at);
		}
	};
	const good = snapshotOf([resource("scope", "a")]);
	sequencer.next(good, 10);
	answer(14);
	sequencer.next(good, 14);
	expect(describeStream(stream, good, 20)).toEqual({
		id: "envoy-1",
		cluster: "mcp-gateway",
		variant: "delta",
		connectedAt: 5,
		version: "1.40.0",
		inSync: true,
		pushes: 1,
		resources: 2,
		bytes: 3,
		perType: {
			scope: {
				subscribed: 1,
				acked: 1,
				pending: 0,
				ackCount: 1,
				nackCount: 0,
				lastPushAt: 10,
				lastAckAt: 14,
				lastNackAt: undefined,
				lastRoundTripMs: 4,
				lagMs: 0,
			},
		},
		refused: [],
	});

	const bad = snapshotOf([resource("scope", "a", "2")], [resource("scope", "b")]);
	sequencer.next(bad, 30);
	expect(describeStream(stream, bad, 35)).toMatchObject({
		inSync: false,
		perType: { scope: { subscribed: 2, acked: 1, pending: 2, lagMs: 5 } },
	});
	answer(40, "one of them");
	sequencer.next(bad, 40);
	answer(41, "no such thing");
	sequencer.next(bad, 41);
	answer(42);
	sequencer.next(bad, 42);
	expect(describeStream(stream, bad, 50)).toMatchObject({
		inSync: true,
		perType: { scope: { acked: 2, pending: 0, nackCount: 2, lastNackAt: 41, lagMs: 0 } },
		refused: [{ type: "scope", name: "a", message: "no such thing", since: 41, attempts: 1 }],
	});
	expect(describeStream({ ...stream, node: undefined }, undefined, 50)).toMatchObject({ id: "", inSync: false });
});
