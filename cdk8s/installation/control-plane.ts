import type { V1Container, V1Deployment, V1Probe, V1Volume } from "@kubernetes/client-node";
import { filled, labels, metadata, selectorLabels } from "./identity.ts";
import type { Installation } from "./installation.ts";
import { gatewayContainer, placement, podBasics } from "./pods.ts";

const component = "control-plane";

/** The control planes. */
export function controlPlane(installation: Installation): V1Deployment {
	const { controlPlane: values } = installation.values;
	return {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: metadata(installation, component, "-control-plane"),
		spec: {
			replicas: values.replicas,
			selector: { matchLabels: selectorLabels(installation, component) },
			strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
			template: {
				metadata: {
					labels: { ...labels(installation, component), ...values.podLabels },
					...filled({ annotations: values.podAnnotations }),
				},
				spec: {
					...podBasics(installation, component, true),
					terminationGracePeriodSeconds: 30,
					...placement(installation, component, values),
					containers: [container(installation)],
					volumes: [...volumes(installation), ...values.extraVolumes],
				},
			},
		},
	};
}

// Not /readyz, which waits for an Envoy: Envoys wait for a control plane that is ready.
const alive: V1Probe = { httpGet: { path: "/healthz", port: "admin" } };

function container(installation: Installation): V1Container {
	const { controlPlane: values } = installation.values;
	return {
		name: "control-plane",
		...gatewayContainer(installation),
		args: args(installation),
		...filled({ env: values.env, envFrom: values.envFrom }),
		ports: [
			{ name: "xds", containerPort: 18000, protocol: "TCP" },
			{ name: "admin", containerPort: 9090, protocol: "TCP" },
		],
		readinessProbe: { ...alive, periodSeconds: 2 },
		livenessProbe: { ...alive, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
		...filled({ resources: values.resources }),
		volumeMounts: [
			...volumes(installation).map(({ name, emptyDir }) => ({
				name,
				mountPath: `/${name}`,
				...(emptyDir === undefined && { readOnly: true }),
			})),
			...values.extraVolumeMounts,
		],
	};
}

function args({ values, namespace, registryName, gatewayName, serverNamespaces, version }: Installation): string[] {
	const { bridgeImage, controlPlane } = values;
	return [
		"control-plane",
		"--json",
		`--registry=configmap:${namespace}/${registryName}`,
		"--xds=0.0.0.0:18000",
		"--xds-ca=/xds/ca.crt",
		"--xds-cert=/xds/tls.crt",
		"--xds-key=/xds/tls.key",
		"--max-connection-age=1h",
		"--listen=0.0.0.0:8080",
		...clientArgs({ values }),
		"--admin=0.0.0.0:9090",
		"--admin-token-file=/admin/token",
		"--findings=/tmp/findings.json",
		`--gateway-name=${gatewayName}`,
		...(serverNamespaces.length === 0 ? [] : [`--kube-namespaces=${serverNamespaces.join(",")}`]),
		`--bridge-image=${bridgeImage.repository}:${bridgeImage.tag || version}`,
		...controlPlane.extraArgs,
	];
}

/** Who is let in. */
function clientArgs({ values: { auth, tls } }: Pick<Installation, "values">): string[] {
	const keys = auth.apiKeys.secretName !== "";
	const certificates = tls.clientCa.secretName !== "";
	return [
		...(keys ? [`--api-key-file=/api-keys/${auth.apiKeys.key}`] : certificates ? [] : ["--insecure"]),
		...(tls.secretName === "" ? [] : ["--tls-cert=/tls/tls.crt", "--tls-key=/tls/tls.key"]),
		...(certificates ? [`--tls-client-ca=/client-ca/${tls.clientCa.key}`] : []),
	];
}

/** Each is mounted as a folder of its name, so that what is renewed arrives. */
function volumes({ release, values: { auth, tls } }: Installation): V1Volume[] {
	const secret = (name: string, secretName: string) => (secretName === "" ? [] : [{ name, secret: { secretName } }]);
	return [
		...secret("xds", `${release}-xds-control-plane`),
		...secret("admin", `${release}-admin`),
		{ name: "tmp", emptyDir: {} },
		...secret("api-keys", auth.apiKeys.secretName),
		...secret("tls", tls.secretName),
		...secret("client-ca", tls.clientCa.secretName),
	];
}
