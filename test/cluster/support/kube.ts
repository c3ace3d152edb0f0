import {
	AppsV1Api,
	CoreV1Api,
	KubeConfig,
	KubernetesObjectApi,
	type V1Node,
	VersionApi,
} from "@kubernetes/client-node";

/** The cluster of KUBECONFIG, or of `~/.kube/config`. */
const config = new KubeConfig();
config.loadFromDefault();

export const core = config.makeApiClient(CoreV1Api);
export const apps = config.makeApiClient(AppsV1Api);
/** For objects of any kind. */
export const objects = KubernetesObjectApi.makeApiClient(config);
/** For Exec, Watch and others that take it. */
export const kubeConfig = config;

/** Asks the cluster who it is. @throws Error that says what to set where there is none. */
export async function connect(): Promise<{ nodes: V1Node[]; version: string }> {
	const named = config.getCurrentCluster()?.server;
	// What the client makes up where no file names one.
	const server = named === "http://localhost:8080" ? undefined : named;
	try {
		if (server === undefined) throw new Error("no kubeconfig names one");
		const { gitVersion } = await config.makeApiClient(VersionApi).getCode();
		return { nodes: (await core.listNode()).items, version: gitVersion };
	} catch (error) {
		const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
		throw new Error(
			`The cluster tests need a Kubernetes cluster${server === undefined ? "" : `, and ${server} does not answer`} ` +
				`(${error instanceof Error ? error.message : String(error)}${cause}). ` +
				"Set KUBECONFIG to the file of one in which namespaces may be made and whose pods this machine reaches.",
		);
	}
}

/** The HTTP status that the API server refused with; undefined for any other error. */
export function refusal(error: unknown): number | undefined {
	return error instanceof Error && "code" in error && typeof error.code === "number" ? error.code : undefined;
}
