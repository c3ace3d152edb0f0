/** What an installation is made of: the keys of `charts/mcp-gateway/values.yaml` without those of Helm's hooks. */
import type {
	V1Affinity,
	V1EnvFromSource,
	V1EnvVar,
	V1IngressTLS,
	V1LocalObjectReference,
	V1NetworkPolicyPeer,
	V1ResourceRequirements,
	V1Toleration,
	V1Volume,
	V1VolumeMount,
} from "@kubernetes/client-node";

type Texts = Readonly<Record<string, string>>;

/** An image as pods name it. */
export interface ImageValues {
	/** Name without tag. */
	readonly repository: string;
	/** @default the gateway's version */
	readonly tag: string;
}

export interface PulledImageValues extends ImageValues {
	/** When the node fetches it. */
	readonly pullPolicy: "Always" | "IfNotPresent" | "Never";
}

/** A Secret of yours, and its key that matters. */
export interface SecretKeyValues {
	/** Empty: none. */
	readonly secretName: string;
	readonly key: string;
}

/** What Deployments of both kinds take. */
export interface PodValues {
	readonly resources: V1ResourceRequirements;
	/** Further annotations of the pods. */
	readonly podAnnotations: Texts;
	/** Further labels of the pods. */
	readonly podLabels: Texts;
	readonly nodeSelector: Texts;
	readonly tolerations: V1Toleration[];
	/** Beside that the pods spread over nodes and zones. */
	readonly affinity: V1Affinity;
	readonly priorityClassName: string;
}

export interface ControlPlaneValues extends PodValues {
	readonly replicas: number;
	/** Variables for `${NAME}` in the registry. */
	readonly env: V1EnvVar[];
	readonly envFrom: V1EnvFromSource[];
	/** Further options of `mcp-gateway control-plane`. */
	readonly extraArgs: string[];
	/** Files that registry or options name. */
	readonly extraVolumes: V1Volume[];
	readonly extraVolumeMounts: V1VolumeMount[];
}

export interface EnvoyValues extends PodValues {
	/** Any Envoy from 1.37 on that has bash. */
	readonly image: PulledImageValues;
	/** Without autoscaling. */
	readonly replicas: number;
	/** By the pods' mean CPU in percent of what they request; needs metrics-server. */
	readonly autoscaling: {
		readonly enabled: boolean;
		readonly min: number;
		readonly max: number;
		readonly cpu: number;
	};
	/** Worker threads. */
	readonly concurrency: number;
	/** A pod that leaves goes on for so long, or until its last request is answered. */
	readonly drainSeconds: number;
	readonly logLevel: "trace" | "debug" | "info" | "warning" | "error" | "critical" | "off";
}

/** What clients connect to. */
export interface ServiceValues {
	readonly type: "ClusterIP" | "NodePort" | "LoadBalancer";
	/** Left out: 443 with `tls.secretName`, else 80. */
	readonly port?: number;
	readonly nodePort?: number;
	readonly annotations: Texts;
	readonly labels: Texts;
	readonly loadBalancerClass?: string;
	/** Networks that may come in. */
	readonly loadBalancerSourceRanges?: string[];
	/** `Local` keeps clients' addresses, for the access log. */
	readonly externalTrafficPolicy?: "Cluster" | "Local";
}

/** A Gateway that a route belongs to. */
export interface ParentReference {
	readonly name: string;
	readonly namespace?: string;
	readonly sectionName?: string;
}

/** A peer as a policy is written: the client's type has other keys. */
export type Peer = Pick<V1NetworkPolicyPeer, "podSelector" | "namespaceSelector" | "ipBlock">;

export interface GatewayValues {
	/** The servers by their ids, as in a registry file. */
	readonly registry: Readonly<Record<string, unknown>>;
	/** A ConfigMap of yours with the registry under its only key, in place of `registry`. */
	readonly existingRegistry: string;
	/** Image of the control plane, which also prepares Envoy's pods. */
	readonly image: PulledImageValues;
	/** Image that the bridge of stdio servers on Kubernetes is copied from. */
	readonly bridgeImage: ImageValues;
	/** For the images of the gateway, not of the servers. */
	readonly imagePullSecrets: V1LocalObjectReference[];
	readonly auth: {
		/** The key file of clients. Without one no key is asked for. */
		readonly apiKeys: SecretKeyValues;
		/** Where clients without key and certificate are let in; `cluster`: only while nobody outside can come in. */
		readonly anonymous: "cluster" | "everywhere" | "never";
	};
	readonly tls: {
		/** Secret of type kubernetes.io/tls. Empty: plain HTTP. */
		readonly secretName: string;
		/** Only clients in that have a certificate by this authority. */
		readonly clientCa: SecretKeyValues;
	};
	readonly kubernetes: {
		/** Namespaces of servers of type k8s; they must exist. Empty: the gateway's own. `["*"]`: all, by a ClusterRole. */
		readonly namespaces: string[];
		/** Marks the objects of servers as this gateway's. Empty: the release's name. */
		readonly gatewayName: string;
	};
	readonly controlPlane: ControlPlaneValues;
	readonly envoy: EnvoyValues;
	readonly service: ServiceValues;
	readonly ingress: {
		readonly enabled: boolean;
		readonly className: string;
		readonly annotations: Texts;
		readonly hosts: string[];
		readonly tls: V1IngressTLS[];
	};
	/** A route of the Gateway API to a Gateway that is there. */
	readonly httpRoute: {
		readonly enabled: boolean;
		readonly annotations: Texts;
		readonly parentRefs: ParentReference[];
		readonly hostnames: string[];
	};
	readonly networkPolicy: {
		readonly enabled: boolean;
		/** Who reaches the gateway. Empty: everyone. */
		readonly clients: Peer[];
		/** Who reaches the admin API, which asks for its token all the same. Empty: nobody. */
		readonly admin: Peer[];
		/** Who reads metrics. Empty: Envoy's are for everyone in the cluster, the control plane's for whom `admin` names. */
		readonly metrics: Peer[];
		/** Servers that the gateway makes take requests from the gateway alone. Not for namespaces `["*"]`. */
		readonly servers: boolean;
	};
	readonly metrics: {
		/** prometheus.io/* on Envoy's pods. */
		readonly annotations: boolean;
		/** Needs the Prometheus operator. */
		readonly serviceMonitor: { readonly enabled: boolean; readonly interval: string; readonly labels: Texts };
	};
}

/** Some of it: sections hold what is said, lists and free maps are given whole. */
export type Given<T> = {
	readonly [Key in keyof T]?: T[Key] extends readonly unknown[]
		? T[Key]
		: T[Key] extends object
			? string extends keyof T[Key]
				? T[Key]
				: Given<T[Key]>
			: T[Key];
};
