import type { KubernetesObject } from "@kubernetes/client-node";
import { beforeAll, expect, it } from "vitest";
import { objectLabels, objectName, SERVER_ANNOTATION } from "../../../control-plane/kubernetes/names.ts";
import { fieldManager } from "../../../control-plane/kubernetes/write/owner.ts";
import { eventually, type Gateway } from "../../support/gateway.ts";
import { objects } from "./kube.ts";
import { serverStatus } from "./status.ts";

export interface BystandersOptions {
	/** Namespace of the gateway's servers. */
	readonly home: string;
	/** One more that the gateway watches. */
	readonly other: string;
	readonly gatewayName: string;
	/** Servers of the test, whose objects the others resemble. */
	readonly ids: readonly string[];
}

export interface Bystanders {
	/** Id of a server whose Deployment's name somebody else has: for the registry, where it is a clash. */
	readonly taken: string;
	expectClash(gateway: Gateway): Promise<void>;
	/** A test for the file's end: nobody has written to any of them. */
	itIsUntouched(): void;
}

/** Makes objects of others that look like the gateway's, before the file's tests. */
export function useBystanders({ home, other, gatewayName, ids }: BystandersOptions): Bystanders {
	const taken = "taken";
	let before: readonly Seen[] = [];
	beforeAll(async () => {
		const made = ids.flatMap((id) => {
			const own = objectName(id);
			const ours = { labels: objectLabels(own, gatewayName), annotations: { [SERVER_ANNOTATION]: id } };
			const theirs = { ...ours, labels: objectLabels(own, "another-gateway") };
			return [
				// The names of ours in another namespace, our labels but for the owner.
				...everyKind({ namespace: other, name: own, ...theirs }),
				// Beside ours, of the same instance.
				...everyKind({ namespace: home, name: `${own}-theirs`, ...theirs }),
				// All labels of ours, copied with the rest.
				...everyKind({ namespace: home, name: `${own}-copy`, ...ours }),
			];
		});
		const gone = { labels: objectLabels("gone", gatewayName), annotations: { [SERVER_ANNOTATION]: "gone" } };
		made.push(...everyKind({ namespace: home, name: "gone", ...gone }));
		made.push(deployment({ namespace: home, name: taken, labels: { app: taken }, annotations: {} }));
		for (const object of made) await objects.create(object);
		// Their controllers write once into what is new.
		await eventually("their controllers have seen them", async () => {
			const now = await Promise.all(made.map(read));
			before = now;
			return now.every(isObserved);
		});
	});
	return {
		taken,
		async expectClash(gateway) {
			const clash = async () => {
				const { kubernetes } = (await serverStatus(gateway, taken)) ?? {};
				return kubernetes?.conditions.find(({ reason }) => reason === "name_clash")?.message;
			};
			await eventually("the clash is told", async () => (await clash()) !== undefined);
			const words = `Deployment ${taken} in namespace ${home} exists and is not the gateway's`;
			expect(await clash()).toContain(words);
			const { state, problem } = (await serverStatus(gateway, taken)) ?? {};
			expect(state).not.toBe("serving");
			expect(problem).toContain(words);
		},
		itIsUntouched() {
			it("leaves objects of others as they were", async () => {
				const now = await Promise.all(before.map(read));
				expect(now.map(essence)).toEqual(before.map(essence));
				const writers = now.flatMap(({ metadata }) => metadata.managedFields?.map(({ manager }) => manager) ?? []);
				expect(writers).not.toContain(fieldManager);
			});
		},
	};
}

interface Meta {
	readonly namespace: string;
	readonly name: string;
	readonly labels: Readonly<Record<string, string>>;
	readonly annotations: Readonly<Record<string, string>>;
}

type Made = KubernetesObject & { readonly metadata: { readonly name: string; readonly namespace: string } };

interface Seen extends Made {
	readonly spec?: object;
	readonly data?: object;
	readonly status?: { readonly observedGeneration?: number };
}

/** One of each kind that a server consists of, without a pod. */
function everyKind(meta: Meta): Made[] {
	const metadata = metadataOf(meta);
	const target = { apiVersion: "apps/v1", kind: "Deployment", name: meta.name };
	return [
		deployment(meta),
		{ apiVersion: "v1", kind: "Service", metadata, spec: { selector: podLabels(meta), ports: [{ port: 80 }] } },
		{ apiVersion: "v1", kind: "ConfigMap", metadata, data: { WHOSE: "somebody else's" } },
		{
			...{ apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata },
			spec: { maxUnavailable: 1, selector: { matchLabels: podLabels(meta) } },
		},
		{
			...{ apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", metadata },
			spec: { scaleTargetRef: target, minReplicas: 1, maxReplicas: 2 },
		},
	] as Made[];
}

function deployment(meta: Meta): Made {
	const matchLabels = podLabels(meta);
	const template = {
		metadata: { labels: matchLabels },
		spec: { containers: [{ name: "theirs", image: "localhost/theirs:1" }] },
	};
	const spec = { replicas: 0, selector: { matchLabels }, template };
	return { apiVersion: "apps/v1", kind: "Deployment", metadata: metadataOf(meta), spec } as Made;
}

const metadataOf = ({ namespace, name, labels, annotations }: Meta) => ({ namespace, name, labels, annotations });

/** Never those of our pods: a Service or a budget of others would have an effect on them. */
const podLabels = ({ name }: Meta) => ({ app: `theirs-${name}` });

const read = async ({ apiVersion, kind, metadata: { name, namespace } }: Made) =>
	(await objects.read({ apiVersion: apiVersion ?? "", kind: kind ?? "", metadata: { name, namespace } })) as Seen;

/** Controllers of these two tell up to where they have come. */
function isObserved({ kind, metadata, status }: Seen): boolean {
	if (kind !== "Deployment" && kind !== "PodDisruptionBudget") return true;
	return status?.observedGeneration === metadata.generation;
}

/** What is its owner's; into the others' metadata only people write, so that every write shows. */
function essence({ kind, metadata, spec, data }: Seen) {
	const { uid, name, generation, labels, annotations, resourceVersion } = metadata;
	const still = kind === "Service" || kind === "ConfigMap" ? { resourceVersion } : {};
	return { kind, uid, name, generation, labels, annotations, spec, data, ...still };
}
