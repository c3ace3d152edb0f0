import { expect, test } from "vitest";
import { envoyMetrics, envoyStatsPath } from "../../../control-plane/metrics/envoy-stats.ts";
import { readMetrics, sampleValue } from "../../support/prometheus.ts";

const bounds = [
	"0.5",
	"1",
	"5",
	"10",
	"25",
	"50",
	"100",
	"250",
	"500",
	"1000",
	"2500",
	"5000",
	"30000",
	"300000",
	"+Inf",
];
const text = [
	"# TYPE envoy_cluster_upstream_rq_xx counter",
	'envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="mcp/a"} 3',
	'envoy_cluster_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="mcp/a"} 1',
	'envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="mcp/c~d~e"} 7',
	'envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="xds"} 9',
	'envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="mcp/a"} 3',
	"# TYPE envoy_cluster_upstream_rq_time histogram",
	...bounds.map((le, n) => `envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="mcp/a",le="${le}"} ${n}`),
	'envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="mcp/a"} 2500.5',
	'envoy_cluster_upstream_rq_time_count{envoy_cluster_name="mcp/a"} 14',
	'envoy_http_downstream_rq_xx{envoy_response_code_class="4",envoy_http_conn_manager_prefix="mcp"} 5',
	'envoy_http_downstream_rq_active{envoy_http_conn_manager_prefix="admin"} 1',
	"envoy_server_uptime{} 60",
	"envoy_server_live{} 1",
	"",
].join("\n");

test("Envoy's statistics become few metrics with the server's own id", async () => {
	const samples = readMetrics(await envoyMetrics(text));
	const requests = (server: string, code_class: string) =>
		sampleValue(samples, "mcp_gateway_requests_total", { server, code_class });
	expect([requests("a", "2xx"), requests("a", "5xx"), requests("c.d.e", "2xx")]).toEqual([3, 1, 7]);
	expect(sampleValue(samples, "mcp_gateway_client_requests_total", { code_class: "4xx" })).toBe(5);
	expect(sampleValue(samples, "mcp_gateway_envoy_uptime_seconds")).toBe(60);
	expect(samples.filter(({ name }) => !name.includes("duration"))).toHaveLength(5);
});

test("times are in seconds, with fewer buckets", async () => {
	const samples = readMetrics(await envoyMetrics(text)).filter(({ name }) => name.includes("duration"));
	const buckets = samples.filter(({ name }) => name === "mcp_gateway_request_duration_seconds_bucket");
	const les = ["0.005", "0.025", "0.1", "0.25", "1", "5", "30", "300", "+Inf"];
	expect(buckets.map(({ labels }) => labels["le"])).toEqual(les);
	expect(buckets.map(({ value }) => value)).toEqual([2, 4, 6, 7, 9, 11, 12, 13, 14]);
	expect(sampleValue(samples, "mcp_gateway_request_duration_seconds_sum", { server: "a" })).toBe(2.5005);
	expect(sampleValue(samples, "mcp_gateway_request_duration_seconds_count", { server: "a" })).toBe(14);
});

test("only what becomes a metric is asked for", () => {
	const filter = new RegExp(new URL(envoyStatsPath, "http://envoy").searchParams.get("filter") ?? "");
	const asked = ["cluster.mcp/a.upstream_rq_2xx", "cluster.mcp/c~d.upstream_rq_time", "http.mcp.downstream_rq_4xx"];
	const not = ["cluster.mcp/a.upstream_rq_200", "cluster.xds.upstream_rq_2xx", "http.admin.downstream_rq_2xx"];
	expect([...asked, ...not].filter((name) => filter.test(name))).toEqual(asked);
});

test.each([
	["a b 1\n", "not a sample"],
	["# HELP a_total x\n# TYPE a_total counter\na_total 1\na_total 2\n", "twice"],
	["# HELP a x\n# TYPE a counter\na 1\n", "_total"],
	["a 1\n", "without HELP"],
	[
		'# HELP a x\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_count 1\na_sum 1\n',
		"not a histogram",
	],
	['# HELP a x\n# TYPE a gauge\n# HELP b x\n# TYPE b gauge\na 1\nb 1\na{c="d"} 1\n', "not with the others"],
])("the check of metrics finds what is wrong in %j", (wrong, message) => {
	expect(() => readMetrics(wrong)).toThrow(message);
});
