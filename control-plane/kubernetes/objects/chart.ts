/** Charts as the gateway reads them: the `values.yaml` of each, which says what entries leave out. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { root } from "../../cli/paths.ts";
import { readDocument } from "../../registry/document.ts";
import { type Fault, faultsOf } from "../../registry/fault.ts";
import { formatErrors } from "../../registry/format.ts";
import { chartFields } from "../../registry/k8s-values.ts";
import type { KubernetesServer } from "../../registry/model.ts";
import { didYouMean } from "../../registry/suggest.ts";
import { knownValueKeys, serverValues, type ValueLayer, type ValuesResult } from "./values.ts";

/** The chart that all others are built on; its values stand under this key in theirs, as Helm has it. */
export const BASE_CHART = "mcp-server";

/** Charts that come with the gateway. */
export const ownCharts = join(root, "charts");

export type ChartResult =
	| { readonly ok: true; readonly values: ValueLayer }
	/** What is wrong, with file and line where it is one. */
	| { readonly ok: false; readonly problem: string };

/** `null` takes away what `mcp-server` has. */
const layer = z.strictObject(
	Object.fromEntries(Object.entries(chartFields).map(([key, field]) => [key, field.nullish()])),
	{ error: "must be a map of values such as `{image: ghcr.io/acme/server:1.2}`." },
);
/** A chart on top of `mcp-server`; beside that key it may have values for templates of its own. */
const wrapped = z.looseObject(
	{ [BASE_CHART]: layer },
	{ error: `must be a map, with the server's values under \`${BASE_CHART}\`.` },
);

const EMPTY = `The file is empty. Write the server's values under \`${BASE_CHART}\`.`;

/** Reads the text of a chart's `values.yaml`. Pure; `file` is for messages. */
export function parseChart(text: string, file: string, name: string): ChartResult {
	const base = name === BASE_CHART;
	const read = readDocument(
		text,
		file,
		(value) => {
			const result = base ? layer.safeParse(value) : wrapped.safeParse(value);
			const known = (map: string) => knownValueKeys(map.replace(/^mcp-server(?:\.|$)/, ""));
			const faults: readonly Fault[] = result.success ? [] : faultsOf(result.error.issues, value, known);
			return { value, faults };
		},
		EMPTY,
	);
	if (!read.ok) return { ok: false, problem: formatErrors(read.errors) };
	return { ok: true, values: (base ? read.value : Reflect.get(Object(read.value), BASE_CHART)) as ValueLayer };
}

/** Reads charts when they are asked for; a file that has not changed is read once. */
export interface Charts {
	/** All values of a server. */
	values(server: KubernetesServer): ValuesResult;
}

/**
 * Charts in a folder; `mcp-server` is the gateway's own where the folder has none. `bridgeImage` stands in place of that
 * of `mcp-server`; another chart may have its own.
 */
export function createCharts(folder: string = ownCharts, bridgeImage?: string): Charts {
	const read = new Map<string, { readonly stamp: string; readonly result: ChartResult }>();

	function chartAt(file: string, name: string): ChartResult | undefined {
		const found = statSync(file, { throwIfNoEntry: false });
		if (found === undefined) return undefined;
		const stamp = `${found.mtimeMs} ${found.size} ${found.ino}`;
		const known = read.get(file);
		if (known?.stamp === stamp) return known.result;
		const result = parseChart(readFileSync(file, "utf8"), file, name);
		read.set(file, { stamp, result });
		return result;
	}

	function chart(name: string): ChartResult {
		const places = name === BASE_CHART ? [folder, ownCharts] : [folder];
		try {
			for (const place of places) {
				const found = chartAt(join(place, name, "values.yaml"), name);
				if (found !== undefined) return found;
			}
			const hint = didYouMean(name, chartNames(folder));
			return {
				ok: false,
				problem: `There is no chart \`${name}\`: ${join(folder, name, "values.yaml")} is missing.${hint}`,
			};
		} catch (error) {
			const why = error instanceof Error ? error.message : String(error);
			return { ok: false, problem: `The chart \`${name}\` cannot be read: ${why}.` };
		}
	}

	return {
		values(server) {
			const base = chart(BASE_CHART);
			if (!base.ok) return base;
			const own = server.chart === undefined || server.chart === BASE_CHART ? undefined : chart(server.chart);
			if (own?.ok === false) return own;
			const bridge = bridgeImage === undefined ? {} : { bridgeImage };
			return serverValues([base.values, bridge, own?.values ?? {}], server);
		},
	};
}

/** Folders of charts, for suggestions. */
function chartNames(folder: string): readonly string[] {
	try {
		return readdirSync(folder, { withFileTypes: true }).flatMap((one) => (one.isDirectory() ? [one.name] : []));
	} catch {
		return [];
	}
}
