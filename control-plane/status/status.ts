import { hostname } from "node:os";
import { describeStream, type RefusedResource } from "../ads/describe.ts";
import type { AdsServer } from "../ads/server.ts";
import type { Finding } from "../detection/finding.ts";
import type { Address } from "../ir/model.ts";
import type { KubernetesStatus } from "../kubernetes/contract.ts";
import type { Kubernetes, KubernetesConnection } from "../kubernetes/kubernetes.ts";
import type { RegistryError } from "../registry/model.ts";
import type { ServerOutcome } from "../snapshot/builder.ts";
import type { ApiKeyState } from "../sources/api-key-source.ts";
import { type CertificateFacts, certificateFacts } from "../sources/certificate.ts";
import type { CertificateSource } from "../sources/certificate-source.ts";
import type { SourceState } from "../sources/registry-source.ts";
import { caSecretName, clientCaName, clusterName, gatewayCertificateName, headerSecretName } from "../xds/names.ts";
import {
	type BridgeSummary,
	type PoolStatus,
	poolProblem,
	poolStatuses,
	readBridges,
	summarizeBridge,
} from "./bridges.ts";
import { type Health, type Replica, readHealth } from "./replicas.ts";

/** What `GET /v1/status` answers and `mcp-gateway status` shows. Holds no secret. */
export interface Status {
	/** At least one Envoy serves the registry. */
	readonly ready: boolean;
	/**
	 * Host name of the control plane that answers, in Kubernetes its pod's: of several each knows its own Envoys, and
	 * `ready` is about them.
	 */
	readonly controlPlane: string;
	readonly registry: { readonly file: string; readonly loadedAt?: number; readonly errors: readonly RegistryError[] };
	/** Left out where no key is asked for. */
	readonly apiKeys?: {
		readonly names: readonly string[];
		readonly loadedAt: number;
		readonly errors: readonly RegistryError[];
	};
	/** The certificate that HTTPS is served with; left out where plain HTTP is. */
	readonly certificate?: CertificateStatus;
	/** Left out where no entry asks for a cluster. */
	readonly kubernetes?: KubernetesConnection;
	readonly servers: readonly ServerStatus[];
	readonly envoys: readonly EnvoyStatus[];
	readonly processes: readonly unknown[];
	/** The workers of the bridge, those that do not answer among them. */
	readonly bridges: readonly BridgeSummary[];
}

/** `problem`: the files are faulty and the certificate before is served, or its time is over, or Envoy refused it. */
export interface CertificateStatus extends CertificateFacts {
	readonly file: string;
	/** Clients must have a certificate that an authority in this file has signed. */
	readonly clientCaFile?: string;
}

export interface ServerStatus {
	readonly id: string;
	readonly type: string;
	/**
	 * `failing`: no address, no healthy replica, no pod that is ready, or a stdio server whose last process did not start;
	 * it is tried again.
	 */
	readonly state: "serving" | "unavailable" | "refused" | "failing";
	readonly problem?: string;
	/** How a server whose entry does not say its type was found to be reached. */
	readonly detected?: Finding;
	readonly endpoints?: readonly Replica[];
	/** How often a replica was ejected because connections to it failed, since Envoy has the server. */
	readonly ejections?: number;
	/** Active health checks so far, and those that failed; left out where there are none. */
	readonly checks?: number;
	readonly failedChecks?: number;
	/** Sessions and processes of a stdio server; left out where no bridge tells of it. */
	readonly pool?: PoolStatus;
	/** Pods of a server on Kubernetes; left out while there is no cluster. */
	readonly kubernetes?: KubernetesStatus;
}

export interface EnvoyStatus {
	readonly id: string;
	readonly connectedAt: number;
	readonly inSync: boolean;
	readonly acks: number;
	readonly nacks: number;
	readonly pushes: number;
	readonly bytes: number;
	/** What this Envoy refuses, in its own words. */
	readonly refused: readonly RefusedResource[];
}

export interface StatusDeps {
	readonly registryFile: string;
	readonly source: () => SourceState;
	/** Left out, or undefined, where no key is asked for. */
	readonly apiKeys?: () => ApiKeyState | undefined;
	readonly outcomes: () => ReadonlyMap<string, ServerOutcome>;
	readonly ads: AdsServer;
	readonly envoyAdmin?: Address | undefined;
	readonly bridges: readonly Address[];
	/** Left out: no entry is of type k8s. */
	readonly kubernetes?: Pick<Kubernetes, "connection" | "status" | "pods">;
	readonly certificates?: CertificateSource | undefined;
	readonly processes: () => readonly unknown[];
}

/** Asks everyone who knows something; who does not answer is left out. */
export async function readStatus(deps: StatusDeps): Promise<Status> {
	const { errors, loadedAt } = deps.source();
	const [health, bridges] = await Promise.all([
		deps.envoyAdmin === undefined ? undefined : readHealth(deps.envoyAdmin).catch(() => undefined),
		readBridges(deps.bridges),
	]);
	const envoys = envoyStatuses(deps.ads);
	const pools = poolStatuses(bridges);
	const cluster = deps.kubernetes?.connection();
	return {
		ready: isReady(deps.ads),
		controlPlane: hostname(),
		registry: { file: deps.registryFile, ...(loadedAt === undefined ? {} : { loadedAt }), errors },
		...apiKeyStatus(deps.apiKeys?.()),
		...(deps.certificates === undefined ? {} : { certificate: certificateStatus(deps.certificates, envoys) }),
		...(cluster === undefined ? {} : { kubernetes: cluster }),
		servers: [...deps.outcomes().values()].map((outcome) => {
			const { server } = outcome;
			const kubernetes = server.type === "k8s" ? deps.kubernetes?.status(server) : undefined;
			return serverStatus(outcome, { envoys, health, pools, kubernetes });
		}),
		envoys,
		processes: deps.processes(),
		bridges: bridges.map(summarizeBridge),
	};
}

function apiKeyStatus(state: ApiKeyState | undefined): Pick<Status, "apiKeys"> {
	if (state === undefined) return {};
	const { keys, loadedAt, errors } = state;
	return { apiKeys: { names: keys.map(({ name }) => name), loadedAt, errors } };
}

function certificateStatus({ files, state }: CertificateSource, envoys: readonly EnvoyStatus[]): CertificateStatus {
	const refusal = refusalOf(envoys, (name) => name === gatewayCertificateName || name === clientCaName);
	const problem = state.problem ?? refusal;
	return {
		file: files.cert,
		...(files.clientCa === undefined ? {} : { clientCaFile: files.clientCa }),
		...certificateFacts(state.certificate.leaf, Date.now()),
		...(problem === undefined ? {} : { problem }),
	};
}

/** Whether an Envoy has taken up the listener and scopes of a snapshot. */
export function isReady(ads: AdsServer): boolean {
	return ads.snapshot !== undefined && [...ads.streams].some((stream) => stream.sequencer.isServing());
}

/** Every connected Envoy. */
export function envoyStatuses({ streams, snapshot }: AdsServer): EnvoyStatus[] {
	return [...streams].map((stream) => {
		const { id, connectedAt, inSync, pushes, bytes, perType, refused } = describeStream(stream, snapshot, Date.now());
		const sum = (count: "ackCount" | "nackCount") =>
			Object.values(perType).reduce((total, type) => total + type[count], 0);
		return { id, connectedAt, inSync, acks: sum("ackCount"), nacks: sum("nackCount"), pushes, bytes, refused };
	});
}

/** What an Envoy said when it refused one of these resources. */
function refusalOf(envoys: readonly EnvoyStatus[], isMine: (name: string) => boolean): string | undefined {
	const refusal = envoys.flatMap(({ refused }) => refused).find(({ name }) => isMine(name));
	if (refusal === undefined) return undefined;
	return `Envoy refused it at ${new Date(refusal.since).toISOString()}: ${refusal.message}`;
}

/** What everyone knows who was asked. */
interface Known {
	readonly envoys: readonly EnvoyStatus[];
	readonly health: ReadonlyMap<string, Health> | undefined;
	readonly pools: ReadonlyMap<string, PoolStatus>;
	readonly kubernetes: KubernetesStatus | undefined;
}

function serverStatus(
	{ server, state, problem, detected }: ServerOutcome,
	{ envoys, health, pools, kubernetes }: Known,
): ServerStatus {
	const mine = new Set([server.id, clusterName(server.id), caSecretName(server.id)]);
	const ownHeaders = headerSecretName(server.id, "");
	const refusal = refusalOf(envoys, (name) => mine.has(name) || name.startsWith(ownHeaders));
	const base = {
		id: server.id,
		type: server.type,
		...(detected === undefined ? {} : { detected }),
		...(kubernetes === undefined ? {} : { kubernetes }),
	};
	// Why it could not be created tells more than that it is not there.
	if (problem !== undefined) return { ...base, state, problem: kubernetes?.conditions[0]?.message ?? problem };
	if (refusal !== undefined) return { ...base, state: "refused", problem: refusal };
	const pool = (detected?.transport ?? server.type) === "stdio" ? pools.get(server.id) : undefined;
	const served = {
		...base,
		state,
		...shownHealth(health?.get(server.id)),
		...(pool === undefined ? {} : { pool }),
	};
	const why =
		(kubernetes && podsProblem(kubernetes)) ??
		failing(served.endpoints, kubernetes !== undefined) ??
		(pool && poolProblem(pool));
	return why === undefined ? served : { ...served, state: "failing", problem: why };
}

function shownHealth(
	health: Health | undefined,
): Pick<ServerStatus, "endpoints" | "ejections" | "checks" | "failedChecks"> {
	if (health === undefined) return {};
	const { replicas, ejections, checks, failedChecks } = health;
	return { endpoints: replicas, ejections, ...(checks === 0 ? {} : { checks, failedChecks }) };
}

/** Why no replica can take a request; undefined where one can, or may be able to. */
function failing(endpoints: readonly Replica[] | undefined, pods: boolean): string | undefined {
	if (endpoints === undefined) return undefined;
	if (endpoints.length === 0) return pods ? "none of its pods is ready" : "its name does not resolve to any address";
	if (endpoints.some(({ health }) => health !== "unhealthy" && health !== "ejected")) return undefined;
	return pods ? "none of its pods is ready" : "no replica is healthy";
}

/** Why none of a server's pods can take a request; undefined where one can, or may be able to. */
function podsProblem({ pods, replicas, managed, conditions }: KubernetesStatus): string | undefined {
	if (pods.some(({ ready, terminating }) => ready && !terminating)) return undefined;
	// Why they cannot be made, or be changed into better ones, goes before what is wrong with those that are there.
	if (conditions[0] !== undefined) return conditions[0].message;
	const problem = pods.find((pod) => pod.problem !== undefined)?.problem;
	if (problem !== undefined) return `none of its pods is ready: ${problem}`;
	if (pods.length > 0) return "its pods are terminating";
	// Without its pods the gateway may not see them, though it sees their addresses.
	if (!managed) return undefined;
	return replicas?.wanted === 0 ? "it is scaled to no pods" : undefined;
}
