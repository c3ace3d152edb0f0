/** Envoy's statistics as metrics of ours: few, with stable names, one `server` label instead of cluster names. */
import { setImmediate } from "node:timers/promises";
import { keyCounts } from "../status/key-counts.ts";
import { keyCounterStat } from "../xds/api-keys.ts";
import { idOfStatName } from "../xds/names.ts";

interface Metric {
	readonly name: string;
	readonly help: string;
	readonly type: "counter" | "gauge" | "histogram";
	/** Envoy's name, without `envoy_`. */
	readonly of: string;
	/** What Envoy's value is multiplied by to be in base units. */
	readonly factor?: number;
}

const seconds = 0.001;

/** Statistics of the clusters, one for each server; https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/upstream/cluster_manager/cluster_stats */
const ofServers: readonly Metric[] = [
	{
		name: "requests_total",
		help: "Requests that a server answered, or failed to, by class of the status code.",
		type: "counter",
		of: "cluster_upstream_rq_xx",
	},
	{
		name: "requests_active",
		help: "Requests under way, open event streams included.",
		type: "gauge",
		of: "cluster_upstream_rq_active",
	},
	{
		name: "request_duration_seconds",
		help: "From a request's first byte to the end of its answer, event streams included.",
		type: "histogram",
		of: "cluster_upstream_rq_time",
		factor: seconds,
	},
	{
		name: "request_retries_total",
		help: "Requests sent to another replica because the connection to the first never opened.",
		type: "counter",
		of: "cluster_upstream_rq_retry",
	},
	{
		name: "request_timeouts_total",
		help: "Requests that took longer than `timeouts` allow.",
		type: "counter",
		of: "cluster_upstream_rq_timeout",
	},
	{
		name: "connections_active",
		help: "Open connections to a server's replicas.",
		type: "gauge",
		of: "cluster_upstream_cx_active",
	},
	{
		name: "connect_failures_total",
		help: "Connections to a server's replicas that did not open.",
		type: "counter",
		of: "cluster_upstream_cx_connect_fail",
	},
	{
		name: "server_received_bytes_total",
		help: "Bytes received from a server.",
		type: "counter",
		of: "cluster_upstream_cx_rx_bytes_total",
	},
	{
		name: "server_sent_bytes_total",
		help: "Bytes sent to a server.",
		type: "counter",
		of: "cluster_upstream_cx_tx_bytes_total",
	},
	{
		name: "replica_ejections_total",
		help: "Replicas taken out because their connections failed.",
		type: "counter",
		of: "cluster_outlier_detection_ejections_enforced_total",
	},
	{ name: "replicas", help: "Replicas of a server.", type: "gauge", of: "cluster_membership_total" },
	{
		name: "replicas_healthy",
		help: "Replicas of a server that get new sessions.",
		type: "gauge",
		of: "cluster_membership_healthy",
	},
];

/** Statistics of the listener and of Envoy itself. */
const ofGateway: readonly Metric[] = [
	{
		name: "client_requests_total",
		help: "Requests of clients, those that the gateway itself refused included, by class of the status code.",
		type: "counter",
		of: "http_downstream_rq_xx",
	},
	{
		name: "client_requests_active",
		help: "Requests of clients under way.",
		type: "gauge",
		of: "http_downstream_rq_active",
	},
	{
		name: "client_connections_active",
		help: "Open connections of clients.",
		type: "gauge",
		of: "http_downstream_cx_active",
	},
	{ name: "envoy_uptime_seconds", help: "Since Envoy was started.", type: "gauge", of: "server_uptime" },
	{
		name: "envoy_memory_bytes",
		help: "Memory that Envoy has allocated.",
		type: "gauge",
		of: "server_memory_allocated",
	},
];

const byName = new Map([...ofServers, ...ofGateway].map((metric) => [metric.of, metric]));

/**
 * Upper bounds that are kept of Envoy's nineteen, in its milliseconds: with thousands of servers each is thousands of
 * lines. They tell a fast answer from a slow one, and an answer from a stream.
 */
const BUCKETS = new Set(["5", "25", "100", "250", "1000", "5000", "30000", "300000", "+Inf"]);

/** Path of Envoy's admin interface that gives what {@link envoyMetrics} reads, and little more. */
export const envoyStatsPath = `/stats/prometheus?usedonly&filter=${encodeURIComponent(
	"^(cluster\\.mcp/[^.]+\\.(upstream_rq_(.xx|active|time|retry|timeout)|upstream_cx_(active|connect_fail|[rt]x_bytes_total)|" +
		"outlier_detection\\.ejections_enforced_total|membership_(total|healthy))" +
		`|http\\.mcp\\.downstream_(rq_.xx|rq_active|cx_active)|server\\.(uptime|memory_allocated)|${keyCounterStat}\\.name\\..*)$`,
)}`;

const LINE = /^envoy_(\w+?)(_bucket|_sum|_count)?\{([^}]*)\} (\S+)$/;

/** So many lines are some milliseconds; meanwhile Envoys wait for their answers. */
const LINES_AT_ONCE = 5000;

/**
 * Envoy's Prometheus text in, ours out: only metrics that are listed here, each with its HELP and TYPE. Lets others run
 * in between: ten thousand servers are some hundred thousand lines.
 */
export async function envoyMetrics(text: string): Promise<string> {
	const samples = new Map<Metric, string[]>();
	let lines = 0;
	for (let start = 0, end = 0; start < text.length; start = end + 1) {
		end = text.indexOf("\n", start);
		if (end === -1) end = text.length;
		if (++lines % LINES_AT_ONCE === 0) await setImmediate();
		const line = text.slice(start, end);
		if (line === "" || line.startsWith("#")) continue;
		const sample = translate(line);
		if (sample === undefined) continue;
		const known = samples.get(sample.metric);
		if (known === undefined) samples.set(sample.metric, [sample.line]);
		else known.push(sample.line);
	}
	const blocks = [...samples].map(([{ name, help, type }, lines]) => {
		const full = `mcp_gateway_${name}`;
		return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join("\n")}\n`;
	});
	return blocks.join("") + keyMetrics(text);
}

function keyMetrics(text: string): string {
	const counts = keyCounts(text);
	if (counts.length === 0) return "";
	const name = "mcp_gateway_requests_by_key_total";
	const lines = counts.map(
		({ key, outcome, requests }) => `${name}{key=${JSON.stringify(key)},outcome="${outcome}"} ${requests}\n`,
	);
	const help = "Requests by API key: allowed, denied for that server, or unauthorized (the key is empty).";
	return `# HELP ${name} ${help}\n# TYPE ${name} counter\n${lines.join("")}`;
}

function translate(line: string): { metric: Metric; line: string } | undefined {
	const [, stem = "", suffix = "", labelText = "", value = ""] = LINE.exec(line) ?? [];
	const metric = byName.get(stem) ?? byName.get(stem + suffix);
	if (metric === undefined) return undefined;
	const isHistogram = metric.type === "histogram";
	const labels = labelsOf(labelText);
	const ours: string[] = [];
	const cluster = labels.get("envoy_cluster_name");
	if (cluster !== undefined) {
		const id = idOfStatName(cluster);
		if (id === undefined) return undefined;
		ours.push(`server="${id}"`);
	} else if (labels.get("envoy_http_conn_manager_prefix") === "admin") return undefined;
	const codeClass = labels.get("envoy_response_code_class");
	if (codeClass !== undefined) ours.push(`code_class="${codeClass}xx"`);
	const factor = metric.factor ?? 1;
	const le = labels.get("le");
	if (le !== undefined) {
		if (!BUCKETS.has(le)) return undefined;
		ours.push(`le="${le === "+Inf" ? le : Number(le) * factor}"`);
	}
	const inUnits = isHistogram && suffix !== "_sum" ? Number(value) : Number(value) * factor;
	const shown = ours.length === 0 ? "" : `{${ours.join(",")}}`;
	return { metric, line: `mcp_gateway_${metric.name}${isHistogram ? suffix : ""}${shown} ${inUnits}` };
}

/** Envoy escapes what it has to; none of the labels that are read here can hold a quote. */
function labelsOf(text: string): ReadonlyMap<string, string> {
	return new Map([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = "", value = ""]) => [name, value]));
}
