import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import protobuf from "protobufjs";

/**
 * Envoy's API as protobuf descriptions, read from the .proto files that `@grpc/grpc-js-xds` ships
 * (data-plane-api of 2024-07). What those lack travels as `xds.type.v3.TypedStruct`; see `encode.ts`.
 */

const entryFiles = [
	"envoy/service/discovery/v3/ads.proto",
	"envoy/config/cluster/v3/cluster.proto",
	"envoy/config/endpoint/v3/endpoint.proto",
	"envoy/config/listener/v3/listener.proto",
	"envoy/config/route/v3/scoped_route.proto",
	"envoy/config/accesslog/v3/accesslog.proto",
	"envoy/config/trace/v3/opentelemetry.proto",
	"envoy/extensions/access_loggers/file/v3/file.proto",
	"envoy/extensions/access_loggers/stream/v3/stream.proto",
	"envoy/extensions/access_loggers/filters/cel/v3/cel.proto",
	"envoy/extensions/common/matching/v3/extension_matcher.proto",
	"envoy/extensions/filters/common/matcher/action/v3/skip_action.proto",
	"envoy/extensions/filters/http/buffer/v3/buffer.proto",
	"envoy/extensions/filters/http/cors/v3/cors.proto",
	"envoy/extensions/filters/http/credential_injector/v3/credential_injector.proto",
	"envoy/extensions/filters/http/json_to_metadata/v3/json_to_metadata.proto",
	"envoy/extensions/filters/http/rbac/v3/rbac.proto",
	"envoy/extensions/filters/http/router/v3/router.proto",
	"envoy/extensions/filters/http/stateful_session/v3/stateful_session.proto",
	"envoy/extensions/filters/http/upstream_codec/v3/upstream_codec.proto",
	"envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto",
	"envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation.proto",
	"envoy/extensions/http/injected_credentials/generic/v3/generic.proto",
	"envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver.proto",
	"envoy/extensions/request_id/uuid/v3/uuid.proto",
	"envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.proto",
	"envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config.proto",
	"envoy/extensions/transport_sockets/tls/v3/tls.proto",
	"envoy/extensions/upstreams/http/v3/http_protocol_options.proto",
	"envoy/type/matcher/v3/http_inputs.proto",
	"xds/type/v3/typed_struct.proto",
];

/** Folders that imports are looked up in, in this order. */
function includeFolders(): string[] {
	const require = createRequire(import.meta.url);
	const xds = join(dirname(require.resolve("@grpc/grpc-js-xds/package.json")), "deps");
	const folders = ["envoy-api", "xds", "googleapis", "protoc-gen-validate"].map((name) => join(xds, name));
	// google/protobuf/*.proto (any, struct, wrappers) come with protobufjs.
	folders.push(dirname(require.resolve("protobufjs/package.json")));
	return folders;
}

let loaded: protobuf.Root | undefined;

/** The description of every message that the control plane sends or reads; parsed once, on first use. */
export function protoRoot(): protobuf.Root {
	if (loaded === undefined) {
		const folders = includeFolders();
		const root = new protobuf.Root();
		root.resolvePath = (_origin, target) =>
			folders.map((folder) => join(folder, target)).find((path) => existsSync(path)) ?? target;
		root.loadSync(entryFiles, { keepCase: true });
		root.resolveAll();
		loaded = root;
	}
	return loaded;
}
