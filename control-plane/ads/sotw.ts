import { createHash } from "node:crypto";
import type { EncodedResource, Snapshot } from "../snapshot/snapshot.ts";
import { type ResourceType, typeUrl } from "../xds/names.ts";
import type { SotwRequest, SotwResponse } from "./protocol.ts";
import { saltedBytes } from "./salt.ts";
import type { Sequencer } from "./sequencer.ts";
import type { Protocol } from "./stream.ts";
import { perType, traits } from "./traits.ts";

/** What one stream must remember of a type beyond what the sequencer knows. */
interface Memory {
	/** Of the last response; another one in a request is stale. */
	nonce: string;
	/** The version that Envoy has from an earlier stream, until it is compared with the snapshot. */
	brought: string;
	/** The resources that Envoy holds or is about to, by name: the snapshot may not have them any more. */
	kept: ReadonlyMap<string, readonly EncodedResource[]>;
}

/** So long an Envoy that comes with resources is told nothing while nothing is known of some servers. */
export const unknownMs = 60_000;

/**
 * The state-of-the-world variant: requests name all that is wanted; responses of clusters, scopes and listeners hold
 * all that is to be, so a held-back or refused change means that the version before it is sent along.
 * https://www.envoyproxy.io/docs/envoy/v1.40.0/api-docs/xds_protocol#basic-protocol-overview
 */
export function sotwProtocol(sequencer: Sequencer): Protocol<SotwRequest, SotwResponse> {
	const memories: Record<ResourceType, Memory> = perType(() => ({ nonce: "", brought: "", kept: new Map() }));

	/** All that Envoy is to hold of the type after this response. */
	function fullState(type: ResourceType, snapshot: Snapshot): EncodedResource[] {
		const { sent, acked } = sequencer.types[type];
		const memory = memories[type];
		const kept = new Map<string, EncodedResource[]>();
		const full: EncodedResource[] = [];
		for (const name of new Set([...sent.keys(), ...acked.keys()])) {
			const known = [...(memory.kept.get(name) ?? [])];
			const current = snapshot.resources[type].get(name);
			if (current !== undefined && !known.some(({ version }) => version === current.version)) known.push(current);
			const [now, before] = [sent.get(name), acked.get(name)];
			kept.set(
				name,
				known.filter(({ version }) => version === now || version === before),
			);
			const resource = known.find(({ version }) => version === now);
			if (resource !== undefined) full.push(resource);
		}
		memory.kept = kept;
		return full;
	}

	return {
		subscribe(type, request) {
			const state = sequencer.types[type];
			const memory = memories[type];
			// It crossed with a later response, to which Envoy will answer with the same names.
			if (request.response_nonce !== "" && memory.nonce !== "" && request.response_nonce !== memory.nonce) return false;
			if (!state.subscription.active) memory.brought = request.version_info;
			state.subscribeTo(request.resource_names);
			return true;
		},
		recall(snapshot, ageMs) {
			const brings = Object.values(memories).some(({ brought }) => brought !== "");
			if (brings && ageMs < unknownMs && hasUnknown(snapshot)) return unknownMs - ageMs;
			for (const type of Object.keys(memories) as ResourceType[]) {
				const memory = memories[type];
				if (memory.brought === "") continue;
				const state = sequencer.types[type];
				const wanted = state.wanted(snapshot.resources[type]).map(({ name, version }) => [name, version] as const);
				state.taken = true;
				if (versionOf(wanted) === memory.brought) {
					state.answered = true;
					state.bring(wanted);
					fullState(type, snapshot);
				}
				memory.brought = "";
			}
			return 0;
		},
		response({ type, nonce, upsert }, snapshot) {
			memories[type].nonce = nonce;
			const resources = traits[type].byName ? upsert : fullState(type, snapshot);
			const url = typeUrl[type];
			const { sent, salts } = sequencer.types[type];
			return {
				version_info: versionOf(sent),
				type_url: url,
				nonce,
				resources: resources.map((resource) => ({
					type_url: url,
					value: saltedBytes(resource, salts.get(resource.name) ?? 0),
				})),
			};
		},
	};
}

/** Whether nothing is known yet of a server: what Envoy may have of it cannot be said, so it would be taken away. */
function hasUnknown({ resources }: Snapshot): boolean {
	for (const { provisional } of resources.scope.values()) if (provisional) return true;
	return false;
}

/** One version for many resources, which only their content decides: the same after a restart. */
function versionOf(versions: Iterable<readonly [name: string, version: string]>): string {
	const hash = createHash("sha256");
	for (const line of [...versions].map(([name, version]) => `${name}\n${version}\n`).sort()) hash.update(line);
	return hash.digest("base64url").slice(0, 16);
}
