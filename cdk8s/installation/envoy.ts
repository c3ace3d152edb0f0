import type { V1Container, V1Deployment, V2HorizontalPodAutoscaler } from "@kubernetes/client-node";
import { filled, labels, metadata, selectorLabels } from "./identity.ts";
import { drainScript, type Installation } from "./installation.ts";
import { containerSecurity, gatewayContainer, placement, podBasics, smallResources } from "./pods.ts";

const component = "envoy";

/** Time to end by itself after the drain. */
const END_SECONDS = 10;

/** The Envoys. */
export function envoy(installation: Installation): V1Deployment {
	const { envoy: values, metrics } = installation.values;
	const scraped = {
		"prometheus.io/scrape": "true",
		"prometheus.io/port": "9902",
		"prometheus.io/path": "/stats/prometheus",
	};
	const annotations = { ...(metrics.annotations && scraped), ...values.podAnnotations };
	return {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: metadata(installation, component, "-envoy"),
		spec: {
			...(!values.autoscaling.enabled && { replicas: values.replicas }),
			selector: { matchLabels: selectorLabels(installation, component) },
			// A new pod is ready before an old one leaves.
			strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: "25%" } },
			template: {
				metadata: {
					labels: { ...labels(installation, component), ...values.podLabels },
					...filled({ annotations }),
				},
				spec: {
					...podBasics(installation, component, false),
					terminationGracePeriodSeconds: values.drainSeconds + END_SECONDS,
					...placement(installation, component, values),
					initContainers: [bootstrap(installation)],
					containers: [container(installation)],
					volumes: [
						{ name: "config", emptyDir: {} },
						{ name: "xds", secret: { secretName: `${installation.release}-xds-envoy` } },
					],
				},
			},
		},
	};
}

/** Writes Envoy's configuration. */
function bootstrap(installation: Installation): V1Container {
	const { release, namespace, values } = installation;
	const limited = values.envoy.resources.limits?.["memory"] !== undefined;
	const memory = { resourceFieldRef: { containerName: "envoy", resource: "limits.memory" } };
	return {
		name: "bootstrap",
		...gatewayContainer(installation),
		args: [
			"bootstrap",
			`--xds=${release}-control-plane.${namespace}.svc:18000`,
			"--xds-ca=/xds/ca.crt",
			"--xds-cert=/xds/tls.crt",
			"--xds-key=/xds/tls.key",
			"--node-id=$(POD_NAME)",
			"--envoy-admin=127.0.0.1:9901",
			"--probes=0.0.0.0:9902",
			...(limited ? ["--memory=$(MEMORY)"] : []),
			"--output=/etc/envoy/envoy.yaml",
		],
		env: [
			{ name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
			...(limited ? [{ name: "MEMORY", valueFrom: memory }] : []),
		],
		resources: smallResources,
		volumeMounts: [{ name: "config", mountPath: "/etc/envoy" }],
	};
}

/**
 * Any answer of the admin interface will do: an Envoy that drains, or waits for a control plane, is well, and only the
 * second one has no other port yet.
 */
const aliveScript = [
	"exec 3<>/dev/tcp/127.0.0.1/9901 &&",
	"printf 'GET /ready HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 &&",
	"read -r -t 4 <&3",
].join(" ");

function container({ values: { envoy: values } }: Installation): V1Container {
	const { image } = values;
	return {
		name: "envoy",
		image: `${image.repository}:${image.tag}`,
		imagePullPolicy: image.pullPolicy,
		securityContext: containerSecurity(101),
		command: ["envoy"],
		args: [
			...["-c", "/etc/envoy/envoy.yaml", "--disable-hot-restart"],
			...["--concurrency", `${values.concurrency}`],
			...["--drain-time-s", `${Math.max(1, values.drainSeconds)}`],
			...["--drain-strategy", "immediate"],
			...["--log-level", values.logLevel],
		],
		ports: [
			{ name: "mcp", containerPort: 8080, protocol: "TCP" },
			{ name: "probes", containerPort: 9902, protocol: "TCP" },
		],
		// Ready once it has its listener.
		readinessProbe: { httpGet: { path: "/ready", port: "probes" }, periodSeconds: 2 },
		livenessProbe: {
			exec: { command: ["/bin/bash", "-c", aliveScript] },
			periodSeconds: 10,
			timeoutSeconds: 5,
			failureThreshold: 6,
		},
		lifecycle: {
			preStop: { exec: { command: ["/bin/bash", "-c", `${drainScript}\n`, "drain.sh", `${values.drainSeconds}`] } },
		},
		...filled({ resources: values.resources }),
		volumeMounts: [
			{ name: "config", mountPath: "/etc/envoy", readOnly: true },
			{ name: "xds", mountPath: "/xds", readOnly: true },
		],
	};
}

/** Scales the Envoys by their CPU, where it is asked for. */
export function envoyAutoscaler(installation: Installation): readonly V2HorizontalPodAutoscaler[] {
	const { enabled, min, max, cpu } = installation.values.envoy.autoscaling;
	if (!enabled) return [];
	return [
		{
			apiVersion: "autoscaling/v2",
			kind: "HorizontalPodAutoscaler",
			metadata: metadata(installation, component, "-envoy"),
			spec: {
				scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: `${installation.release}-envoy` },
				minReplicas: min,
				maxReplicas: max,
				metrics: [
					{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: cpu } } },
				],
			},
		},
	];
}
