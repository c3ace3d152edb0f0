import { processStates } from "../../stdio-bridge/status.ts";
import { type AskedBridge, type PoolStatus, poolStatuses } from "../status/bridges.ts";

type Labels = Readonly<Record<string, string>>;
type Value = readonly [labels: Labels, value: number];

interface Figure {
	readonly name: string;
	readonly type: "gauge" | "counter" | "histogram";
	readonly help: string;
	/** By suffix of the name, labels and value. */
	readonly values: (pool: PoolStatus) => readonly (readonly [suffix: string, ...Value])[];
}

const one =
	(value: (pool: PoolStatus) => number): Figure["values"] =>
	(pool) => [["", {}, value(pool)]];

const figures: readonly Figure[] = [
	{ name: "sessions", type: "gauge", help: "Open sessions.", values: one(({ sessions }) => sessions) },
	{
		name: "processes",
		type: "gauge",
		help: "Processes: `ready` ones have clients, `idle` ones have none.",
		values: ({ processes }) =>
			processStates.map((state) => ["", { state }, processes.filter((process) => process.state === state).length]),
	},
	{ name: "processes_max", type: "gauge", help: "Processes at the most (`pool.max`).", values: one(({ max }) => max) },
	{
		name: "queue",
		type: "gauge",
		help: "Sessions and requests that wait for a process.",
		values: one(({ waiting }) => waiting),
	},
	{
		name: "unhealthy",
		type: "gauge",
		help: "1 if the last start of a process failed.",
		values: one(({ unhealthy }) => (unhealthy === undefined ? 0 : 1)),
	},
	{ name: "starts_total", type: "counter", help: "Processes started.", values: one(({ starts }) => starts) },
	{
		name: "restarts_total",
		type: "counter",
		help: "Processes started in place of one that died.",
		values: one(({ restarts }) => restarts),
	},
	{
		name: "start_failures_total",
		type: "counter",
		help: "Starts that gave no process that answers.",
		values: one(({ startFailures }) => startFailures),
	},
	{
		name: "deaths_total",
		type: "counter",
		help: "Processes that ended by themselves after they had started.",
		values: one(({ deaths }) => deaths),
	},
	{
		name: "start_duration_seconds",
		type: "histogram",
		help: "From the start of a process to its first answer.",
		values: ({ startSeconds: { buckets, sum, count } }) => [
			...buckets.map(({ le, count }) => ["_bucket", { le: String(le) }, count] as const),
			["_bucket", { le: "+Inf" }, count],
			["_sum", {}, sum],
			["_count", {}, count],
		],
	},
];

/**
 * What the bridge's workers tell of their stdio servers, in Prometheus' text format. Pure. Processes are told of by
 * state and not by pid: pids would be ever new series.
 */
export function bridgeMetrics(asked: readonly AskedBridge[]): string {
	if (asked.length === 0) return "";
	const up = asked.filter((bridge) => "answer" in bridge).length;
	const pools = [...poolStatuses(asked)];
	const blocks = [
		block("bridge_workers", "gauge", "Workers of the bridge that the control plane knows.", [["", {}, asked.length]]),
		block("bridge_workers_up", "gauge", "Those of them that answered.", [["", {}, up]]),
		...figures.map(({ name, type, help, values }) =>
			block(
				`stdio_${name}`,
				type,
				help,
				pools.flatMap(([server, pool]) =>
					values(pool).map(([suffix, labels, value]) => [suffix, { server, ...labels }, value] as const),
				),
			),
		),
	];
	return blocks.join("");
}

/** Ids hold nothing that would need escaping in a label. */
function block(name: string, type: string, help: string, values: readonly (readonly [string, ...Value])[]): string {
	if (values.length === 0) return "";
	const lines = values.map(([suffix, labels, value]) => {
		const shown = Object.entries(labels).map(([key, text]) => `${key}="${text}"`);
		return `mcp_gateway_${name}${suffix}${shown.length === 0 ? "" : `{${shown.join(",")}}`} ${value}\n`;
	});
	return `# HELP mcp_gateway_${name} ${help}\n# TYPE mcp_gateway_${name} ${type}\n${lines.join("")}`;
}
