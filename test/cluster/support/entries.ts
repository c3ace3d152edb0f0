import { inject } from "vitest";
import { stdioChart } from "./gateway.ts";

/** Entries of the registry whose servers are the tests' own images. */
export interface Entries {
	http(more?: object): object;
	stdio(more?: object): object;
}

/** Entries of servers in a namespace. */
export function entriesIn(namespace: string): Entries {
	const { http: image } = inject("images");
	// A second is as often as Kubernetes can; how soon a pod is ready is not the gateway's doing.
	const probes = { readiness: { tcpSocket: { port: "mcp" }, periodSeconds: 1 } };
	const common = { type: "k8s", namespace, probes };
	return {
		http: (more = {}) => ({ ...common, image, ...more }),
		stdio: (more = {}) => ({ ...common, chart: stdioChart, ...more }),
	};
}
