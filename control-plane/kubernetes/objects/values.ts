/** From a server's entry and its chart to all that its objects are made of. */
import { z } from "zod";
import { faultsOf } from "../../registry/fault.ts";
import { chartFields, type TogetherProblem, togetherProblems, valueKeys } from "../../registry/k8s-values.ts";
import type { KubernetesServer, ServerValues } from "../../registry/model.ts";

/** Values as a file or an entry writes them: some of the keys of {@link ServerValues}. */
export type ValueLayer = Readonly<Record<string, unknown>>;

export type ValuesResult =
	| { readonly ok: true; readonly values: ServerValues }
	/** Sentences that say what is wrong and what to write instead. */
	| { readonly ok: false; readonly problem: string };

const isMap = (value: unknown): value is ValueLayer =>
	typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * One layer over another, as Helm does it: maps merge by key, everything else replaces, `null` takes away.
 * https://helm.sh/docs/chart_template_guide/values_files/
 */
export function mergeLayers(below: ValueLayer, above: ValueLayer): ValueLayer {
	const merged: Record<string, unknown> = { ...below };
	for (const [key, value] of Object.entries(above)) {
		if (value === null) delete merged[key];
		else if (isMap(value)) merged[key] = mergeLayers(isMap(merged[key]) ? merged[key] : {}, value);
		else merged[key] = value;
	}
	return merged;
}

/** Layers from the lowest to the highest. Of `replicas` and `autoscale` the higher one stands. */
export function mergedLayers(layers: readonly ValueLayer[]): ValueLayer {
	return layers.reduce((below, above) => {
		const { replicas, autoscale, ...rest } = below;
		const kept = {
			...rest,
			...(replicas !== undefined && !isMap(above["autoscale"]) && { replicas }),
			...(autoscale !== undefined && typeof above["replicas"] !== "number" && { autoscale }),
		};
		return mergeLayers(kept, above);
	}, {});
}

/** All values, of which four may be left out: what they ask for is not there then. */
const complete = z
	.strictObject({
		...chartFields,
		replicas: chartFields.replicas.optional(),
		autoscale: chartFields.autoscale.optional(),
		serviceAccount: chartFields.serviceAccount.optional(),
		runAsUser: chartFields.runAsUser.optional(),
	})
	.superRefine((values, ctx) => {
		for (const { path, message } of [...togetherProblems(values), ...completeProblems(values)]) {
			ctx.addIssue({ code: "custom", path: [...path], message });
		}
	})
	.transform(
		({ replicas, autoscale, serviceAccount, runAsUser, ...rest }): ServerValues => ({
			...rest,
			...(replicas !== undefined && { replicas }),
			...(autoscale !== undefined && { autoscale }),
			...(serviceAccount !== undefined && { serviceAccount }),
			...(runAsUser !== undefined && { runAsUser }),
		}),
	);

const HANDLERS = ["httpGet", "tcpSocket", "exec", "grpc"];

type Complete = Pick<ServerValues, "transport" | "command" | "probes" | "resources"> & { readonly autoscale?: unknown };

/** Faults that only show once nothing more can be added. */
function completeProblems(values: Complete): readonly TogetherProblem[] {
	const problems: TogetherProblem[] = [];
	if (values.transport === "stdio" && values.command.length === 0) {
		const message = "is empty: the program of a `stdio` server must be named, even if it is the image's own.";
		problems.push({ path: ["command"], message });
	}
	if (values.autoscale !== undefined && values.resources.requests?.cpu === undefined) {
		const message = "goes by what pods request: give `resources.requests.cpu` too.";
		problems.push({ path: ["autoscale"], message });
	}
	for (const [name, probe] of Object.entries(values.probes)) {
		const handlers = HANDLERS.filter((handler) => Object.hasOwn(probe, handler));
		if (handlers.length === 1) continue;
		const found = handlers.length === 0 ? "none" : handlers.map((one) => `\`${one}\``).join(" and ");
		const message = `must have one of \`httpGet\`, \`tcpSocket\`, \`exec\` and \`grpc\`, but has ${found}; \`null\` takes a chart's away.`;
		problems.push({ path: ["probes", name], message });
	}
	return problems;
}

/** What a map of values may hold, for suggestions. */
export function knownValueKeys(map: string): readonly string[] {
	if (map === "") return Object.keys(chartFields);
	return valueKeys[map] ?? valueKeys[map.replace(/[^.]+$/, "*")] ?? [];
}

/** Puts the layers of a server's chart and its entry together and checks the whole. Pure. */
export function serverValues(layers: readonly ValueLayer[], server: KubernetesServer): ValuesResult {
	const merged = mergedLayers([...layers, server.values]);
	const result = complete.safeParse(merged);
	if (result.success) return { ok: true, values: result.data };
	const faults = faultsOf(result.error.issues, merged, knownValueKeys);
	const chart = server.chart === undefined ? "`mcp-server`" : `chart \`${server.chart}\``;
	const told = [...new Set(faults.map(({ message }) => message))].slice(0, 3).join(" ");
	return { ok: false, problem: `The entry and ${chart} together: ${told}` };
}

/** Where a server with these values has its MCP endpoint: the bridge serves each server under its id. */
export function servedPath(values: Pick<ServerValues, "transport" | "path">, id: string): string {
	return values.transport === "stdio" ? `/${id}` : values.path;
}
