import { readBridges } from "../status/bridges.ts";
import { askText } from "../status/http-get.ts";
import type { StatusDeps } from "../status/status.ts";
import { bridgeMetrics } from "./bridge-metrics.ts";
import { envoyMetrics, envoyStatsPath } from "./envoy-stats.ts";
import type { Metrics } from "./metrics.ts";

/** Prometheus gives up after 10 s by default; ours must be there before. */
const ENVOY_MS = 8000;

/** All metrics, ours and those of whoever answers, in Prometheus' text format. */
export async function scrape(metrics: Metrics, status: StatusDeps): Promise<string> {
	const { envoyAdmin } = status;
	const [own, bridges, envoy] = await Promise.all([
		metrics.text(status),
		readBridges(status.bridges),
		envoyAdmin === undefined
			? undefined
			: askText(envoyAdmin, envoyStatsPath, { timeoutMs: ENVOY_MS }).catch(() => undefined),
	]);
	const up =
		envoyAdmin === undefined
			? ""
			: "# HELP mcp_gateway_envoy_up 1 if Envoy's admin interface answered.\n# TYPE mcp_gateway_envoy_up gauge\n" +
				`mcp_gateway_envoy_up ${envoy === undefined ? 0 : 1}\n`;
	return own + bridgeMetrics(bridges) + up + (envoy === undefined ? "" : await envoyMetrics(envoy));
}
