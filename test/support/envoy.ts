import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../../control-plane/cli/paths.ts";
import type { Message } from "../../control-plane/xds/message.ts";
import type { Resource } from "../../control-plane/xds/translate.ts";
import { findEnvoy } from "../../envoy/find.ts";

const run = promisify(execFile);

/** Path of the Envoy that the gateway would run; installs it if need be. */
export async function envoyBinary(): Promise<string> {
	const { path } = await findEnvoy({ env: process.env, cacheDir: join(root, ".cache"), say: () => {} });
	return path;
}

/** The resources as one static bootstrap: the form in which `envoy --mode validate` checks all of them. */
export function staticBootstrap(resources: readonly Resource[]): Message {
	const ofType = (type: Resource["type"]) => resources.filter((r) => r.type === type).map(({ message }) => message);
	return {
		node: { id: "golden", cluster: "mcp-gateway" },
		dynamic_resources: {
			ads_config: {
				api_type: "DELTA_GRPC",
				transport_api_version: "V3",
				grpc_services: [{ envoy_grpc: { cluster_name: "xds" } }],
			},
		},
		static_resources: {
			listeners: ofType("listener")
				.map((listener) => withStaticScopes(listener, ofType("scope")))
				.map((listener) => withStaticFilters(listener, ofType("extension"))),
			clusters: [xdsCluster, ...ofType("cluster")],
			secrets: ofType("secret"),
		},
	};
}

/** Runs `envoy --mode validate`; returns Envoy's words if it refuses, undefined if it accepts. */
export async function validate(bootstrap: Message): Promise<string | undefined> {
	const folder = await mkdtemp(join(tmpdir(), "mcpgw-validate-"));
	try {
		const file = join(folder, "envoy.json");
		await writeFile(file, JSON.stringify(bootstrap));
		await run(await envoyBinary(), ["--mode", "validate", "-c", file, "--log-level", "error"]);
		return undefined;
	} catch (error) {
		if (error instanceof Error && "stderr" in error) return String(error.stderr);
		throw error;
	} finally {
		await rm(folder, { recursive: true });
	}
}

function withStaticScopes(listener: Message, scopes: readonly Message[]): Message {
	const copy = JSON.parse(JSON.stringify(listener)) as {
		filter_chains: { filters: { typed_config: { scoped_routes: Record<string, unknown> } }[] }[];
	};
	const routes = copy.filter_chains[0]?.filters[0]?.typed_config.scoped_routes;
	if (routes === undefined) throw new Error("the listener has no scoped routes");
	if (scopes.length > 0) {
		delete routes["scoped_rds"];
		routes["scoped_route_configurations_list"] = { scoped_route_configurations: scopes };
	}
	return copy as Message;
}

/** Filters whose configuration is a resource of its own, with that resource in its place: so it is checked too. */
function withStaticFilters(listener: Message, extensions: readonly Message[]): Message {
	const text = JSON.stringify(listener, (_key, value: unknown) => {
		if (typeof value !== "object" || value === null || !("config_discovery" in value)) return value;
		const found = extensions.find(({ name }) => "name" in value && name === value.name);
		if (found === undefined) throw new Error(`there is no resource for ${JSON.stringify(value)}`);
		return found;
	});
	return JSON.parse(text) as Message;
}

const xdsCluster: Message = {
	name: "xds",
	type: "STATIC",
	typed_extension_protocol_options: {
		"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
			"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
			explicit_http_config: { http2_protocol_options: {} },
		},
	},
	load_assignment: {
		cluster_name: "xds",
		endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: "/nowhere/xds.sock" } } } }] }],
	},
};
