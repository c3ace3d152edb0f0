import type { V1Deployment } from "@kubernetes/client-node";

export interface HttpDeploymentOptions {
	readonly name: string;
	readonly image: string;
	readonly replicas: number;
	readonly env?: Readonly<Record<string, string>>;
}

export const httpPort = 8080;

/** Pods of the HTTP fixture as somebody else than the gateway would run them; their label is `app=<name>`. */
export function httpDeployment({ name, image, replicas, env = {} }: HttpDeploymentOptions): V1Deployment {
	const labels = { app: name };
	return {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name, labels },
		spec: {
			replicas,
			selector: { matchLabels: labels },
			template: {
				metadata: { labels },
				spec: {
					automountServiceAccountToken: false,
					securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
					terminationGracePeriodSeconds: 10,
					containers: [
						{
							name: "server",
							image,
							imagePullPolicy: "IfNotPresent",
							env: Object.entries(env).map(([name, value]) => ({ name, value })),
							ports: [{ name: "mcp", containerPort: httpPort }],
							readinessProbe: { httpGet: { path: "/healthz", port: "mcp" }, periodSeconds: 1 },
							securityContext: {
								allowPrivilegeEscalation: false,
								readOnlyRootFilesystem: true,
								capabilities: { drop: ["ALL"] },
							},
						},
					],
				},
			},
		},
	};
}
