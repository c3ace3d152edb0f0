import { expect, test } from "vitest";
import { ApiFault, type ApiRequest } from "../../../control-plane/kubernetes/api-server.ts";
import { objectLabels, SERVER_ANNOTATION } from "../../../control-plane/kubernetes/names.ts";
import { cleanUp } from "../../../control-plane/kubernetes/write/cleanup.ts";
import type { LeaseObject } from "../../../control-plane/kubernetes/write/lease-object.ts";
import { fieldManager } from "../../../control-plane/kubernetes/write/owner.ts";

const services = "/api/v1/namespaces/mcp/services";
const leases = "/apis/coordination.k8s.io/v1/namespaces/mcp/leases";
const labels = objectLabels("docs", "gw");

/** A cluster with one Service and the Lease of a control plane that has ended. Faults are answered first, each once. */
function cluster(faults: Readonly<Record<string, readonly ApiFault[]>>) {
	const left = new Map(Object.entries(faults).map(([asked, list]) => [asked, [...list]]));
	const objects = new Map<string, LeaseObject>([
		[`${leases}/gw`, { metadata: { name: "gw", namespace: "mcp", uid: "l", labels }, spec: { holderIdentity: "" } }],
	]);
	const service = {
		metadata: {
			...{ name: "docs", namespace: "mcp", uid: "s", labels, annotations: { [SERVER_ANNOTATION]: "docs" } },
			managedFields: [{ manager: fieldManager, operation: "Apply" }],
		},
	};
	objects.set(`${services}/docs`, service);
	const request: ApiRequest = async (method, path, { body } = {}) => {
		const fault = left.get(`${method} ${path}`)?.shift();
		if (fault !== undefined) throw fault;
		if (method === "GET" && !path.endsWith("/gw") && !path.endsWith("/docs")) {
			return { items: [...objects].flatMap(([at, object]) => (at.startsWith(`${path}/`) ? [object] : [])) };
		}
		if (!objects.has(path)) throw new ApiFault(404, {});
		if (method === "PUT") objects.set(path, body as LeaseObject);
		if (method === "DELETE") objects.delete(path);
		return objects.get(path);
	};
	const told: string[] = [];
	const done = (timeoutMs: number) =>
		cleanUp({ request, gatewayName: "gw", namespaces: ["mcp"], tell: (line) => void told.push(line), timeoutMs });
	return { objects, told, done };
}

const away = new ApiFault(0, { message: "gone for a moment" });
const throttled = new ApiFault(429, {}, 600);

test("an API server that is away or throttles in the middle of it is waited for", async () => {
	const { objects, told, done } = cluster({
		[`GET ${services}/docs`]: [away],
		[`DELETE ${services}/docs`]: [throttled, new ApiFault(503, {})],
		[`DELETE ${leases}/gw`]: [away],
	});
	await done(30_000);
	expect([...objects.keys()]).toEqual([]);
	expect(told).toEqual(["Removed Service mcp/docs"]);
});

test("what it refuses ends it, and so does the end of the time", async () => {
	const refused = cluster({ [`DELETE ${services}/docs`]: [new ApiFault(403, { message: "no" })] });
	await expect(refused.done(30_000)).rejects.toThrow("no");
	const late = cluster({ [`DELETE ${services}/docs`]: [new ApiFault(429, { message: "later" }, 60_000)] });
	await expect(late.done(30_000)).rejects.toThrow("later");
});
