/** Shapes of what status says of Kubernetes: the admin API answers them, and the command line reads them. */
import { z } from "zod";
import type { Condition, KubernetesStatus, PodStatus } from "../kubernetes/contract.ts";
import type { KubernetesConnection } from "../kubernetes/kubernetes.ts";

export const podSchema = z
	.object({
		name: z.string(),
		namespace: z.string(),
		address: z.string().exactOptional(),
		node: z.string().exactOptional(),
		ready: z.boolean(),
		terminating: z.boolean().describe("It keeps its sessions and gets no new ones."),
		restarts: z.int().min(0),
		problem: z
			.string()
			.exactOptional()
			.meta({ description: "Why it is not ready.", examples: ["crash loop, exit code 1"] }),
		lastLines: z
			.array(z.string())
			.exactOptional()
			.describe("The last lines of a container that crashed; only where pods are asked for by themselves."),
	})
	.meta({ id: "Pod", description: "A pod of a server on Kubernetes." }) satisfies z.ZodType<PodStatus>;

const condition = z.object({
	reason: z.string().meta({ description: "Stable name.", examples: ["forbidden"] }),
	message: z.string().describe("A sentence with what to do; never holds a secret."),
}) satisfies z.ZodType<Condition>;

export const kubernetesStatusSchema = z.object({
	namespace: z.string(),
	name: z.string().describe("Of its Deployment and Service."),
	managed: z.boolean().describe("Created, changed and removed by the gateway."),
	via: z.enum(["endpoints", "service"]).describe("`endpoints`: Envoy reaches its pods directly."),
	replicas: z.object({ wanted: z.int().min(0), ready: z.int().min(0) }).exactOptional(),
	conditions: z.array(condition).describe("What a person must know; empty: nothing."),
	pods: z.array(podSchema),
}) satisfies z.ZodType<KubernetesStatus>;

export const kubernetesConnectionSchema = z.object({
	source: z
		.string()
		.exactOptional()
		.meta({ description: "Who the gateway is to the cluster.", examples: ["service account"] }),
	inCluster: z.boolean().exactOptional().describe("The gateway is itself a pod of the cluster."),
	problems: z.array(z.string()).describe("Why what is known of the cluster may be out of date."),
	writer: z
		.object({
			identity: z.string().describe("Of this control plane, as others see it."),
			writes: z.boolean().describe("This control plane is the one that changes the cluster."),
			holder: z.string().exactOptional().describe("The one that was last seen to; left out: none was."),
			problem: condition.exactOptional(),
		})
		.exactOptional()
		.describe("Which of several control planes changes the cluster."),
}) satisfies z.ZodType<KubernetesConnection>;
