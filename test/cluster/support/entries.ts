import { inject } from "vitest";
import { stdioChart } from "./gateway.ts";

/** Entries of the registry whose servers are the tests' own images. */
export interface Entries {
	http(more?: object): object;
	stdio(more?: object): object;
}

/** Entries of servers in a namespace. */
export function entriesIn(namespace: string): Entries {
	const images = inject("images");
	// A second is what Kubernetes can do at the least; the rest of a pod's start is not the gateway's either.
	const probes = { readiness: { tcpSocket: { port: "mcp" }, periodSeconds: 1 } };
	const common = { type: "k8s", namespace, probes };
	return {
		http: (more = {}) => ({ ...common, image: images.http, ...more }),
		stdio: (more = {}) => ({ ...common, chart: stdioChart, ...more }),
	};
}
