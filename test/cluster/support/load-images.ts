import type { V1Node } from "@kubernetes/client-node";
import { run } from "../../../envoy/run.ts";
import type { Image } from "../images.ts";

/**
 * Loads images into the cluster with the command in CLUSTER_LOAD, to which each docker-archive's path is added, as in
 * `kind load image-archive`. Those that all nodes say they have are left out.
 * @throws Error that says what to set, where images are missing and the variable is too.
 */
export async function loadImages(images: readonly Image[], nodes: readonly V1Node[], say: (line: string) => void) {
	const missing = images.filter(({ reference }) => !nodes.every((node) => has(node, reference)));
	for (const { reference, tar } of missing) {
		const begun = performance.now();
		await loadTar(tar);
		say(`Loaded ${reference} in ${((performance.now() - begun) / 1000).toFixed(0)} s`);
	}
}

/** Loads a docker-archive into the cluster. @throws Error that says what to set, where CLUSTER_LOAD is not. */
export async function loadTar(tar: string): Promise<void> {
	const command = process.env["CLUSTER_LOAD"];
	if (command === undefined) {
		throw new Error(
			"The cluster tests bring images of their own. Set CLUSTER_LOAD to the command that loads a docker-archive into " +
				"your cluster, as in CLUSTER_LOAD='kind load image-archive' or 'k3d image import'.",
		);
	}
	const { code, stdout, stderr } = await run("/bin/sh", ["-c", `${command} "$1"`, "sh", tar], { timeoutMs: 300_000 });
	if (code !== 0) throw new Error(`${command} ${tar} ended with code ${code}:\n${stdout}${stderr}`);
}

/** The kubelet tells of fifty images at the most, and not at once: what it does not name may be there all the same. */
function has({ status }: V1Node, reference: string): boolean {
	return status?.images?.some(({ names }) => names?.includes(reference)) ?? false;
}
