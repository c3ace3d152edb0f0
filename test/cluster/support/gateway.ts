import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { inject, onTestFailed } from "vitest";
import { type Gateway, type GatewayOptions, startGateway } from "../../support/gateway.ts";
import { writeKubeconfig } from "./kubeconfig.ts";

export interface ClusterGatewayOptions extends GatewayOptions {
	/** Whose objects are this gateway's own; each that runs at the same time needs another. */
	readonly name: string;
	/** Namespaces that its servers are in; its Lease is in the first one. */
	readonly namespaces: readonly [string, ...string[]];
	/** Text of a kubeconfig; left out: the one that the tests have. */
	readonly kubeconfig?: string;
}

/** A chart of every cluster gateway: the Python server over stdio. Which bridge is for the chart to say. */
export const stdioChart = "python";

/** A real `mcp-gateway up` that runs beside the cluster and reaches its pods. Stop it at the end. */
export async function startClusterGateway(given: ClusterGatewayOptions): Promise<Gateway> {
	const { name, namespaces, kubeconfig, ...options } = given;
	const file = await writeKubeconfig(namespaces[0], kubeconfig);
	const folder = dirname(file);
	const { python, bridge } = inject("images");
	const values = { image: python, bridgeImage: bridge, transport: "stdio", command: ["python3", "/app/stdio.py"] };
	await mkdir(join(folder, "charts", stdioChart), { recursive: true });
	await writeFile(join(folder, "charts", stdioChart, "values.yaml"), JSON.stringify({ "mcp-server": values }));
	const args = [
		...["--gateway-name", name, "--kube-namespaces", namespaces.join(",")],
		...["--kubeconfig", file, "--charts", join(folder, "charts"), ...(options.args ?? [])],
	];
	const gateway = await startGateway({ ...options, args });
	return {
		...gateway,
		async stop(signal) {
			const code = await gateway.stop(signal);
			await rm(folder, { recursive: true, force: true });
			return code;
		},
	};
}

/** Prints what the gateway said when the test fails. Call it in a test or its `beforeEach`. */
export function tellOnFailure(gateway: Gateway | undefined): void {
	onTestFailed(() => console.error(`--- the gateway said\n${gateway?.output() ?? "nothing"}---`));
}
