import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { ApiFault, type ApiRequest } from "../../../control-plane/kubernetes/api-server.ts";
import type { OwnedObject } from "../../../control-plane/kubernetes/contract.ts";
import { AppliedObjects } from "../../../control-plane/kubernetes/write/applied.ts";
import { carryOut } from "../../../control-plane/kubernetes/write/carry-out.ts";
import { kindOf, refOf } from "../../../control-plane/kubernetes/write/object-ref.ts";
import { type Action, hashAnnotation } from "../../../control-plane/kubernetes/write/plan.ts";

const metadata = { name: "docs", namespace: "mcp", uid: "1", annotations: { [hashAnnotation]: "h" } };
const object = (kind: string) => ({ kind, metadata }) as OwnedObject;

function action(does: "create" | "apply", kind: string): Action {
	const made = object(kind);
	const ref = refOf(kindOf(made), made);
	return does === "create" ? { does, ref, object: made } : { does, ref, object: made, uid: "1", fields: [".data.A"] };
}

/** Answers as the API server would, with a fault for the paths that have one. */
async function carried(
	actions: readonly Action[],
	faults: Readonly<Record<string, ApiFault>>,
	applied = fresh(),
	mayWrite: (asked: number) => boolean = () => true,
) {
	const asked: string[] = [];
	const request: ApiRequest = async (_method, path) => {
		asked.push(path.split("/").at(-2) ?? "");
		const fault = faults[asked.at(-1) ?? ""];
		if (fault !== undefined) throw fault;
		return object("ConfigMap");
	};
	const log = pino({ level: "silent" });
	const signal = new AbortController().signal;
	const deps = { request, owner: { gatewayName: "gw" }, applied, log, signal, mayWrite: () => mayWrite(asked.length) };
	const outcome = await carryOut(actions, { ...deps, server: "docs" });
	return { ...outcome, asked, reasons: outcome.conditions.map(({ reason }) => reason) };
}

const fresh = () => new AppliedObjects(() => 0);
const all = ["ConfigMap", "Service", "Deployment", "PodDisruptionBudget"].map((kind) => action("create", kind));

test.each([
	[new ApiFault(429, {}, 7000), "throttled", "busy", 7000],
	[new ApiFault(429, { details: { retryAfterSeconds: 3 } }), "throttled", "busy", 3000],
	[new ApiFault(503, { message: "etcd" }), "unreachable", "busy", undefined],
	[new ApiFault(0, { message: "refused" }), "unreachable", "busy", undefined],
	[new ApiFault(404, { details: { kind: "namespaces", name: "mcp" } }), "namespace_missing", "refused", undefined],
] as const)("%s is met by every request alike: no further one is sent", async (fault, reason, failure, waitMs) => {
	const outcome = await carried(all, { configmaps: fault });
	expect(outcome).toMatchObject({ asked: ["configmaps"], reasons: [reason], failure, waitMs });
});

test.each([
	["services is forbidden: exceeded quota: q, requested: a=1", "quota"],
	[
		'services is forbidden: User "u" cannot patch resource "services" in API group "" in the namespace "mcp"',
		"forbidden",
	],
	["unable to create new content in namespace mcp because it is being terminated", "namespace_missing"],
	['admission webhook "w" denied the request: no', "rejected"],
] as const)("%s: others are still made", async (message, reason) => {
	const outcome = await carried(all, { services: new ApiFault(403, { message }) });
	expect(outcome).toMatchObject({ reasons: [reason], failure: "refused" });
	expect(outcome.asked).toEqual(["configmaps", "services", "deployments", "poddisruptionbudgets"]);
});

test("nothing more is written once the Lease has run out, before any timer says so", async () => {
	const outcome = await carried(all, {}, fresh(), (asked) => asked < 2);
	expect(outcome).toMatchObject({ asked: ["configmaps", "services"], conditions: [], failure: undefined });
});

test("without its ConfigMap no Deployment is made", async () => {
	const outcome = await carried(all, { configmaps: new ApiFault(422, { message: "too long" }) });
	expect(outcome.asked).toEqual(["configmaps", "services", "poddisruptionbudgets"]);
	expect(outcome.reasons).toEqual(["rejected"]);
});

describe("a new Deployment with replicas", () => {
	const made = object("Deployment");
	const ref = refOf("Deployment", made);
	const create: Action = { does: "create", ref, object: made, replicas: 4 };
	const answer = { ...made, metadata: { ...metadata, resourceVersion: "7" }, spec: { replicas: 1 } } as OwnedObject;
	const run = async (scaled: () => object) => {
		const asked: [string, unknown][] = [];
		const request: ApiRequest = async (_method, path, { body } = {}) => {
			asked.push([path.split("/").at(-1) ?? "", body]);
			return path.endsWith("/scale") ? scaled() : answer;
		};
		const applied = fresh();
		const log = pino({ level: "silent" });
		const signal = new AbortController().signal;
		const actions = [create, action("create", "PodDisruptionBudget")];
		const deps = { request, owner: { gatewayName: "gw" }, applied, log, signal, mayWrite: () => true, server: "docs" };
		const outcome = await carryOut(actions, deps);
		return { asked, applied, outcome };
	};

	test("is scaled as soon as it is there, and what a watch tells of the time before is old", async () => {
		const { asked, applied, outcome } = await run(() => ({ metadata: { resourceVersion: "8" } }));
		expect(asked.map(([path]) => path)).toEqual(["docs", "scale", "docs"]);
		expect(asked[1]?.[1]).toEqual({ metadata: { uid: "1" }, spec: { replicas: 4 } });
		expect(outcome.conditions).toEqual([]);
		expect(applied.newest(ref, answer)).toMatchObject({ metadata: { resourceVersion: "8" }, spec: { replicas: 4 } });
		const later = { ...answer, metadata: { ...metadata, resourceVersion: "9" } };
		expect(applied.newest(ref, later)).toBe(later);
	});

	test("that may not be scaled is told, and its other objects are made", async () => {
		const message =
			'deployments.apps "docs" is forbidden: User "u" cannot patch resource "deployments/scale" in API group "apps"';
		const { asked, outcome } = await run(() => {
			throw new ApiFault(403, { message });
		});
		expect(asked.map(([path]) => path)).toEqual(["docs", "scale", "docs"]);
		expect(outcome).toMatchObject({ failure: "refused", conditions: [{ reason: "forbidden" }] });
		expect(outcome.conditions[0]?.message).toContain("deployments/scale");
	});
});

test("a conflict is no condition, and is looked at again", async () => {
	const outcome = await carried([action("apply", "Service")], { services: new ApiFault(409, { message: "uid" }) });
	expect(outcome).toMatchObject({ reasons: [], failure: "outdated" });
});

test.each([
	["apply", "changes ConfigMap mcp/docs back each time: .data.A"],
	["create", "removes ConfigMap mcp/docs each time"],
] as const)("what somebody undoes each time (%s) is done ever more rarely, and told", async (does, told) => {
	let now = 0;
	const applied = new AppliedObjects(() => now);
	const apply = [action(does, "ConfigMap")];
	for (let count = 0; count < 3; count++) expect((await carried(apply, {}, applied)).asked).toHaveLength(1);
	const contested = await carried(apply, {}, applied);
	expect(contested).toMatchObject({ asked: [], reasons: ["contested"], failure: undefined, waitMs: 1000 });
	expect(contested.conditions[0]?.message).toBe(`Something else ${told}. The gateway applies it only now and then.`);
	now = 1000;
	expect(await carried(apply, {}, applied)).toMatchObject({ asked: ["configmaps"], reasons: [] });
	expect(await carried(apply, {}, applied)).toMatchObject({ asked: [], waitMs: 2000 });
	now += 11 * 60_000;
	expect(await carried(apply, {}, applied)).toMatchObject({ asked: ["configmaps"], reasons: [] });
});
