import type { BridgeAnswer } from "../status/bridges.ts";

const figures = {
	sessions: { name: "stdio_sessions", type: "gauge", help: "Open sessions of a stdio server." },
	processes: { name: "stdio_processes", type: "gauge", help: "Processes of a stdio server." },
	starts: { name: "stdio_starts_total", type: "counter", help: "Processes started." },
	startFailures: { name: "stdio_start_failures_total", type: "counter", help: "Starts that gave no session." },
	deaths: { name: "stdio_deaths_total", type: "counter", help: "Processes that ended while they had a session." },
} as const;

/** What the bridges tell of their stdio servers, added up over all bridges, in Prometheus' text format. Pure. */
export function bridgeMetrics(bridges: readonly BridgeAnswer[]): string {
	const blocks = Object.entries(figures).map(([key, { name, type, help }]) => {
		const sums = new Map<string, number>();
		for (const [id, server] of bridges.flatMap(({ servers }) => Object.entries(servers))) {
			const told: unknown = Reflect.get(server, key);
			const value = Array.isArray(told) ? told.length : told;
			if (typeof value === "number") sums.set(id, (sums.get(id) ?? 0) + value);
		}
		if (sums.size === 0) return "";
		const lines = [...sums].map(([id, value]) => `mcp_gateway_${name}{server="${id}"} ${value}\n`);
		return `# HELP mcp_gateway_${name} ${help}\n# TYPE mcp_gateway_${name} ${type}\n${lines.join("")}`;
	});
	return blocks.join("");
}
