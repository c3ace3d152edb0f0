import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";

/**
 * Writes a kubeconfig with another namespace, and perhaps another address of the API server.
 * @param text The kubeconfig; left out: the one that the tests have.
 */
export async function writeKubeconfig(namespace: string, text?: string): Promise<string> {
	const config = new KubeConfig();
	if (text === undefined) config.loadFromDefault();
	else config.loadFromString(text);
	const context = config.getContextObject(config.getCurrentContext());
	if (context === null) throw new Error("the kubeconfig has no current context");
	const other = new KubeConfig();
	other.loadFromOptions({
		clusters: config.getClusters(),
		users: config.getUsers(),
		contexts: [{ ...context, namespace }],
		currentContext: context.name,
	});
	const file = join(await mkdtemp(join(tmpdir(), "kube-config-")), "config");
	await writeFile(file, other.exportConfig(), { mode: 0o600 });
	return file;
}
