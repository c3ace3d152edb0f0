import type { LoadResult } from "./load-job.ts";
import { countsText, quantile } from "./numbers.ts";
import type { ChangeCost } from "./quiet-changes.ts";
import type { Section } from "./report.ts";
import { type Stages, stageRows } from "./stages.ts";

type Kind = "added" | "re-added" | "endpoint moved" | "path changed" | "removed";

/** What the section `reload` has measured. */
export interface ReloadFindings {
	readonly servers: number;
	readonly envoys: number;
	/** Milliseconds from the rename to the first answer that shows the change. */
	readonly times: Record<Kind, number[]>;
	/** Removals that were taken back within 15 ms. */
	readonly flips: number;
	/** Of the servers that did not change. */
	readonly load: LoadResult;
	/** Statuses of the servers that did. */
	readonly changing: Readonly<Record<string, number>>;
	/** Why streams ended. */
	readonly cut: readonly string[];
	/** Longest silence of a stream with an event every 100 ms. */
	readonly streamGap: number;
	/** Changes that did not show within the deadline. */
	readonly missing: readonly string[];
	readonly costs: readonly ChangeCost[];
	readonly stages: readonly Stages[];
}

export function reloadSection(findings: ReloadFindings): Section {
	const { servers, envoys, times, flips, load, changing, cut, streamGap, missing, costs, stages } = findings;
	const changes = Object.values(times).reduce((sum, values) => sum + values.length, 2 * flips);
	const p50 = quantile(times.added, 0.5);
	const ms = (value: number) => value.toFixed(1);
	return {
		title: `reload: ${changes} changes by file at ${servers} servers, ${envoys} Envoy${envoys === 1 ? "" : "s"}; load on 5 unchanged ones, ${(load.requests / load.seconds).toFixed(0)} requests/s`,
		rows: [
			["rename to first answer, ms", "p50", "p90", "p99", "max", "count"],
			...Object.entries(times).map(([kind, values]) => [
				kind,
				...[0.5, 0.9, 0.99, 1].map((q) => ms(quantile(values, q))),
				String(values.length),
			]),
			["removed and back within 15 ms", "", "", "", "", String(flips)],
			[],
			["where an addition's time goes, ms", "p50", "p90", "p99", "max", "count"],
			...stageRows(stages).map((row) => [...row, String(stages.length)]),
			...(costs.length === 0 ? [] : [[], ["one change without traffic", "bytes", "Envoy ms", "control plane ms"]]),
			...costs.map(({ kind, bytes, envoy, controlPlane }) => [kind, bytes.toFixed(0), ms(envoy), ms(controlPlane)]),
			[],
			["latency on unchanged servers, ms", ms(load.p50), "", ms(load.p99), ms(load.max)],
			["longest silence of a stream, ms", "", "", "", ms(streamGap)],
		],
		bars: [
			...(envoys === 1
				? [{ name: "a new server is served, p50", measured: `${ms(p50)} ms`, bar: "≤ 30 ms", met: p50 <= 30 }]
				: []),
			only("statuses of unchanged servers", load.statuses, ["200"]),
			only("statuses of changing servers", changing, ["200", "404"]),
			{ name: "streams cut", measured: cut.length === 0 ? "none" : cut.join(", "), bar: "none", met: cut.length === 0 },
			{
				name: "changes that never showed",
				measured: missing.length === 0 ? "none" : missing.join(", "),
				bar: "none",
				met: missing.length === 0,
			},
		],
		data: findings,
	};
}

function only(name: string, counts: Readonly<Record<string, number>>, allowed: readonly string[]) {
	const met = Object.keys(counts).every((key) => allowed.includes(key));
	return { name, measured: countsText(counts), bar: `only ${allowed.join(" or ")}`, met };
}
