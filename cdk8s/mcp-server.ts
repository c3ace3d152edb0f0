import type { KubernetesObject } from "@kubernetes/client-node";
import { ApiObject, type ApiObjectProps, Chart, JsonPatch } from "cdk8s";
import { Construct } from "constructs";
import { objectName } from "../control-plane/kubernetes/names.ts";
import { createCharts } from "../control-plane/kubernetes/objects/chart.ts";
import { serverObjects } from "../control-plane/kubernetes/objects/objects.ts";
import { servedPath } from "../control-plane/kubernetes/objects/values.ts";
import { parseEntry } from "../control-plane/registry/entry.ts";
import type { KubernetesServer, ServerValues } from "../control-plane/registry/model.ts";
import { InvalidProps } from "./installation/installation.ts";

/** The fields of a registry's entry of type k8s that say what its pods are; either `image` or `chart` must be given. */
export interface McpServerProps extends Partial<Omit<ServerValues, "secrets">> {
	/** The server's id. @default the construct's */
	readonly serverId?: string;
	/** @default the cdk8s chart's */
	readonly namespace?: string;
	/** Folder whose `values.yaml` gives what the props leave out. @default mcp-server */
	readonly chart?: string;
	/** Where such folders are. @default those of the gateway */
	readonly charts?: string;
	/** From variable to a Secret and a key in it, `name/key` or apart. */
	readonly secrets?: Readonly<Record<string, string | { readonly name: string; readonly key: string }>>;
	/**
	 * Name of the gateway that makes and removes this very server, since its registry has it. @default none: the gateways
	 * find it by `entry`, and leave it alone
	 */
	readonly gatewayName?: string;
}

/** Whose objects are that no gateway may remove: no gateway of the chart or of `McpGateway` can have this name. */
const NOBODYS = "cdk8s.io";

/**
 * An MCP server on Kubernetes: the objects that the gateway makes of an entry of type k8s.
 *
 * ```ts
 * const tickets = new McpServer(chart, "tickets", { image: "ghcr.io/acme/tickets:1.2", replicas: 2 });
 * new McpGateway(chart, "gw", { registry: { tickets: tickets.entry } });
 * ```
 * @throws InvalidProps
 */
export class McpServer extends Construct {
	/** What a gateway's registry says of a server that it only finds. */
	readonly entry: Readonly<Record<string, unknown>>;

	constructor(scope: Construct, id: string, props: McpServerProps) {
		super(scope, id);
		const { serverId = id, namespace = namespaceOf(this), charts, bridgeImage, gatewayName, ...entry } = props;
		const server = parsed(serverId, { type: "k8s", ...entry });
		const result = createCharts(charts, bridgeImage).values(server);
		if (!result.ok) throw new InvalidProps(`${serverId}: ${result.problem}`);
		addObjects(this, serverObjects(result.values, { id: serverId, namespace, owner: gatewayName ?? NOBODYS }));
		const place = { namespace, service: objectName(serverId) };
		const { port } = result.values;
		this.entry = { type: "k8s", manage: false, ...place, port, path: servedPath(result.values, serverId) };
	}
}

function parsed(id: string, entry: object): KubernetesServer {
	const result = parseEntry(id, JSON.parse(JSON.stringify(entry)), undefined);
	if (!result.ok) throw new InvalidProps(result.faults.map(({ message }) => `${id}: ${message}`).join("\n"));
	if (result.server?.type !== "k8s") throw new Error(`${id} is of type ${result.server?.type}`);
	return result.server;
}

/** The namespace of the chart around it. @throws InvalidProps where it has none */
export function namespaceOf(construct: Construct): string {
	const { namespace } = Chart.of(construct);
	if (namespace === undefined) {
		throw new InvalidProps(`${construct.node.path} needs a namespace: give it to the construct or to its chart.`);
	}
	return namespace;
}

/** Objects as they are, each under its kind, namespace and name. */
export function addObjects(scope: Construct, objects: readonly KubernetesObject[]): void {
	for (const object of objects) {
		const { namespace = "", name = "" } = object.metadata ?? {};
		const added = new ApiObject(scope, [object.kind, namespace, name].join("."), object as ApiObjectProps);
		// The chart would put its own on what has none because it is the cluster's.
		if (namespace === "" && added.chart.namespace !== undefined) {
			added.addJsonPatch(JsonPatch.remove("/metadata/namespace"));
		}
	}
}
