import type { V1Pod } from "@kubernetes/client-node";
import type { ApiServer } from "../api-server.ts";
import { crashedContainer, podStatus } from "./pods.ts";

const lines = 5;
const bytes = 4096;
const timeoutMs = 2000;

/**
 * The last lines that a pod's crashed container wrote; undefined where none crashed, or none can be had. Asked of the
 * API server each time, for a person: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
 */
export async function crashLog(
	api: ApiServer,
	pod: V1Pod,
	signal: AbortSignal,
): Promise<readonly string[] | undefined> {
	const crashed = podStatus(pod).ready ? undefined : crashedContainer(pod);
	const { name, namespace } = pod.metadata ?? {};
	if (crashed === undefined || name === undefined || namespace === undefined) return undefined;
	try {
		const text = await api.text(
			`/api/v1/namespaces/${namespace}/pods/${name}/log`,
			{
				container: crashed.name,
				tailLines: String(lines),
				limitBytes: String(bytes),
				...(crashed.previous && { previous: "true" }),
			},
			{ signal, timeoutMs },
		);
		return text.split("\n").filter((line) => line !== "");
	} catch {
		return undefined;
	}
}
