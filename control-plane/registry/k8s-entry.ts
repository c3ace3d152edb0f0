/** Schema of a Kubernetes server's entry. */
import { z } from "zod";
import type { KubernetesServer } from "./model.ts";

const CHART_RULE = "must be the name of a Helm chart, such as `github-server`.";
const REPLICAS_RULE = "must be a whole number from 0 to 1000.";
const NAMESPACE_RULE = "must be the name of a namespace: small letters, digits and `-`.";

/** The keys of a Kubernetes entry as the file has them. */
export const k8sFields = z.strictObject({
	type: z.enum(["k8s"]).optional().describe("Kind of the server; may be left out."),
	chart: z
		.string({ error: CHART_RULE })
		.regex(/^\S+$/, { error: CHART_RULE })
		.describe("Helm chart that the server is installed from."),
	replicas: z
		.int({ error: REPLICAS_RULE })
		.min(0, { error: REPLICAS_RULE })
		.max(1000, { error: REPLICAS_RULE })
		.optional()
		.describe("Pods of the server; left out: what the chart says."),
	namespace: z
		.string({ error: NAMESPACE_RULE })
		.regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, { error: NAMESPACE_RULE })
		.optional()
		.describe("Namespace of the pods; left out: the gateway's own."),
});

/** A Kubernetes entry, parsed into the model (without its id). */
export const k8sEntry = k8sFields
	.transform(
		(entry): Omit<KubernetesServer, "id"> => ({
			type: "k8s",
			chart: entry.chart,
			...(entry.namespace !== undefined && { namespace: entry.namespace }),
			manage: true,
			via: "endpoints",
			loadBalancer: "round-robin",
			values: entry.replicas === undefined ? {} : { replicas: entry.replicas },
		}),
	)
	.describe("An MCP server that runs as pods on Kubernetes.");
