import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { ServerDuplexStream, ServiceDefinition, UntypedHandleCall } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

/** The messages and the service of ADS, as `@grpc/proto-loader` makes them of Envoy's .proto files. */

export interface Node {
	readonly id: string;
	readonly cluster: string;
	readonly user_agent_name?: string;
	readonly user_agent_build_version?: {
		readonly version?: { major_number: number; minor_number: number; patch: number };
	};
}

/** What requests of both variants have in common. */
export interface AdsRequest {
	/** Only on the first request of a stream. */
	readonly node: Node | null;
	readonly type_url: string;
	readonly response_nonce: string;
	/** Present on a NACK only. */
	readonly error_detail: { readonly code: number; readonly message: string } | null;
}

export interface DeltaRequest extends AdsRequest {
	readonly resource_names_subscribe: readonly string[];
	readonly resource_names_unsubscribe: readonly string[];
	readonly initial_resource_versions: Readonly<Record<string, string>>;
}

/** A request of the state-of-the-world variant. */
export interface SotwRequest extends AdsRequest {
	/** The last version that Envoy took up, from an earlier stream too. */
	readonly version_info: string;
	/** All names that are wanted. */
	readonly resource_names: readonly string[];
}

interface PackedResource {
	readonly type_url: string;
	readonly value: Buffer;
}

export interface DeltaResponse {
	readonly system_version_info: string;
	readonly type_url: string;
	readonly nonce: string;
	readonly resources: readonly {
		readonly name: string;
		readonly version: string;
		readonly resource: PackedResource;
	}[];
	readonly removed_resources: readonly string[];
}

/** A response of the state-of-the-world variant. */
export interface SotwResponse {
	readonly version_info: string;
	readonly type_url: string;
	readonly nonce: string;
	readonly resources: readonly PackedResource[];
}

export type AdsCall<Request extends AdsRequest = AdsRequest, Response = unknown> = ServerDuplexStream<
	Request,
	Response
>;

/** envoy.service.discovery.v3.AggregatedDiscoveryService. */
export function adsService(): ServiceDefinition {
	const require = createRequire(import.meta.url);
	const deps = join(dirname(require.resolve("@grpc/grpc-js-xds/package.json")), "deps");
	const definition = loadSync("envoy/service/discovery/v3/ads.proto", {
		keepCase: true,
		defaults: true,
		includeDirs: ["envoy-api", "xds", "googleapis", "protoc-gen-validate"].map((name) => join(deps, name)),
	});
	const service = definition["envoy.service.discovery.v3.AggregatedDiscoveryService"];
	if (service === undefined || "format" in service) throw new Error("ads.proto holds no AggregatedDiscoveryService");
	return service as ServiceDefinition<Record<string, UntypedHandleCall>>;
}
