import type { V1ConfigMap, V1Pod } from "@kubernetes/client-node";

export interface StdioPodOptions {
	readonly name: string;
	/** The server's and the bridge's. */
	readonly images: { readonly server: string; readonly bridge: string };
	readonly command: readonly string[];
	/** Further members of the registry's entry. */
	readonly entry?: Readonly<Record<string, unknown>>;
	readonly env?: Readonly<Record<string, string>>;
	/** Of the server's container, as in `500m`. */
	readonly cpu?: string;
}

export const bridgePort = 8080;

/** A pod of a stdio server as ADR 27 describes it, and the ConfigMap with its registry; the server is at `/<name>`. */
export function stdioPod(options: StdioPodOptions): { configMap: V1ConfigMap; pod: V1Pod } {
	const { name, images, env = {}, entry = {} } = options;
	const [command, ...args] = options.command;
	const registry = { [name]: { type: "stdio", command, args, ...entry } };
	const securityContext = {
		allowPrivilegeEscalation: false,
		readOnlyRootFilesystem: true,
		capabilities: { drop: ["ALL"] },
	};
	const bridge = [
		...["bridge", "--registry", "/etc/mcp-gateway/registry.json", "--listen", `0.0.0.0:${bridgePort}`],
		...["--workers", "1", "--insecure", "--json"],
	];
	return {
		configMap: {
			apiVersion: "v1",
			kind: "ConfigMap",
			metadata: { name },
			data: { "registry.json": JSON.stringify(registry) },
		},
		pod: {
			apiVersion: "v1",
			kind: "Pod",
			metadata: { name, labels: { app: name } },
			spec: {
				shareProcessNamespace: true,
				automountServiceAccountToken: false,
				enableServiceLinks: false,
				securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
				terminationGracePeriodSeconds: 30,
				initContainers: [
					{
						name: "bridge",
						image: images.bridge,
						imagePullPolicy: "IfNotPresent",
						command: ["/mcp-bridge/mcp-gateway", "install", "/target"],
						securityContext,
						volumeMounts: [{ name: "bridge", mountPath: "/target" }],
					},
				],
				containers: [
					{
						name: "server",
						image: images.server,
						imagePullPolicy: "IfNotPresent",
						command: ["/mcp-bridge/mcp-gateway"],
						args: bridge,
						env: Object.entries(env).map(([name, value]) => ({ name, value })),
						ports: [{ name: "mcp", containerPort: bridgePort }],
						readinessProbe: { tcpSocket: { port: "mcp" }, periodSeconds: 1 },
						...(options.cpu !== undefined && { resources: { limits: { cpu: options.cpu } } }),
						securityContext,
						volumeMounts: [
							{ name: "bridge", mountPath: "/mcp-bridge", readOnly: true },
							{ name: "registry", mountPath: "/etc/mcp-gateway", readOnly: true },
							{ name: "tmp", mountPath: "/tmp" },
						],
					},
				],
				volumes: [
					{ name: "bridge", emptyDir: {} },
					{ name: "registry", configMap: { name } },
					{ name: "tmp", emptyDir: {} },
				],
			},
		},
	};
}
