import type { V1Deployment } from "@kubernetes/client-node";
import { describe, expect, test } from "vitest";
import type { OwnedObject } from "../../../control-plane/kubernetes/contract.ts";
import { kindOf, refOf } from "../../../control-plane/kubernetes/write/object-ref.ts";
import {
	type Action,
	appliedHash,
	type DesiredServer,
	hashAnnotation,
	initialReplicasAnnotation,
	plan,
	type Settled,
	settledTexts,
} from "../../../control-plane/kubernetes/write/plan.ts";

const metadata = { name: "docs", namespace: "mcp", labels: { "mcp-gateway/owner": "mcp-gateway" } };

function configMap(data: Record<string, string> = { A: "1" }): OwnedObject {
	return { apiVersion: "v1", kind: "ConfigMap", metadata, data };
}

function deployment(cpu = "0.5", replicas?: number): V1Deployment {
	return {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata,
		spec: {
			...(replicas === undefined ? {} : { replicas }),
			selector: { matchLabels: { app: "docs" } },
			template: {
				metadata: { labels: { app: "docs" } },
				spec: { containers: [{ name: "server", image: "i:1", resources: { limits: { cpu } } }] },
			},
		},
	};
}

const autoscaler: OwnedObject = {
	apiVersion: "autoscaling/v2",
	kind: "HorizontalPodAutoscaler",
	metadata,
	spec: { minReplicas: 2, maxReplicas: 3, scaleTargetRef: { kind: "Deployment", name: "docs" } },
};

function desired(objects: readonly OwnedObject[], more: Partial<DesiredServer> = {}): DesiredServer {
	return { id: "docs", namespace: "mcp", name: "docs", objects, ...more };
}

const nothingSettled: Settled = () => new Set();

function planned(server: DesiredServer | undefined, there: readonly OwnedObject[], settled = nothingSettled) {
	const actual = there.map((object) => ({ kind: kindOf(object), object }));
	return plan({ ...(server === undefined ? {} : { desired: server }), actual, settled });
}

/** What a cluster has after these actions: objects with an identity and with what the API server adds. */
function cluster(actions: readonly Action[], replicas = 1): OwnedObject[] {
	return actions.flatMap((action) => {
		if (action.does !== "create" && action.does !== "apply") return [];
		const object = structuredClone(action.object);
		const named = { ...object, metadata: { ...object.metadata, uid: `uid-${object.kind}`, resourceVersion: "5" } };
		if (object.kind !== "Deployment") return [named as OwnedObject];
		const { spec, ...rest } = named as V1Deployment;
		return [{ ...rest, spec: { ...spec!, replicas, revisionHistoryLimit: 10 } }];
	});
}

const said = (actions: readonly Action[]) => actions.map(({ does, ref }) => `${does} ${ref.kind}`);

describe("objects", () => {
	test("that are missing are created, what pods need first", () => {
		const actions = planned(desired([deployment(), autoscaler, configMap()]), []);
		expect(said(actions)).toEqual(["create ConfigMap", "create Deployment", "create HorizontalPodAutoscaler"]);
	});

	test("that are as they should be are left alone", () => {
		const server = desired([deployment(), configMap(), autoscaler]);
		expect(planned(server, cluster(planned(server, [])))).toEqual([]);
	});

	test("that differ are applied, with their identity and the fields in question", () => {
		const there = cluster(planned(desired([configMap()]), []));
		const [action, ...more] = planned(desired([configMap({ A: "2" })]), there);
		expect(more).toEqual([]);
		expect(action).toMatchObject({ does: "apply", uid: "uid-ConfigMap", fields: [".data.A"] });
	});

	test("that were changed by others are applied again", () => {
		const server = desired([deployment()]);
		const [there] = cluster(planned(server, [])) as [V1Deployment];
		there.spec!.template.spec!.containers[0]!.image = "other:1";
		const [action] = planned(server, [there]);
		expect(action).toMatchObject({ fields: [".spec.template.spec.containers[name=server].image"] });
	});

	test("of which something is wanted no more are applied, though all that is wanted is there", () => {
		const there = cluster(planned(desired([configMap({ A: "1", B: "2" })]), []));
		const [action] = planned(desired([configMap({ A: "1" })]), there);
		expect(action).toMatchObject({ does: "apply", fields: [] });
	});

	test("whose amounts are written otherwise are the same", () => {
		const server = desired([deployment("0.5")]);
		const [there] = cluster(planned(server, [])) as [V1Deployment];
		there.spec!.template.spec!.containers[0]!.resources = { limits: { cpu: "500m" } };
		expect(planned(server, [there])).toEqual([]);
	});

	test("have a hash that does not depend on the order of keys", () => {
		const [one] = planned(desired([configMap({ A: "1", B: "2" })]), []);
		const [other] = planned(desired([configMap({ B: "2", A: "1" })]), []);
		expect(one).toEqual(other);
		expect(one).toMatchObject({ object: { metadata: { annotations: { [hashAnnotation]: expect.any(String) } } } });
	});

	test("that are no longer wanted are deleted, by their identity", () => {
		const there = cluster(planned(desired([deployment(), autoscaler]), []));
		expect(planned(desired([deployment()]), there)).toEqual([
			{ does: "delete", ref: refOf("HorizontalPodAutoscaler", autoscaler), uid: "uid-HorizontalPodAutoscaler" },
		]);
	});

	test("of a server that is gone are all deleted", () => {
		const there = cluster(planned(desired([configMap(), deployment(), autoscaler]), []));
		const expected = ["delete ConfigMap", "delete Deployment", "delete HorizontalPodAutoscaler"];
		expect(said(planned(undefined, there))).toEqual(expected);
	});

	test("that are going are waited for, whether wanted or not", () => {
		const server = desired([configMap(), deployment(undefined, 3)], { replicas: 3 });
		const there = cluster(planned(server, [])).map((object) => ({
			...object,
			metadata: { ...object.metadata, deletionTimestamp: new Date(0) },
		}));
		expect(planned(server, there)).toEqual([]);
		expect(planned(undefined, there)).toEqual([]);
	});

	test("of which the API server makes something else are settled, until that changes or other things are wanted", () => {
		const server = desired([configMap({ A: "1" })]);
		const [created] = planned(server, []) as [Extract<Action, { does: "create" }>];
		const [answer] = cluster([created]);
		Object.assign(answer!, { data: { A: "one" } });
		const texts = settledTexts(created.object, answer!);
		const settled: Settled = (_ref, hash) => (hash === appliedHash(created.object) ? texts : new Set());
		expect(said(planned(server, [answer!]))).toEqual(["apply ConfigMap"]);
		expect(planned(server, [answer!], settled)).toEqual([]);
		const changed = { ...answer!, data: { A: "two" } } as OwnedObject;
		expect(said(planned(server, [changed], settled))).toEqual(["apply ConfigMap"]);
		expect(said(planned(desired([configMap({ A: "3" })]), [answer!], settled))).toEqual(["apply ConfigMap"]);
	});
});

describe("replicas", () => {
	const scale = (replicas: number) => ({ does: "scale", uid: "uid-Deployment", replicas });

	test("are never part of what is applied", () => {
		for (const server of [desired([deployment("1", 4)]), desired([deployment("1", 4)], { replicas: 4 })]) {
			const [created] = planned(server, []);
			expect((created as { object: V1Deployment }).object.spec).not.toHaveProperty("replicas");
		}
	});

	test("that the entry sets are held", () => {
		const server = desired([deployment()], { replicas: 3 });
		const created = planned(server, []);
		expect(created).toMatchObject([{ does: "create", replicas: 3 }]);
		expect(planned(server, cluster(created, 1))).toMatchObject([scale(3)]);
		expect(planned(server, cluster(created, 3))).toEqual([]);
		expect(planned(server, cluster(created, 5))).toMatchObject([scale(3)]);
		const none = desired([deployment()], { replicas: 0 });
		expect(planned(none, cluster(planned(none, []), 1))).toMatchObject([scale(0)]);
	});

	test("that the entry does not set are anybody's, also once it has set them", () => {
		const held = desired([deployment()], { replicas: 3 });
		const free = desired([deployment()]);
		expect(planned(free, cluster(planned(held, []), 3))).toEqual([]);
		expect(planned(free, cluster(planned(free, []), 7))).toEqual([]);
		expect(planned(free, cluster(planned(free, []), 0))).toEqual([]);
	});

	test("are the autoscaler's least where it is about to be made and there is no pod, which it would leave alone", () => {
		const none = desired([deployment()], { replicas: 0 });
		const scaled = desired([deployment(), autoscaler]);
		const stopped = cluster(planned(none, []), 0);
		const actions = planned(scaled, stopped);
		expect(actions).toMatchObject([scale(2), { does: "create", ref: { kind: "HorizontalPodAutoscaler" } }]);
		expect(said(planned(scaled, cluster(planned(none, []), 1)))).toEqual(["create HorizontalPodAutoscaler"]);
		// Somebody has stopped it since: that is how an autoscaler is paused.
		expect(planned(scaled, [...stopped, ...cluster(actions)])).toEqual([]);
	});

	test("of the chart are set once, whenever the gateway ends in between", () => {
		const server = desired([deployment()], { initialReplicas: 3 });
		expect(planned(server, [])).toMatchObject([{ does: "create", replicas: 3 }]);
		const there = cluster(planned(server, []), 1);
		expect(there[0]?.metadata?.annotations).toMatchObject({ [initialReplicasAnnotation]: "3" });
		const next = planned(server, there);
		expect(next).toMatchObject([scale(3), { does: "apply", fields: [] }]);
		const settled = cluster(next, 3);
		expect(settled[0]?.metadata?.annotations).not.toHaveProperty(initialReplicasAnnotation);
		expect(planned(server, settled)).toEqual([]);
		expect(planned(server, cluster(next, 1))).toEqual([]);
		// Scaled, and ended before the annotation was taken away.
		expect(planned(server, cluster(planned(server, []), 3))).toMatchObject([{ does: "apply" }]);
	});

	test("of the entry go before those of the chart", () => {
		const server = desired([deployment()], { initialReplicas: 3, replicas: 2 });
		const created = planned(server, []);
		expect(planned(server, cluster(created, 1))).toMatchObject([scale(2)]);
	});

	test("are set before anything else is changed in one go", () => {
		const there = cluster(planned(desired([deployment("1")]), []), 1);
		expect(said(planned(desired([deployment("2")], { replicas: 2 }), there))).toEqual([
			"scale Deployment",
			"apply Deployment",
		]);
	});
});
