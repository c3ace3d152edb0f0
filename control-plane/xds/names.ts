/** Names that tie the resources to one another. */

/** Cluster of a server. The prefix keeps ids apart from the bootstrap's own clusters. */
export const clusterName = (id: string): string => `mcp/${id}`;

/**
 * What a server's statistics are named by: Envoy ends the cluster's part of a statistic at the first dot, so that every
 * id with a dot would make metrics of its own. No id holds a `~`.
 */
export const statName = (id: string): string => clusterName(id).replaceAll(".", "~");

/** The id that a {@link statName} stands for; undefined for a cluster that is no server. */
export function idOfStatName(name: string): string | undefined {
	const prefix = clusterName("");
	return name.startsWith(prefix) ? name.slice(prefix.length).replaceAll("~", ".") : undefined;
}

/** SDS secret that holds the value of one upstream header of a server. */
export const headerSecretName = (id: string, header: string): string => `header/${id}/${header.toLowerCase()}`;

/** SDS secret with the system's certificate authorities. */
export const systemRootsName = "system-roots";

/** SDS secret with the authorities that one server's entry names. */
export const caSecretName = (id: string): string => `ca/${id}`;

/** SDS secret with the gateway's own certificate and key. */
export const gatewayCertificateName = "listener/certificate";

/** SDS secret with the authorities that sign the certificates of clients. */
export const clientCaName = "listener/client-ca";

/** Cluster that spans are sent to. */
export const exporterName = "trace-exporter";

/**
 * Internal request header with the path; the scope is its first segment. Set by Envoy on every request whatever the
 * client sends, and removed before the upstream.
 */
export const pathHeader = "x-mcp-gateway-path";

/** Configuration of the filter that checks API keys. */
export const apiKeysName = "api-keys";

/** Dynamic metadata that the filter leaves of a request: `name` of the key, `outcome` if it was refused. */
export const apiKeyMetadata = "mcp_gateway.api_key";

/** Metadata namespace of what a request's body tells: `method`, `id` and `name`. */
export const mcpNamespace = "mcp";

/** Response headers that scripts of allowed origins may read. */
export const exposedHeaders = "mcp-session-id, mcp-protocol-version, www-authenticate, x-request-id";

export const listenerName = "mcp-gateway";

/** Says that a resource comes over the same aggregated stream. */
export const adsSource = { ads: {}, resource_api_version: "V3" };

export const typeUrl = {
	cluster: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
	endpoints: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
	secret: "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
	extension: "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
	scope: "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration",
	listener: "type.googleapis.com/envoy.config.listener.v3.Listener",
} as const;

/** The resource types in the order in which a change is sent: make before break. */
export type ResourceType = keyof typeof typeUrl;
