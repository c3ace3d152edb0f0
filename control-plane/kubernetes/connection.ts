import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import type { KubeConfig } from "@kubernetes/client-node";
import type { ConnectionFacts } from "./contract.ts";

/** What says which cluster it is. */
export interface ConnectionOptions {
	/** Kubeconfig file; left out: the pod's service account, else $KUBECONFIG, else ~/.kube/config. */
	readonly kubeconfig?: string;
	/** Context of the kubeconfig; left out: its current one. */
	readonly context?: string;
	readonly env: NodeJS.ProcessEnv;
}

export interface Connection {
	readonly kubeConfig: KubeConfig;
	readonly facts: ConnectionFacts;
}

/** Where Kubernetes puts a pod's account: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/**
 * Finds the cluster; nothing is sent to it. An option goes before the pod's service account, and that before files.
 * @throws Error that says what is missing, beginning with "no cluster".
 */
export async function findCluster(options: ConnectionOptions): Promise<Connection> {
	const client = await import("@kubernetes/client-node");
	const kubeConfig = new client.KubeConfig();
	const asked = options.kubeconfig !== undefined || options.context !== undefined;
	if (!asked && options.env["KUBERNETES_SERVICE_HOST"] !== undefined && existsSync(serviceAccountToken)) {
		kubeConfig.loadFromCluster();
		return { kubeConfig, facts: factsOf(kubeConfig, "service account", true) };
	}
	const files = kubeconfigFiles(options);
	try {
		for (const [index, file] of files.entries()) {
			if (index === 0) kubeConfig.loadFromFile(file);
			else {
				const more = new client.KubeConfig();
				more.loadFromFile(file);
				kubeConfig.mergeConfig(more, true);
			}
		}
	} catch (error) {
		throw new Error(`no cluster: the kubeconfig ${files.join(", ")} cannot be used: ${(error as Error).message}`);
	}
	const context = chosenContext(kubeConfig, options.context, files);
	kubeConfig.setCurrentContext(context);
	const cluster = kubeConfig.getCurrentCluster();
	if (cluster === null) throw new Error(`no cluster: context ${context} names a cluster that is not in the kubeconfig`);
	if (cluster.server.startsWith("http:") && !cluster.skipTLSVerify) {
		throw new Error(
			`no cluster: ${cluster.server} is plain HTTP, for which the kubeconfig must say insecure-skip-tls-verify: true`,
		);
	}
	return { kubeConfig, facts: factsOf(kubeConfig, `kubeconfig ${files.join(", ")}, context ${context}`, false) };
}

function kubeconfigFiles({ kubeconfig, env }: ConnectionOptions): readonly [string, ...string[]] {
	const named = kubeconfig ?? env["KUBECONFIG"];
	const candidates = named
		? named.split(delimiter).filter(Boolean)
		: [join(env["HOME"] ?? homedir(), ".kube", "config")];
	const [first, ...rest] = candidates.filter((file) => existsSync(file));
	if (first !== undefined) return [first, ...rest];
	const where =
		kubeconfig === undefined
			? `this is no pod with a service account, and there is no kubeconfig at ${candidates.join(" or ")}`
			: `there is no file ${kubeconfig}`;
	throw new Error(`no cluster: ${where}; name one with --kubeconfig`);
}

function chosenContext(kubeConfig: KubeConfig, wanted: string | undefined, files: readonly string[]): string {
	const names = kubeConfig.getContexts().map(({ name }) => name);
	const context = wanted ?? kubeConfig.getCurrentContext();
	const known = `those of ${files.join(", ")} are: ${names.join(", ") || "none"}`;
	if (!context)
		throw new Error(`no cluster: the kubeconfig has no current context; name one with --kube-context, ${known}`);
	if (!names.includes(context)) throw new Error(`no cluster: there is no context ${context}; ${known}`);
	return context;
}

function factsOf(kubeConfig: KubeConfig, source: string, inCluster: boolean): ConnectionFacts {
	const context = kubeConfig.getContextObject(kubeConfig.getCurrentContext());
	return { source, inCluster, namespace: context?.namespace ?? "default" };
}
