import { quantile } from "./numbers.ts";

/** Where the time of one addition goes, in milliseconds, from the control plane's debug log (whole milliseconds). */
export interface Stages {
	readonly read: number;
	readonly cluster: number;
	readonly endpoints: number;
	readonly scope: number;
	readonly served: number;
}

const names: Readonly<Record<keyof Stages, string>> = {
	read: "rename → registry read",
	cluster: "→ cluster sent",
	endpoints: "→ endpoints sent",
	scope: "→ cluster warm, scope sent",
	served: "→ first 200",
};

/** Finds the addition that began and ended at these `performance.now()` in the log's events. */
export function stagesOf(
	events: readonly Record<string, unknown>[],
	renamedAt: number,
	servedAt: number,
): Stages | undefined {
	const from = performance.timeOrigin + renamedAt;
	const to = performance.timeOrigin + servedAt;
	const between = events.flatMap((event) => {
		const at = Date.parse(String(event["time"]));
		return at >= Math.floor(from) && at <= to + 1 ? [{ at, event }] : [];
	});
	const first = (matches: (event: Record<string, unknown>) => boolean) =>
		between.find(({ event }) => matches(event))?.at;
	const push = (type: string) =>
		first((event) => event["event"] === "xds_push" && event["type"] === type && event["upsert"] !== 0);
	const read = first((event) => event["msg"] === "registry read" && event["process"] === "control-plane");
	const [cluster, endpoints, scope] = [push("cluster"), push("endpoints"), push("scope")];
	if (read === undefined || cluster === undefined || endpoints === undefined || scope === undefined) return undefined;
	return {
		read: Math.max(0, read - from),
		cluster: cluster - read,
		endpoints: endpoints - cluster,
		scope: scope - endpoints,
		served: Math.max(0, to - scope),
	};
}

/** A row a stage: its name, p50, p90, p99, longest. */
export function stageRows(all: readonly Stages[]): string[][] {
	return (Object.keys(names) as (keyof Stages)[]).map((stage) => {
		const values = all.map((stages) => stages[stage]);
		return [names[stage], ...[0.5, 0.9, 0.99, 1].map((q) => quantile(values, q).toFixed(1))];
	});
}
