import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { core, refusal } from "../cluster/support/kube.ts";
import { writeKubeconfig } from "../cluster/support/kubeconfig.ts";
import { eventually, type Gateway, startGateway } from "../support/gateway.ts";

/** A namespace for a bench, and gateways whose servers are in it. */
export interface KubePlace {
	readonly namespace: string;
	/**
	 * @param chart Values of the chart `bench`, which entries may name.
	 * @param kubeconfig Text; left out: the one that the bench has.
	 */
	start(registry: object, chart: object, kubeconfig?: string): Promise<Gateway>;
	/** Ends its gateways and removes the namespace. */
	close(): Promise<void>;
}

export async function makePlace(): Promise<KubePlace> {
	const namespace = `bench-${randomBytes(3).toString("hex")}`;
	await core.createNamespace({ body: { metadata: { name: namespace } } });
	const account = () =>
		core.readNamespacedServiceAccount({ namespace, name: "default" }).then(
			() => true,
			(error: unknown) => {
				if (refusal(error) === 404) return false;
				throw error;
			},
		);
	await eventually(`service account of ${namespace}`, account, 60_000);
	const folder = await mkdtemp(join(tmpdir(), "bench-kube-"));
	const folders = [folder];
	const gateways: Gateway[] = [];
	return {
		namespace,
		async start(registry, chart, kubeconfig) {
			await mkdir(join(folder, "bench"), { recursive: true });
			await writeFile(join(folder, "bench", "values.yaml"), JSON.stringify({ "mcp-server": chart }));
			const file = await writeKubeconfig(namespace, kubeconfig);
			folders.push(dirname(file));
			const args = [
				...["--gateway-name", namespace, "--kube-namespaces", namespace],
				...["--kubeconfig", file, "--charts", folder, "--access-log", "off"],
			];
			const gateway = await startGateway({ registry, args });
			gateways.push(gateway);
			return gateway;
		},
		async close() {
			for (const gateway of gateways) await gateway.stop();
			await core.deleteNamespace({ name: namespace, gracePeriodSeconds: 0 });
			for (const one of folders) await rm(one, { recursive: true });
		},
	};
}
