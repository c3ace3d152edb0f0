import { expect, it } from "vitest";
import type { SotwRequest } from "../../../control-plane/ads/protocol.ts";
import { Sequencer } from "../../../control-plane/ads/sequencer.ts";
import { sotwProtocol, unknownMs } from "../../../control-plane/ads/sotw.ts";
import { resource, server, snapshotOf } from "./resources.ts";

const request = (version: string) => ({ response_nonce: "", version_info: version, resource_names: [] });

it("tells an Envoy that brings something nothing while a server is unknown, for a minute at most", () => {
	const unknown = snapshotOf(server("a"), [{ ...resource("scope", "b", "503"), provisional: true }]);
	const known = snapshotOf(server("a"), server("b"));
	const asked = (version: string) => {
		const protocol = sotwProtocol(new Sequencer("sotw"));
		protocol.subscribe("cluster", request(version) as unknown as SotwRequest);
		return protocol;
	};
	expect(asked("").recall(unknown, 0)).toBe(0);
	expect(asked("some").recall(known, 0)).toBe(0);
	const protocol = asked("some");
	expect([0, unknownMs - 1, unknownMs].map((age) => protocol.recall(unknown, age))).toEqual([unknownMs, 1, 0]);
});
