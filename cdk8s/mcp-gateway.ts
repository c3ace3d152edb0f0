import { Construct } from "constructs";
import { stringify } from "yaml";
import { formatErrors } from "../control-plane/registry/format.ts";
import type { KubernetesServer } from "../control-plane/registry/model.ts";
import { parseRegistry } from "../control-plane/registry/parse.ts";
import { type Installation, InvalidProps, installationOf } from "./installation/installation.ts";
import { installationObjects } from "./installation/objects.ts";
import type { RegistryText } from "./installation/registry.ts";
import type { GatewayValues, Given } from "./installation/values.ts";
import { addObjects, McpServer, namespaceOf } from "./mcp-server.ts";
import { readText } from "./read-text.ts";

/** The values of the Helm chart `mcp-gateway`, with its defaults, and what only a program can say. */
export interface McpGatewayProps extends Given<GatewayValues> {
	/** Begins all names, as a release of Helm does. @default the construct's id */
	readonly release?: string;
	/** @default the cdk8s chart's */
	readonly namespace?: string;
	/** A registry file, in place of `registry`: it is installed as it is written. */
	readonly registryFile?: string;
	/** Also the objects of the registry's servers of type k8s, for people to look at; the gateway would make the same. */
	readonly includeServers?: boolean;
	/** With `includeServers`: where the charts are that servers name. @default those of the gateway */
	readonly charts?: string;
}

/**
 * The whole gateway: control planes, Envoys and all that they need but three Secrets, which `mcp-gateway credentials` makes.
 * @throws InvalidProps
 */
export class McpGateway extends Construct {
	/** Where pods of the cluster reach it; each server is at its id behind it. */
	readonly url: string;

	constructor(scope: Construct, id: string, props: McpGatewayProps = {}) {
		super(scope, id);
		const { release = id, namespace = namespaceOf(this), registryFile, includeServers, charts, ...given } = props;
		const installation = installationOf(release, namespace, given);
		const text = registryText(given, registryFile);
		const parsed = parseRegistry(text.text, text.file);
		if (!parsed.ok) throw new InvalidProps(formatErrors(parsed.errors));
		addObjects(this, installationObjects(installation, text));
		if (includeServers === true) {
			for (const server of parsed.registry.servers.values()) {
				if (server.type === "k8s" && server.manage) this.#include(installation, server, charts);
			}
		}
		this.url = `${installation.scheme}://${release}.${namespace}.svc:${installation.port}`;
	}

	#include({ values, version, namespace, gatewayName }: Installation, server: KubernetesServer, charts?: string) {
		const { repository, tag } = values.bridgeImage;
		new McpServer(this, server.id, {
			...server.values,
			...(server.chart !== undefined && { chart: server.chart }),
			...(charts !== undefined && { charts }),
			namespace: server.namespace ?? namespace,
			bridgeImage: `${repository}:${tag || version}`,
			gatewayName,
		});
	}
}

function registryText({ registry = {} }: Given<GatewayValues>, file: string | undefined): RegistryText {
	if (file === undefined) return { file: "registry.yaml", text: stringify(registry, { sortMapEntries: true }) };
	if (Object.keys(registry).length > 0) throw new InvalidProps("registry and registryFile exclude each other.");
	return { file, text: readText(file, "The registry") };
}
