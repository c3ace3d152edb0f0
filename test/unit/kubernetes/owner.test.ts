import type { V1Service } from "@kubernetes/client-node";
import { expect, test } from "vitest";
import { ApiFault, type ApiRequest } from "../../../control-plane/kubernetes/api-server.ts";
import { HOME_ANNOTATION, objectLabels, SERVER_ANNOTATION } from "../../../control-plane/kubernetes/names.ts";
import { createCharts } from "../../../control-plane/kubernetes/objects/chart.ts";
import { AppliedObjects } from "../../../control-plane/kubernetes/write/applied.ts";
import { perform } from "../../../control-plane/kubernetes/write/apply.ts";
import { askedBy, conditionOf } from "../../../control-plane/kubernetes/write/conditions.ts";
import { isOurs, type Owner } from "../../../control-plane/kubernetes/write/owner.ts";
import type { Action } from "../../../control-plane/kubernetes/write/plan.ts";
import { createWanted } from "../../../control-plane/kubernetes/write/wanted.ts";
import { kubernetesServer } from "../../support/kubernetes-server.ts";

const owner: Owner = { gatewayName: "gw", leaseNamespace: "a" };

function service(home?: string, gatewayName = "gw"): V1Service {
	const annotations = { [SERVER_ANNOTATION]: "docs", ...(home !== undefined && { [HOME_ANNOTATION]: home }) };
	const labels = objectLabels("docs", gatewayName);
	return { apiVersion: "v1", kind: "Service", metadata: { name: "docs", namespace: "mcp", labels, annotations } };
}

test("what a gateway makes says where its Lease is, and it knows its own by it", () => {
	const wanted = createWanted({ charts: createCharts(), gatewayName: "gw", namespace: "a" });
	const made = wanted(kubernetesServer("docs", { namespace: "mcp", values: { image: "i:1" } }));
	const objects = "desired" in made ? made.desired.objects : [];
	expect(objects).toHaveLength(4);
	for (const object of objects) {
		expect(isOurs(object, owner)).toBe(true);
		expect(isOurs(object, { ...owner, leaseNamespace: "b" })).toBe(false);
		expect(isOurs(object, { ...owner, gatewayName: "other" })).toBe(false);
		// As `mcp-gateway cleanup` goes by the name alone.
		expect(isOurs(object, { gatewayName: "gw" })).toBe(true);
	}
});

test("objects that do not say it are those of the name", () => {
	expect(isOurs(service(), owner)).toBe(true);
	expect(isOurs(service("a"), owner)).toBe(true);
	expect(isOurs(service("b"), owner)).toBe(false);
});

test.each([
	[
		"b",
		"gw",
		"is made by another gateway of the same name, whose Lease is in namespace b. Give one of the two another",
	],
	["b", "other", "exists and is not the gateway's, so it is left alone."],
])("an object of a gateway in %s of the name %s is a clash", async (home, gatewayName, told) => {
	const action: Action = {
		does: "create",
		ref: { kind: "Service", namespace: "mcp", name: "docs" },
		object: service("a"),
	};
	const request: ApiRequest = async (method) => {
		if (method === "GET") return service(home, gatewayName);
		throw new ApiFault(409, { message: "it exists" });
	};
	const { signal } = new AbortController();
	const applied = new AppliedObjects(() => 0);
	const error = await perform(action, { request, owner, applied, signal }).catch((fault: unknown) => fault);
	expect(conditionOf(error, askedBy(action))).toEqual({
		reason: "name_clash",
		message: expect.stringContaining(`Service docs in namespace mcp ${told}`),
	});
});
