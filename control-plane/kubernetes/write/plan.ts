/** What must be done for the objects of one server to be as they are wanted. Pure. */
import { hash } from "node:crypto";
import type { V1Deployment, V2HorizontalPodAutoscaler } from "@kubernetes/client-node";
import type { OwnedKind, OwnedObject } from "../contract.ts";
import { type Difference, differences } from "./differences.ts";
import { kindOf, type ObjectRef, ownedKinds, refOf, refText } from "./object-ref.ts";

/** Tells whether an object was made of the same words: what is wanted no more would not be seen otherwise. */
export const hashAnnotation = "mcp-gateway/applied";
/** On a Deployment whose first number of replicas is still to be set; gone once it is. */
export const initialReplicasAnnotation = "mcp-gateway/initial-replicas";

/** A server as it is wanted. */
export interface DesiredServer {
	readonly id: string;
	readonly namespace: string;
	readonly name: string;
	readonly objects: readonly OwnedObject[];
	/** What the entry says, and holds to; never together with an autoscaler. */
	readonly replicas?: number;
	/** Set once, when the Deployment is created. */
	readonly initialReplicas?: number;
}

/** One request that changes something. */
export type Action =
	/** Only where nothing of that name exists. `replicas`: what a Deployment is scaled to as soon as it is there. */
	| { readonly does: "create"; readonly ref: ObjectRef; readonly object: OwnedObject; readonly replicas?: number }
	/** `fields`: what is not as it should be; empty where only something is wanted no more. */
	| {
			readonly does: "apply";
			readonly ref: ObjectRef;
			readonly object: OwnedObject;
			readonly uid: string;
			readonly fields: readonly string[];
	  }
	| { readonly does: "scale"; readonly ref: ObjectRef; readonly uid: string; readonly replicas: number }
	| { readonly does: "delete"; readonly ref: ObjectRef; readonly uid: string };

/** What the API server made of our last apply where that is not what we sent: texts of {@link settledText}. */
export type Settled = (ref: ObjectRef, applied: string) => ReadonlySet<string>;

/** An object as it is in the cluster. */
export interface Actual {
	readonly kind: OwnedKind;
	readonly object: OwnedObject;
}

export interface PlanInput {
	/** Left out: nothing is wanted. */
	readonly desired?: DesiredServer;
	/** Objects of the server that are our own. */
	readonly actual: readonly Actual[];
	readonly settled: Settled;
}

/** The actions in their order; none where all is well, or where an object that is going must be gone first. */
export function plan({ desired, actual, settled }: PlanInput): readonly Action[] {
	const there = new Map(actual.map((one) => [refText(refOf(one.kind, one.object)), one]));
	const actions: Action[] = [];
	const wanted = new Set<string>();
	for (const made of inOrder(desired?.objects ?? [])) {
		const ref = refOf(kindOf(made), made);
		wanted.add(refText(ref));
		const now = there.get(refText(ref))?.object;
		if (ref.kind === "Deployment" && desired !== undefined) {
			const awakened = there.has(refText({ ...ref, kind: "HorizontalPodAutoscaler" })) ? undefined : leastOf(desired);
			actions.push(...deploymentActions({ desired, awakened }, ref, made, now as V1Deployment | undefined, settled));
		} else actions.push(...objectActions(ref, made, now, settled));
	}
	for (const [text, { kind, object }] of there) {
		const { uid = "", deletionTimestamp } = object.metadata ?? {};
		if (wanted.has(text) || deletionTimestamp !== undefined) continue;
		actions.push({ does: "delete", ref: refOf(kind, object), uid });
	}
	return actions;
}

/** A field and what is in it instead of what was sent, as {@link Settled} keeps it. */
export function settledTexts(sent: OwnedObject, answer: OwnedObject): ReadonlySet<string> {
	return new Set(differences(untyped(sent), answer).map(differenceText));
}

/** The hash that an object was sent with. */
export function appliedHash({ metadata }: OwnedObject): string {
	return metadata?.annotations?.[hashAnnotation] ?? "";
}

function objectActions(ref: ObjectRef, made: OwnedObject, now: OwnedObject | undefined, settled: Settled): Action[] {
	const object = stamped(made);
	if (now === undefined) return [{ does: "create", ref, object }];
	if (now.metadata?.deletionTimestamp !== undefined) return [];
	const applied = appliedHash(object);
	const known = settled(ref, applied);
	const differing = differences(untyped(object), now).filter((one) => !known.has(differenceText(one)));
	if (differing.length === 0) return [];
	const hashPath = `.metadata.annotations.${hashAnnotation}`;
	const fields = differing.map(({ path }) => path).filter((path) => path !== hashPath);
	return [{ does: "apply", ref, object, uid: now.metadata?.uid ?? "", fields }];
}

/**
 * Replicas are no part of what is applied: left out later they would fall back to one, and while they are in it neither
 * a person nor an autoscaler could change them.
 */
function deploymentActions(
	{ desired, awakened }: { readonly desired: DesiredServer; readonly awakened: number | undefined },
	ref: ObjectRef,
	made: OwnedObject,
	now: V1Deployment | undefined,
	settled: Settled,
): Action[] {
	const object = withoutReplicas(made);
	if (now === undefined) {
		const replicas = desired.replicas ?? desired.initialReplicas ?? 1;
		const created = stamped(object);
		if (replicas === 1) return [{ does: "create", ref, object: created }];
		if (desired.replicas !== undefined) return [{ does: "create", ref, object: created, replicas }];
		// The number is set by a request of its own; the annotation brings it about even if we end in between.
		return [{ does: "create", ref, object: annotated(created, initialReplicasAnnotation, `${replicas}`), replicas }];
	}
	const { uid = "", annotations, deletionTimestamp } = now.metadata ?? {};
	if (deletionTimestamp !== undefined) return [];
	const pending = annotations?.[initialReplicasAnnotation];
	const applies = objectActions(ref, object, now, settled);
	const first = pending === undefined ? undefined : Number(pending);
	// An autoscaler leaves alone what has no pods: one that is about to be made would never begin.
	const least = now.spec?.replicas === 0 ? awakened : undefined;
	const replicas = desired.replicas ?? first ?? least;
	const scales: Action[] =
		replicas === undefined || now.spec?.replicas === replicas ? [] : [{ does: "scale", ref, uid, replicas }];
	if (pending === undefined || applies.length > 0) return [...scales, ...applies];
	return [...scales, { does: "apply", ref, object: stamped(object), uid, fields: [] }];
}

/** The pods that a server's autoscaler keeps at the least; undefined where it has none. */
function leastOf({ objects }: DesiredServer): number | undefined {
	const scaler = objects.find(({ kind }) => kind === "HorizontalPodAutoscaler") as
		| V2HorizontalPodAutoscaler
		| undefined;
	return scaler?.spec?.minReplicas;
}

function differenceText({ path, actual }: Difference): string {
	return `${path}=${JSON.stringify(actual)}`;
}

/** What a list has in it says of which kind the list is, and nothing of its own. */
function untyped({ apiVersion: _, kind: __, ...rest }: OwnedObject): object {
	return rest;
}

function withoutReplicas(object: OwnedObject): OwnedObject {
	const { spec, ...rest } = object as V1Deployment;
	if (spec === undefined) return object;
	const { replicas: _, ...others } = spec;
	return { ...rest, spec: others };
}

function stamped(object: OwnedObject): OwnedObject {
	return annotated(object, hashAnnotation, hash("sha256", canonical(object)).slice(0, 16));
}

/** The same with one more annotation. */
export function annotated<T extends OwnedObject>(object: T, name: string, value: string): T {
	const { metadata } = object;
	return { ...object, metadata: { ...metadata, annotations: { ...metadata?.annotations, [name]: value } } };
}

/** JSON that does not depend on the order of keys. */
function canonical(value: unknown): string {
	return JSON.stringify(value, (_key, part: unknown) =>
		typeof part === "object" && part !== null && !Array.isArray(part)
			? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
			: part,
	);
}

function inOrder(objects: readonly OwnedObject[]): readonly OwnedObject[] {
	const place = (object: OwnedObject) => ownedKinds.indexOf(kindOf(object));
	return objects.toSorted((one, other) => place(one) - place(other));
}
