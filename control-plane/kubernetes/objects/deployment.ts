/** The pods of a server. */
import type { V1Container, V1PodSpec, V1SecurityContext, V1Volume } from "@kubernetes/client-node";
import type { ServerValues } from "../../registry/model.ts";
import type { OwnedKinds } from "../contract.ts";
import { PORT_NAME, selectorLabels } from "../names.ts";
import { CONFIG_ANNOTATION, configData, configHash, REGISTRY_KEY } from "./config-map.ts";
import { metadata, type ObjectIdentity } from "./identity.ts";

/** Where the bridge lies in a stdio server's pod: its programs know this path, so that any image will do. */
const BRIDGE_FOLDER = "/mcp-bridge";
/** Where the init container has the volume, since the image has its own copy at the place of the pod's. */
const INSTALL_FOLDER = "/target";
const REGISTRY_FILE = `/etc/mcp-gateway/${REGISTRY_KEY}`;
/** User that copies it there. The image may name its own by a word, which `runAsNonRoot` refuses. */
const BRIDGE_USER = 65_532;

/** Time to end by itself after the drain, before SIGKILL: Kubernetes' own default. */
const END_SECONDS = 30;

export function deployment(values: ServerValues, identity: ObjectIdentity): OwnedKinds["Deployment"] {
	const fixed = values.replicas !== undefined && values.autoscale === undefined;
	return {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: metadata(identity),
		spec: {
			...(fixed && { replicas: values.replicas }),
			selector: { matchLabels: { ...selectorLabels(identity.name) } },
			// A new pod is ready before an old one leaves.
			strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: "25%" } },
			template: {
				metadata: {
					labels: { ...identity.labels },
					annotations: { [CONFIG_ANNOTATION]: configHash(configData(values, identity.id)) },
				},
				spec: podSpec(values, identity.name),
			},
		},
	};
}

/** What the Pod Security Standard `restricted` asks for: https://kubernetes.io/docs/concepts/security/pod-security-standards/ */
function containerSecurity(runAsUser: number | undefined): V1SecurityContext {
	return {
		allowPrivilegeEscalation: false,
		capabilities: { drop: ["ALL"] },
		...(runAsUser !== undefined && { runAsUser }),
	};
}

function podSpec(values: ServerValues, name: string): V1PodSpec {
	const stdio = values.transport === "stdio";
	return {
		// A server has no business with the API server unless it was given an account of its own.
		automountServiceAccountToken: values.serviceAccount !== undefined,
		...(values.serviceAccount !== undefined && { serviceAccountName: values.serviceAccount }),
		// Variables for each Service of the namespace would be among the server's own.
		enableServiceLinks: false,
		securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
		terminationGracePeriodSeconds: values.drainSeconds + END_SECONDS,
		// Orphans of the server's processes are reaped by the pause process then; the bridge is no init.
		...(stdio && { shareProcessNamespace: true, initContainers: [bridgeCopy(values)] }),
		containers: [serverContainer(values, name)],
		...(stdio && { volumes: volumes(name) }),
		...(Object.keys(values.nodeSelector).length > 0 && { nodeSelector: { ...values.nodeSelector } }),
		...(values.tolerations.length > 0 && { tolerations: [...values.tolerations] }),
	};
}

function serverContainer(values: ServerValues, name: string): V1Container {
	const stdio = values.transport === "stdio";
	const { readiness = { tcpSocket: { port: PORT_NAME }, periodSeconds: 2 }, liveness, startup } = values.probes;
	return {
		name: "server",
		image: values.image,
		imagePullPolicy: values.imagePullPolicy,
		...(stdio ? { command: bridgeCommand(values.port) } : imageCommand(values)),
		ports: [{ name: PORT_NAME, containerPort: values.port, protocol: "TCP" }],
		...(!stdio && { envFrom: [{ configMapRef: { name } }] }),
		...environment(values),
		...resources(values),
		readinessProbe: { ...readiness },
		...(liveness !== undefined && { livenessProbe: { ...liveness } }),
		...(startup !== undefined && { startupProbe: { ...startup } }),
		// A pod that leaves is told to end only after the gateway has taken it out of the balancing.
		...(values.drainSeconds > 0 && { lifecycle: { preStop: { sleep: { seconds: values.drainSeconds } } } }),
		securityContext: containerSecurity(values.runAsUser),
		...(stdio && {
			volumeMounts: [
				{ name: "bridge", mountPath: BRIDGE_FOLDER, readOnly: true },
				// Only the file, so that it stays as it is for as long as the pod lives: another one comes with another pod.
				{ name: "config", mountPath: REGISTRY_FILE, subPath: REGISTRY_KEY, readOnly: true },
				{ name: "tmp", mountPath: "/tmp" },
			],
		}),
	};
}

function imageCommand({ command, args }: ServerValues) {
	return { ...(command.length > 0 && { command: [...command] }), ...(args.length > 0 && { args: [...args] }) };
}

function environment({ secrets }: ServerValues) {
	const variables = Object.entries(secrets).sort(([one], [other]) => (one < other ? -1 : 1));
	if (variables.length === 0) return {};
	return { env: variables.map(([name, secret]) => ({ name, valueFrom: { secretKeyRef: { ...secret } } })) };
}

function resources({ resources: { requests, limits } }: ServerValues): Pick<V1Container, "resources"> {
	if (requests === undefined && limits === undefined) return {};
	return {
		resources: {
			...(requests !== undefined && { requests: { ...requests } }),
			...(limits !== undefined && { limits: { ...limits } }),
		},
	};
}

/** The bridge serves the one server of its registry, in one process, to whoever reaches the pod. */
function bridgeCommand(port: number): string[] {
	const options = [
		"--registry",
		REGISTRY_FILE,
		"--listen",
		`0.0.0.0:${port}`,
		"--workers",
		"1",
		"--insecure",
		"--json",
	];
	return [`${BRIDGE_FOLDER}/mcp-gateway`, "bridge", ...options];
}

/** Brings the bridge with its own Node and libraries into the pod. The server's amounts, which a quota may ask for, cost nothing here. */
function bridgeCopy(values: ServerValues): V1Container {
	return {
		name: "bridge",
		image: values.bridgeImage,
		imagePullPolicy: values.imagePullPolicy,
		command: [`${BRIDGE_FOLDER}/mcp-gateway`, "install", INSTALL_FOLDER],
		...resources(values),
		securityContext: containerSecurity(BRIDGE_USER),
		volumeMounts: [{ name: "bridge", mountPath: INSTALL_FOLDER }],
	};
}

function volumes(name: string): V1Volume[] {
	return [
		{ name: "bridge", emptyDir: {} },
		{ name: "config", configMap: { name } },
		{ name: "tmp", emptyDir: {} },
	];
}
