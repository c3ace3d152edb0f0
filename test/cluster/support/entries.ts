import { inject } from "vitest";
import { stdioChart } from "./gateway.ts";

/** Entries of the registry whose servers are the tests' own images. */
export interface Entries {
	http(more?: { readonly env?: object; readonly [key: string]: unknown }): object;
	stdio(more?: object): object;
}

/** Entries of servers in a namespace. Their probes run as often as Kubernetes can. */
export function entriesIn(namespace: string): Entries {
	const { http: image } = inject("images");
	const common = { type: "k8s", namespace };
	const often = { periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 5 };
	return {
		/**
		 * A pod that is told to end is first no longer ready and goes on until nothing comes any more: one that closed its
		 * connections at once would break off what is on its way to it.
		 */
		http: ({ env = {}, ...more } = {}) => ({
			...{ ...common, image, env: { LINGER_MS: "3000", ...env } },
			probes: { readiness: { httpGet: { path: "/healthz", port: "mcp" }, ...often } },
			...more,
		}),
		stdio: (more = {}) => ({
			...{ ...common, chart: stdioChart, probes: { readiness: { tcpSocket: { port: "mcp" }, ...often } } },
			...more,
		}),
	};
}
