import type { Options } from "yargs";

/** Options that several commands share, with the same meaning and default everywhere. */

export const registryOption = {
	registry: {
		type: "string",
		requiresArg: true,
		describe: "Registry file, YAML or JSON [default: ./mcp-gateway.yaml, .yml or .json, else the example]",
	},
} as const satisfies Record<string, Options>;

export const jsonLogOption = {
	json: { type: "boolean", default: false, describe: "Log JSON, one line an event, on stdout" },
} as const satisfies Record<string, Options>;

/** Set by `up` for its children: end when the parent does. */
export const supervisedOption = {
	supervised: { type: "boolean", default: false, hidden: true },
} as const satisfies Record<string, Options>;

export const adminOption = {
	admin: {
		type: "string",
		requiresArg: true,
		default: "127.0.0.1:9090",
		describe: "HOST:PORT of the admin API; beyond this machine it needs a token",
	},
	"admin-token-file": {
		type: "string",
		requiresArg: true,
		describe: "File with the admin API's token [default: $MCP_GATEWAY_ADMIN_TOKEN, else none on loopback]",
	},
} as const satisfies Record<string, Options>;

/** Which cluster servers on Kubernetes run in, and which objects there are this gateway's. */
export const kubernetesOptions = {
	kubeconfig: {
		type: "string",
		requiresArg: true,
		describe: "Kubeconfig file of the cluster [default: the pod's service account, else $KUBECONFIG or ~/.kube/config]",
	},
	"kube-context": {
		type: "string",
		requiresArg: true,
		describe: "Context of the kubeconfig [default: its current one]",
	},
	"kube-namespaces": {
		type: "string",
		requiresArg: true,
		describe:
			"Namespaces that servers on Kubernetes may be in, as in a,b [default: all, for which permissions must do]",
	},
	"gateway-name": {
		type: "string",
		requiresArg: true,
		default: "mcp-gateway",
		describe: "Marks the gateway's objects on Kubernetes as its own; two gateways in a cluster need two names",
	},
	charts: {
		type: "string",
		requiresArg: true,
		describe: "Folder with the charts that entries name [default: charts/ of the gateway]",
	},
	"bridge-image": {
		type: "string",
		requiresArg: true,
		describe: "Image of the bridge for stdio servers on Kubernetes, where entry and chart name none",
	},
} as const satisfies Record<string, Options>;

/** How the gateway is reached and what it lets in: options of `up` and of `control-plane`. */
export const servingOptions = {
	listen: {
		type: "string",
		requiresArg: true,
		default: "127.0.0.1:8080",
		describe: "HOST:PORT that clients connect to; port 0 takes a free one",
	},
	...adminOption,
	"api-key-file": {
		type: "string",
		requiresArg: true,
		describe: "File with the keys of clients, one of which must be sent; `keys new` makes one",
	},
	"tls-cert": {
		type: "string",
		requiresArg: true,
		describe: "Serve HTTPS with the certificate in this PEM file (its chain after it); renewed when the file changes",
	},
	"tls-key": { type: "string", requiresArg: true, describe: "PEM file with the certificate's private key" },
	"tls-client-ca": {
		type: "string",
		requiresArg: true,
		describe: "Let only clients in that have a certificate signed by an authority in this PEM file",
	},
	insecure: {
		type: "boolean",
		default: false,
		describe: "Allow a --listen that other machines reach without an API key",
	},
	"allow-origin": {
		type: "string",
		array: true,
		default: [],
		describe: "Origin whose web pages may use the gateway; repeatable",
	},
	"allow-host": {
		type: "string",
		array: true,
		default: [],
		describe: "Further name that the Host header may hold; repeatable",
	},
	"max-body": { type: "string", requiresArg: true, default: "64MiB", describe: "Largest body of a request" },
	"access-log": {
		type: "string",
		requiresArg: true,
		default: "-",
		describe: "Where requests are logged as JSON: a file, - for stdout, off",
	},
	traceparent: {
		type: "boolean",
		default: true,
		describe: "Give requests without a traceparent one; --no-traceparent only passes on what clients send",
	},
	"otel-endpoint": {
		type: "string",
		requiresArg: true,
		describe:
			"URL that Envoy sends spans to by OTLP over HTTP, as in http://127.0.0.1:4318 (without a path: /v1/traces)",
	},
	"otel-sample": {
		type: "number",
		requiresArg: true,
		default: 100,
		describe: "Percent of the requests that get a span, of those that bring no decision of their own",
	},
	"mcp-filter": {
		type: "boolean",
		default: true,
		describe: "Let Envoy read MCP methods and ids in bodies below 100 kB; --no-mcp-filter leaves all unread",
	},
	...kubernetesOptions,
} as const satisfies Record<string, Options>;
