/** The Lease that says which control plane writes. */
import { OWNER_LABEL, objectName } from "../names.ts";

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/ , as JSON has it. */
export interface LeaseObject {
	readonly apiVersion?: string;
	readonly kind?: string;
	readonly metadata?: {
		readonly name?: string;
		readonly namespace?: string;
		readonly uid?: string;
		readonly resourceVersion?: string;
		readonly labels?: Readonly<Record<string, string>>;
	};
	readonly spec?: {
		readonly holderIdentity?: string;
		readonly leaseDurationSeconds?: number;
		readonly acquireTime?: string;
		readonly renewTime?: string;
		readonly leaseTransitions?: number;
	};
}

export const leaseKind = { group: "coordination.k8s.io", resource: "leases" } as const;

/** Path of the Leases of a namespace, or (undefined) of all. */
export function leasesPath(namespace: string | undefined): string {
	const root = `/apis/${leaseKind.group}/v1`;
	return namespace === undefined ? `${root}/leases` : `${root}/namespaces/${namespace}/leases`;
}

/** The gateway's name, made one that an object may have. */
export function leaseName(gatewayName: string): string {
	return objectName(gatewayName);
}

/** Holders of this kind are about to remove everything: a control plane that sees one writes no more. */
const CLEANUP = "cleanup_";

export function cleanupIdentity(identity: string): string {
	return CLEANUP + identity;
}

/** Who holds it; undefined where it was given back. */
export function holderOf({ spec }: LeaseObject): string | undefined {
	return spec?.holderIdentity === "" ? undefined : spec?.holderIdentity;
}

export function isCleanup(holder: string | undefined): boolean {
	return holder?.startsWith(CLEANUP) === true;
}

export function isOurLease({ metadata }: LeaseObject, gatewayName: string): boolean {
	return metadata?.labels?.[OWNER_LABEL] === gatewayName;
}

/** The Lease as `identity` takes or renews it; with the version of the one before, so that nobody else's is lost. */
export function leaseFor(given: {
	readonly before: LeaseObject | undefined;
	readonly namespace: string;
	readonly gatewayName: string;
	readonly identity: string;
	readonly durationMs: number;
}): LeaseObject {
	const { before, namespace, gatewayName, identity, durationMs } = given;
	// Kubernetes' microseconds: https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#MicroTime
	const renewTime = new Date().toISOString().replace("Z", "000Z");
	const same = before?.spec?.holderIdentity === identity;
	const transitions = before?.spec?.leaseTransitions ?? 0;
	return {
		apiVersion: `${leaseKind.group}/v1`,
		kind: "Lease",
		metadata: {
			...before?.metadata,
			name: leaseName(gatewayName),
			namespace,
			labels: {
				...before?.metadata?.labels,
				"app.kubernetes.io/managed-by": "mcp-gateway",
				[OWNER_LABEL]: gatewayName,
			},
		},
		spec: {
			holderIdentity: identity,
			leaseDurationSeconds: Math.ceil(durationMs / 1000),
			acquireTime: (same ? before.spec?.acquireTime : undefined) ?? renewTime,
			renewTime,
			leaseTransitions: before === undefined || same ? transitions : transitions + 1,
		},
	};
}

/** The same, given back: the next who looks has it. */
export function leaseGivenBack(lease: LeaseObject): LeaseObject {
	return { ...lease, spec: { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1 } };
}
