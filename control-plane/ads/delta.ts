import type { ResourceType } from "../xds/names.ts";
import { typeUrl } from "../xds/names.ts";
import type { DeltaRequest, DeltaResponse } from "./protocol.ts";
import { saltedBytes } from "./salt.ts";
import type { Sequencer } from "./sequencer.ts";
import type { Protocol } from "./stream.ts";

/**
 * The delta variant: requests and responses say what changes.
 * https://www.envoyproxy.io/docs/envoy/v1.40.0/api-docs/xds_protocol#incremental-xds
 */
export function deltaProtocol(sequencer: Sequencer): Protocol<DeltaRequest, DeltaResponse> {
	return {
		subscribe(type: ResourceType, request: DeltaRequest) {
			// Subscriptions count whatever the nonce: each request says its change once.
			sequencer.types[type].subscribe(
				request.resource_names_subscribe,
				request.resource_names_unsubscribe,
				request.initial_resource_versions,
			);
			return true;
		},
		recall: () => 0,
		response({ type, nonce, serial, upsert, remove }) {
			const url = typeUrl[type];
			const { salts } = sequencer.types[type];
			return {
				system_version_info: String(serial),
				type_url: url,
				nonce,
				resources: upsert.map((resource) => ({
					name: resource.name,
					version: resource.version,
					resource: { type_url: url, value: saltedBytes(resource, salts.get(resource.name) ?? 0) },
				})),
				removed_resources: remove,
			};
		},
	};
}
