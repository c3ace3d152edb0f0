/** Carries out one action, by one or two requests. */
import type { KubernetesObject } from "@kubernetes/client-node";
import { ApiFault, type ApiRequest } from "../api-server.ts";
import type { OwnedObject } from "../contract.ts";
import type { AppliedObjects } from "./applied.ts";
import { type ObjectRef, objectPath, refText } from "./object-ref.ts";
import { fieldManager, isMadeByUs, isOurs, namesakeOf, type Owner } from "./owner.ts";
import type { Action } from "./plan.ts";

/** An object of somebody else has the name that one of ours needs. */
export class NameClash extends Error {
	readonly ref: ObjectRef;
	/** Of another gateway of the same name: the namespace of its Lease. */
	readonly namesake: string | undefined;
	constructor(ref: ObjectRef, namesake?: string) {
		super(`${refText(ref)} exists and is not the gateway's`);
		this.ref = ref;
		this.namesake = namesake;
	}
}

/** What we know of the object is old: look again in a moment. */
export class Outdated extends Error {}

export interface ApplyDeps {
	readonly request: ApiRequest;
	readonly owner: Owner;
	/** Ends what is under way: the Lease is lost. */
	readonly signal: AbortSignal;
}

export interface PerformDeps extends ApplyDeps {
	/** Gets to know what the API server has made of it. */
	readonly applied: AppliedObjects;
}

/**
 * Resolves with what is to be done next, in the same go: a new Deployment is scaled as soon as it is there.
 * @throws ApiFault, NameClash, Outdated
 */
export async function perform(action: Action, deps: PerformDeps): Promise<Action | undefined> {
	const { ref } = action;
	const path = objectPath(ref);
	const { request, signal, applied } = deps;
	switch (action.does) {
		case "create": {
			const answer = await create(action, deps);
			applied.took(ref, action.object, answer);
			const { replicas } = action;
			const uid = answer.metadata?.uid;
			return replicas === undefined || uid === undefined ? undefined : { does: "scale", ref, uid, replicas };
		}
		case "apply":
			try {
				applied.took(ref, action.object, await serverSideApply(action, { uid: action.uid }, deps));
			} catch (error) {
				// The one that we know was replaced meanwhile: its identity is another, and cannot be changed.
				if (error instanceof ApiFault && error.status === 422 && error.message.includes("metadata.uid")) {
					throw new Outdated(error.message);
				}
				throw outdated(error);
			}
			return undefined;
		case "scale":
			try {
				const { metadata } = (await request("PATCH", `${path}/scale`, {
					body: { metadata: { uid: action.uid }, spec: { replicas: action.replicas } },
					contentType: "application/merge-patch+json",
					query: { fieldManager },
					signal,
				})) as KubernetesObject;
				applied.scaled(ref, action.replicas, metadata?.resourceVersion);
			} catch (error) {
				throw outdated(error);
			}
			return undefined;
		case "delete":
			await remove(ref, action.uid, deps);
			applied.forget(ref);
			return undefined;
	}
}

/**
 * Deletes an object that is made by us, and nothing else: it is looked at just before, and must be unchanged then.
 * Its pods go in the background. @throws ApiFault, Outdated; NameClash where it is not ours.
 */
export async function remove(ref: ObjectRef, uid: string, { request, owner, signal }: ApplyDeps): Promise<void> {
	const path = objectPath(ref);
	try {
		const now = (await request("GET", path, { signal })) as KubernetesObject;
		if (now.metadata?.uid !== uid) return;
		if (now.metadata.deletionTimestamp !== undefined) return;
		if (!isMadeByUs(now, owner)) throw new NameClash(ref);
		const { resourceVersion } = now.metadata;
		const preconditions = { uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
		const body = { kind: "DeleteOptions", apiVersion: "v1", preconditions, propagationPolicy: "Background" };
		await request("DELETE", path, { body, signal });
	} catch (error) {
		if (error instanceof ApiFault && error.status === 404 && error.about.kind !== "namespaces") return;
		throw outdated(error);
	}
}

async function create(action: Extract<Action, { does: "create" }>, deps: ApplyDeps): Promise<OwnedObject> {
	try {
		// No object has this version, so where one exists the API server refuses: nothing of others is ever applied over.
		return await serverSideApply(action, { resourceVersion: "1" }, deps);
	} catch (error) {
		if (!(error instanceof ApiFault) || error.status !== 409) throw error;
		const now = (await deps.request("GET", objectPath(action.ref), { signal: deps.signal }).catch((fault: unknown) => {
			throw fault instanceof ApiFault && fault.status === 404 ? new Outdated(error.message) : fault;
		})) as KubernetesObject;
		if (isOurs(now, deps.owner)) throw new Outdated(error.message);
		throw new NameClash(action.ref, namesakeOf(now, deps.owner));
	}
}

/** https://kubernetes.io/docs/reference/using-api/server-side-apply/ */
async function serverSideApply(
	{ ref, object }: { readonly ref: ObjectRef; readonly object: OwnedObject },
	precondition: { readonly uid: string } | { readonly resourceVersion: string },
	{ request, signal }: ApplyDeps,
): Promise<OwnedObject> {
	const body = { ...object, metadata: { ...object.metadata, ...precondition } };
	const options = { contentType: "application/apply-patch+yaml", query: { fieldManager, force: "true" }, signal };
	return (await request("PATCH", objectPath(ref), { ...options, body })) as OwnedObject;
}

function outdated(error: unknown): unknown {
	if (!(error instanceof ApiFault)) return error;
	const gone = error.status === 404 && error.about.kind !== "namespaces";
	return error.status === 409 || gone ? new Outdated(error.message) : error;
}
