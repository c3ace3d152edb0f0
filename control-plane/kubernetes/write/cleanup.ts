/** Removes all that a gateway has made in a cluster. */
import type { KubernetesObject } from "@kubernetes/client-node";
import { ApiFault, type ApiRequest } from "../api-server.ts";
import { OWNER_LABEL } from "../names.ts";
import { listPath } from "../watch/watched-kinds.ts";
import { type ApplyDeps, NameClash, Outdated, remove } from "./apply.ts";
import { isBusy } from "./carry-out.ts";
import { newIdentity } from "./lease.ts";
import {
	cleanupIdentity,
	holderOf,
	isCleanup,
	isOurLease,
	type LeaseObject,
	leaseFor,
	leasesPath,
} from "./lease-object.ts";
import { type ObjectRef, ownedKinds, refOf, refText } from "./object-ref.ts";
import { isMadeByUs } from "./owner.ts";

export interface CleanupDeps {
	readonly request: ApiRequest;
	readonly gatewayName: string;
	/** Where it is looked for; empty: everywhere. */
	readonly namespaces: readonly string[];
	/** Told what is done, a line each. */
	readonly tell: (line: string) => void;
	readonly timeoutMs: number;
	/**
	 * So long a control plane that writes may take to notice that it has lost its Lease. Default 6 seconds, one more than
	 * it takes to renew it.
	 */
	readonly noticeMs?: number;
}

export interface Found {
	readonly ref: ObjectRef;
	readonly uid: string;
}

/** What carries the gateway's label. */
export interface Leftovers {
	readonly ours: readonly Found[];
	/** Made by somebody else, to look like ours: left alone. */
	readonly theirs: readonly Found[];
	readonly leases: readonly LeaseObject[];
	/** Names of pods that are still there. */
	readonly pods: readonly string[];
}

const LEASE_MS = 15_000;
const RENEW_MS = 5000;
const POLL_MS = 500;
const PAGE = "500";
const NOTICE_MS = 6000;

/** Something is still there when the time is over. */
export class StillThere extends Error {}

/**
 * Looks for what is there.
 * @param deployments Of ours that were there before, as `namespace/name`: their pods are still waited for.
 * @throws ApiFault
 */
export async function findLeftovers(
	{ request, gatewayName, namespaces }: CleanupDeps,
	deployments: ReadonlySet<string> = new Set(),
): Promise<Leftovers> {
	const places = namespaces.length === 0 ? [undefined] : namespaces;
	const list = async <T>(path: (namespace: string | undefined) => string): Promise<T[]> =>
		(await Promise.all(places.map((place) => listAll<T>(request, path(place), gatewayName)))).flat();
	const objects = await Promise.all(
		ownedKinds.map(async (kind) => {
			const found = await list<KubernetesObject>((namespace) => listPath(kind, namespace));
			return found.map((object) => {
				const ref = refOf(kind, object);
				return { ref, uid: object.metadata?.uid ?? "", ours: isMadeByUs(object, { gatewayName }) };
			});
		}),
	);
	const all = objects.flat();
	const ours = all.filter((one) => one.ours);
	const made = new Set([
		...deployments,
		...ours.flatMap(({ ref }) => (ref.kind === "Deployment" ? [placeOf(ref)] : [])),
	]);
	const pods = await list<KubernetesObject>((namespace) => listPath("Pod", namespace));
	return {
		ours,
		theirs: all.filter(({ ours }) => !ours),
		leases: (await list<LeaseObject>(leasesPath)).filter((lease) => isOurLease(lease, gatewayName)),
		pods: pods
			.filter((pod) => pod.metadata?.deletionTimestamp !== undefined || made.has(deploymentOf(pod)))
			.map(({ metadata }) => `${metadata?.namespace}/${metadata?.name}`),
	};
}

const placeOf = ({ namespace, name }: Pick<ObjectRef, "namespace" | "name">) => `${namespace}/${name}`;

/** The Deployment that a pod is of, by the name of its ReplicaSet: labels are copied by whoever copies an object. */
function deploymentOf({ metadata }: KubernetesObject): string {
	const set = metadata?.ownerReferences?.find(({ kind }) => kind === "ReplicaSet")?.name ?? "";
	return placeOf({ namespace: metadata?.namespace ?? "", name: set.replace(/-[^-]+$/, "") });
}

/**
 * Takes the Lease, so that no control plane makes anew what is removed, removes everything and waits until it is gone,
 * and removes the Lease last. A control plane that has seen it writes no more until it is told to. Once it has begun, an
 * API server that is away or throttles is waited for.
 * @throws ApiFault, StillThere
 */
export async function cleanUp(deps: CleanupDeps): Promise<void> {
	const { request, gatewayName, tell, timeoutMs, noticeMs = NOTICE_MS } = deps;
	const deadline = performance.now() + timeoutMs;
	const identity = cleanupIdentity(newIdentity());
	const before = await findLeftovers(deps);
	const taken = await Promise.all(before.leases.map((lease) => takeLease(request, gatewayName, identity, lease)));
	const renewal = setInterval(() => {
		// One that fails leaves it to the next; the Lease lasts for three of them.
		for (const { lease } of taken) void takeLease(request, gatewayName, identity, lease).catch(() => {});
	}, RENEW_MS);
	try {
		const holders = taken.flatMap(({ holder }) => (holder === undefined ? [] : [holder]));
		if (holders.length > 0) {
			tell(`Waiting until ${holders.join(", ")} has noticed that it writes no more.`);
			await pause(noticeMs);
		}
		await removeAll(deps, deadline);
	} finally {
		clearInterval(renewal);
	}
	// One that stays would run out, and a control plane would make everything anew.
	for (const { lease } of taken) await patiently(deadline, () => removeLease(request, lease));
}

async function removeAll(deps: CleanupDeps, deadline: number): Promise<void> {
	const { request, gatewayName, tell } = deps;
	const told = new Set<string>();
	const deployments = new Set<string>();
	const apply: ApplyDeps = { request, owner: { gatewayName }, signal: new AbortController().signal };
	let waiting = 0;

	async function removeOne({ ref, uid }: Found): Promise<void> {
		if (ref.kind === "Deployment") deployments.add(placeOf(ref));
		try {
			await patiently(deadline, () => remove(ref, uid, apply));
		} catch (error) {
			// Changed meanwhile, or not ours after all: the next look tells.
			if (!(error instanceof Outdated) && !(error instanceof NameClash)) throw error;
			return;
		}
		if (!told.has(uid)) tell(`Removed ${refText(ref)}`);
		told.add(uid);
	}

	for (;;) {
		const { ours, pods } = await patiently(deadline, () => findLeftovers(deps, deployments));
		if (ours.length === 0 && pods.length === 0) return;
		for (const one of ours) await removeOne(one);
		if (performance.now() > deadline) {
			const left = [...ours.map(({ ref }) => refText(ref)), ...pods.map((pod) => `Pod ${pod}`)];
			throw new StillThere(`Still there: ${left.slice(0, 5).join(", ")} (${left.length} in all).`);
		}
		if (ours.length === 0 && pods.length !== waiting) tell(`Pods that have still to end: ${pods.length}`);
		if (ours.length === 0) waiting = pods.length;
		await pause(POLL_MS);
	}
}

/** Writes ourselves into a Lease, whoever holds it; tells who did, unless nobody can have. */
async function takeLease(
	request: ApiRequest,
	gatewayName: string,
	identity: string,
	{ metadata }: LeaseObject,
): Promise<{ readonly lease: LeaseObject; readonly holder: string | undefined }> {
	const path = leasePathOf({ metadata: metadata ?? {} });
	for (;;) {
		const before = (await request("GET", path)) as LeaseObject;
		const namespace = before.metadata?.namespace ?? "";
		const body = leaseFor({ before, namespace, gatewayName, identity, durationMs: LEASE_MS });
		try {
			const lease = (await request("PUT", path, { body })) as LeaseObject;
			const holder = holderOf(before);
			return { lease, holder: isCleanup(holder) ? undefined : holder };
		} catch (error) {
			if (!(error instanceof ApiFault) || error.status !== 409) throw error;
		}
	}
}

async function removeLease(request: ApiRequest, lease: LeaseObject): Promise<void> {
	const body = { kind: "DeleteOptions", apiVersion: "v1", preconditions: { uid: lease.metadata?.uid } };
	await request("DELETE", leasePathOf(lease), { body }).catch((error: unknown) => {
		if (!(error instanceof ApiFault) || (error.status !== 404 && error.status !== 409)) throw error;
	});
}

function leasePathOf({ metadata }: LeaseObject): string {
	return `${leasesPath(metadata?.namespace ?? "")}/${metadata?.name}`;
}

/** Everything of one kind with the gateway's label, page by page. A namespace or kind that is not there has nothing. */
async function listAll<T>(request: ApiRequest, path: string, gatewayName: string): Promise<T[]> {
	const items: T[] = [];
	let next: string | undefined;
	do {
		const query = { labelSelector: `${OWNER_LABEL}=${gatewayName}`, limit: PAGE, continue: next };
		const page = (await request("GET", path, { query }).catch((error: unknown) => {
			if (error instanceof ApiFault && error.status === 404) return {};
			throw error;
		})) as { items?: T[]; metadata?: { continue?: string } };
		items.push(...(page.items ?? []));
		next = page.metadata?.continue || undefined;
	} while (next !== undefined);
	return items;
}

/** Does it again for as long as the API server is busy and the deadline (of the monotonic clock) is not over. */
async function patiently<T>(deadline: number, work: () => Promise<T>): Promise<T> {
	for (;;) {
		try {
			return await work();
		} catch (error) {
			const wait = error instanceof ApiFault && isBusy(error) ? Math.max(POLL_MS, error.retryAfterMs ?? 0) : undefined;
			if (wait === undefined || performance.now() + wait > deadline) throw error;
			await pause(wait);
		}
	}
}

function pause(ms: number): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, ms));
}
