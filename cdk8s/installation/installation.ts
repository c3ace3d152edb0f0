/** From what is said of an installation to all that its objects are made of; what is left out is the chart's to say. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { ownCharts } from "../../control-plane/kubernetes/objects/chart.ts";
import { mergeLayers, type ValueLayer } from "../../control-plane/kubernetes/objects/values.ts";
import { isMap } from "../../control-plane/registry/dialect.ts";
import { didYouMean } from "../../control-plane/registry/suggest.ts";
import type { GatewayValues } from "./values.ts";

const chart = join(ownCharts, "mcp-gateway");
const ofChart = (file: string) => readFileSync(join(chart, file), "utf8");

const defaults: ValueLayer = parse(ofChart("values.yaml"));
const schema: object = JSON.parse(ofChart("values.schema.json"));
const { appVersion }: { readonly appVersion: string } = parse(ofChart("Chart.yaml"));
const validate = new Ajv2020({ strict: false, allErrors: true, verbose: true }).compile(schema);

/** Run by Envoy's pods before they end: the chart's. */
export const drainScript = ofChart("files/drain.sh").trim();

/** Props that do not go together, or are not what they may be: sentences that say what to write instead. */
export class InvalidProps extends Error {}

/** A gateway as it is to be installed. */
export interface Installation {
	/** Begins all names, as a release of Helm does. */
	readonly release: string;
	readonly namespace: string;
	/** The gateway's version: tag of images that name none. */
	readonly version: string;
	readonly values: GatewayValues;
	readonly gatewayName: string;
	/** Name of the ConfigMap with the registry. */
	readonly registryName: string;
	/** Namespaces of servers, sorted; empty stands for all. */
	readonly serverNamespaces: readonly string[];
	readonly scheme: "http" | "https";
	/** Of the Service. */
	readonly port: number;
}

/** Puts the chart's values under what is given, and checks the whole as the chart does. @throws InvalidProps */
export function installationOf(release: string, namespace: string, given: object): Installation {
	if (!/^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/.test(release)) {
		throw new InvalidProps(
			`The release's name "${release}" does not do: lower case letters, digits and -, 40 at most, a letter first.`,
		);
	}
	const merged = mergeLayers(defaults, given as ValueLayer);
	if (!validate(merged)) throw new InvalidProps((validate.errors ?? []).map(sentence).join("\n"));
	const gone = missing(defaults, merged);
	if (gone !== undefined) throw new InvalidProps(`${gone} must not be null: leave it out.`);
	const values = merged as unknown as GatewayValues;
	const problem = togetherProblem(values);
	if (problem !== undefined) throw new InvalidProps(problem);
	const { tls, service, kubernetes, existingRegistry } = values;
	const named = kubernetes.namespaces.length === 0 ? [namespace] : kubernetes.namespaces;
	return {
		release,
		namespace,
		version: appVersion,
		values,
		gatewayName: kubernetes.gatewayName || release,
		registryName: existingRegistry || `${release}-registry`,
		serverNamespaces: named.includes("*") ? [] : named.toSorted(),
		scheme: tls.secretName === "" ? "http" : "https",
		port: service.port ?? (tls.secretName === "" ? 80 : 443),
	};
}

/** The first value of the chart that has been taken away; only of `resources` all may go. */
function missing(below: ValueLayer, above: ValueLayer): string | undefined {
	for (const [key, value] of Object.entries(below)) {
		const other = above[key];
		if (other === undefined) return key;
		const inner = key !== "resources" && isMap(value) && isMap(other) ? missing(value, other) : undefined;
		if (inner !== undefined) return `${key}.${inner}`;
	}
	return undefined;
}

/** Whether something from outside the cluster may come in. */
const isExposed = ({ service, ingress, httpRoute }: GatewayValues) =>
	service.type !== "ClusterIP" || ingress.enabled || httpRoute.enabled;

/** Values that do not go together, in the chart's words. */
function togetherProblem(values: GatewayValues): string | undefined {
	const { auth, tls, ingress, httpRoute, kubernetes } = values;
	if (kubernetes.namespaces.length > 1 && kubernetes.namespaces.includes("*")) {
		return 'kubernetes.namespaces: "*" stands alone.';
	}
	if (ingress.enabled && ingress.hosts.length === 0) {
		return "ingress.hosts is empty: name the hosts that the gateway is reached by.";
	}
	if (httpRoute.enabled && httpRoute.parentRefs.length === 0) {
		return "httpRoute.parentRefs is empty: name the Gateway that the route belongs to.";
	}
	if (tls.clientCa.secretName !== "" && tls.secretName === "") {
		return "tls.clientCa asks clients for certificates, which needs tls.secretName too.";
	}
	if (auth.apiKeys.secretName !== "" || tls.clientCa.secretName !== "") return undefined;
	if (auth.anonymous === "never") {
		return "auth.anonymous is never: name a Secret with API keys in auth.apiKeys.secretName, or one with an authority in tls.clientCa.secretName.";
	}
	if (auth.anonymous === "cluster" && isExposed(values)) {
		return (
			"The gateway would be open to everyone outside the cluster (by service.type, ingress or httpRoute). Name a Secret " +
			"with API keys in auth.apiKeys.secretName, or say auth.anonymous: everywhere if something else protects it."
		);
	}
	return undefined;
}

function sentence({ instancePath, keyword, params, message, parentSchema }: ErrorObject): string {
	const place = instancePath.slice(1).replaceAll("/", ".");
	if (keyword !== "additionalProperties") return `${place} ${message}.`;
	const key = String(params["additionalProperty"]);
	const known = isMap(parentSchema?.["properties"]) ? Object.keys(parentSchema["properties"]) : [];
	return `${place === "" ? "" : `${place}.`}${key} is not known.${didYouMean(key, known)}`;
}
