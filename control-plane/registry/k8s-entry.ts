/** Schema of a Kubernetes entry. */
import { z } from "zod";
import { loadBalancer } from "./http-entry.ts";
import { togetherProblems, valueFields } from "./k8s-values.ts";
import type { KubernetesServer, ServerValues } from "./model.ts";

const CHART_RULE = "must be the name of a folder of `charts/`, such as `github-server`.";
const NAMESPACE_RULE = "must be the name of a namespace: small letters, digits and `-`.";
const SERVICE_RULE = "must be the name of a Service: small letters, digits and `-`.";
const dnsLabel = (error: string) => z.string({ error }).regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, { error });

/** The keys of a Kubernetes entry as the file has them. */
export const k8sFields = z
	.strictObject({
		type: z.enum(["k8s"]).describe("Kind of the server; may be left out beside `chart` or `image`."),
		chart: z
			.string({ error: CHART_RULE })
			// A single folder's name: no `/`, and neither `.` nor `..`.
			.regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/, { error: CHART_RULE })
			.describe("Folder of `charts/` whose `values.yaml` holds what the entry leaves out."),
		namespace: dnsLabel(NAMESPACE_RULE).describe("Namespace of the pods; left out: the gateway's own."),
		manage: z
			.boolean({ error: "must be `true` or `false`." })
			.describe(
				"`true` (default): the gateway creates, changes and removes the server's objects. `false`: it only finds its Service.",
			),
		service: dnsLabel(SERVICE_RULE).describe("With `manage: false`: name of the Service; left out: the server's id."),
		via: z
			.enum(["endpoints", "service"], { error: "must be `endpoints` or `service`." })
			.describe(
				"`endpoints` (default): requests go to the pods, balanced by the gateway. `service`: to the Service, and Kubernetes balances.",
			),
		loadBalancer,
		...valueFields,
	})
	.partial();

type Fields = z.output<typeof k8sFields>;

/** Keys that have a meaning for a server that is only found. */
const FOUND_KEYS = new Set<string>([
	"type",
	"chart",
	"namespace",
	"manage",
	"service",
	"via",
	"loadBalancer",
	"port",
	"path",
]);

/** Faults of an entry's keys against each other; of the chart's values nothing is known yet. */
function check(entry: Fields, ctx: z.RefinementCtx): void {
	const fault = (path: readonly string[], message: string) =>
		ctx.addIssue({ code: "custom", path: [...path], message });
	if (entry.manage === false) {
		for (const key of Object.keys(entry)) {
			if (FOUND_KEYS.has(key)) continue;
			fault(
				[key],
				"is for servers that the gateway creates; with `manage: false` it only finds one. Remove one of them.",
			);
		}
		return;
	}
	if (entry.service !== undefined) {
		fault(["service"], "is for `manage: false`: a Service that the gateway creates is named after the server.");
	}
	if (entry.replicas !== undefined && entry.autoscale !== undefined) {
		fault(["replicas"], "and `autoscale` exclude each other: write how many pods there are, or between what bounds.");
	}
	for (const { path, message } of togetherProblems(entry)) fault(path, message);
	// With a chart the transport may be its word.
	const transport = entry.transport ?? (entry.chart === undefined ? "http" : undefined);
	if (transport === "http" && entry.pool !== undefined) fault(["pool"], "is for `transport: stdio`.");
	if (transport === "stdio" && entry.path !== undefined) {
		fault(["path"], "is for `transport: http`: the bridge in front of a `stdio` server has a path of its own.");
	}
	if (entry.chart !== undefined) return;
	if (entry.image === undefined) {
		fault(["chart"], "is missing: write `chart: github-server` for a folder of `charts/`, or `image` with an image.");
	}
	if (transport === "stdio" && (entry.command ?? []).length === 0) {
		fault(["command"], "is missing: the program of a `stdio` server must be named, even if it is the image's own.");
	}
}

/** What an entry says of its server's values, without what it leaves out. */
function valuesOf(entry: Fields): Partial<ServerValues> {
	const said = Object.keys(valueFields).filter((key) => Object.hasOwn(entry, key));
	return Object.fromEntries(said.map((key) => [key, entry[key as keyof typeof valueFields]]));
}

/** A Kubernetes entry, parsed into the model (without its id). */
export const k8sEntry = k8sFields
	.superRefine(check)
	.transform((entry): Omit<KubernetesServer, "id"> => {
		const { chart, namespace, manage = true, service, via = "endpoints" } = entry;
		return {
			type: "k8s",
			...(chart !== undefined && { chart }),
			...(namespace !== undefined && { namespace }),
			manage,
			...(service !== undefined && { service }),
			via,
			loadBalancer: entry.loadBalancer ?? "round-robin",
			values: valuesOf(entry),
		};
	})
	.describe("An MCP server that runs as pods on Kubernetes.");
