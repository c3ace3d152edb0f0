import type { V1Endpoint, V1EndpointSlice, V1Service } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { podEndpoints, servicePort } from "../../../control-plane/kubernetes/discovery/endpoints.ts";

type Conditions = NonNullable<V1Endpoint["conditions"]>;

function endpoint(address: string, conditions?: Conditions, more: Partial<V1Endpoint> = {}): V1Endpoint {
	return { addresses: [address], ...(conditions && { conditions }), ...more };
}

function slice(endpoints: V1Endpoint[], more: Partial<V1EndpointSlice> = {}): V1EndpointSlice {
	return { addressType: "IPv4", endpoints, ports: [{ name: "mcp", port: 8000 }], ...more };
}

function found(slices: V1EndpointSlice[], port = 8080) {
	const result = podEndpoints(slices, port);
	if (!result.ok) throw new Error(result.problem);
	return result.endpoints;
}

const ready: Conditions = { ready: true, serving: true, terminating: false };
const gone = "left out";

describe("podEndpoints", () => {
	it.each<[string, Conditions | undefined, object | typeof gone]>([
		["ready", ready, {}],
		["nothing said of it", undefined, {}],
		["ready, and nothing else said", { ready: true }, {}],
		["not ready", { ready: false, serving: false, terminating: false }, { unready: true }],
		["not ready, and nothing else said", { ready: false }, { unready: true }],
		["serving, but not ready", { ready: false, serving: true, terminating: false }, { unready: true }],
		["terminating and serving", { ready: false, serving: true, terminating: true }, { draining: true }],
		["terminating, published though not ready", { ready: true, serving: true, terminating: true }, { draining: true }],
		["terminating and no longer serving", { ready: false, serving: false, terminating: true }, gone],
	])("%s", (_name, conditions, expected) => {
		expect(found([slice([endpoint("10.0.0.1", conditions)])])).toEqual(
			expected === gone ? [] : [{ host: "10.0.0.1", port: 8000, ...(expected as object) }],
		);
	});

	it("is the same list whatever the order of slices and endpoints", () => {
		const [a, b, c] = ["10.0.0.1", "10.0.0.2", "10.0.0.10"].map((address) => endpoint(address, ready));
		const one = found([slice([a as V1Endpoint, b as V1Endpoint]), slice([c as V1Endpoint])]);
		const other = found([slice([c as V1Endpoint, a as V1Endpoint]), slice([b as V1Endpoint])]);
		expect(one).toEqual(other);
		expect(one.map(({ host }) => host)).toEqual(["10.0.0.1", "10.0.0.10", "10.0.0.2"]);
	});

	it("knows a pod once that is in two slices, as ready where one says so", () => {
		const draining = { ready: false, serving: true, terminating: true };
		for (const other of [draining, { ready: false }]) {
			const slices = [slice([endpoint("10.0.0.1", other)]), slice([endpoint("10.0.0.1", ready)])];
			expect(found(slices)).toEqual([{ host: "10.0.0.1", port: 8000 }]);
			expect(found(slices.toReversed())).toEqual([{ host: "10.0.0.1", port: 8000 }]);
		}
	});

	it("takes IPv6, no names, and one address of a pod that has both families", () => {
		const pod = { targetRef: { kind: "Pod", uid: "u1" } };
		const four = slice([endpoint("10.0.0.1", ready, pod)]);
		const six = slice([endpoint("fd00::1", ready, pod), endpoint("fd00::2", ready)], { addressType: "IPv6" });
		const name = slice([endpoint("host.example", ready)], { addressType: "FQDN" });
		expect(found([six, name, four])).toEqual([
			{ host: "10.0.0.1", port: 8000 },
			{ host: "fd00::2", port: 8000 },
		]);
	});

	it("keeps the zone", () => {
		expect(found([slice([endpoint("10.0.0.1", ready, { zone: "eu-1a" })])])).toEqual([
			{ host: "10.0.0.1", port: 8000, zone: "eu-1a" },
		]);
	});

	it.each<[string, NonNullable<V1EndpointSlice["ports"]>, number | undefined]>([
		[
			"called mcp, before one with the number",
			[
				{ name: "http", port: 8080 },
				{ name: "mcp", port: 9 },
			],
			9,
		],
		[
			"with the number",
			[
				{ name: "metrics", port: 9 },
				{ name: "http", port: 8080 },
			],
			8080,
		],
		["the only one", [{ name: "http", port: 9 }], 9],
		["the only one, without a name", [{ port: 9 }], 9],
		[
			"none of several",
			[
				{ name: "a", port: 1 },
				{ name: "b", port: 2 },
			],
			undefined,
		],
		["none at all", [], undefined],
	])("port: %s", (_name, ports, port) => {
		const result = podEndpoints([slice([endpoint("10.0.0.1", ready)], { ports })], 8080);
		if (port === undefined) expect(result).toMatchObject({ ok: false, problem: expect.stringContaining("port") });
		else expect(result).toEqual({ ok: true, endpoints: [{ host: "10.0.0.1", port }] });
	});

	it("has each slice's own port, as a named target port may differ from pod to pod", () => {
		const old = slice([endpoint("10.0.0.1", ready)], { ports: [{ name: "mcp", port: 1 }] });
		const anew = slice([endpoint("10.0.0.2", ready)], { ports: [{ name: "mcp", port: 2 }] });
		expect(found([old, anew]).map(({ port }) => port)).toEqual([1, 2]);
	});

	it("finds nothing where there is nothing: no slice, an empty one, one without ports as Kubernetes leaves it", () => {
		expect(found([])).toEqual([]);
		expect(found([slice([])])).toEqual([]);
		expect(found([{ addressType: "IPv4" } as V1EndpointSlice])).toEqual([]);
	});
});

describe("servicePort", () => {
	const service = (spec: NonNullable<V1Service["spec"]>): V1Service => ({ spec });
	it.each<[string, NonNullable<V1Service["spec"]>, number | undefined]>([
		["the only one", { ports: [{ port: 80, targetPort: 8080 }] }, 80],
		[
			"called mcp",
			{
				ports: [
					{ name: "x", port: 1 },
					{ name: "mcp", port: 2 },
				],
			},
			2,
		],
		[
			"of a Service without an address, where pods are reached straight",
			{ clusterIP: "None", ports: [{ port: 80, targetPort: 8080 }] },
			8080,
		],
		[
			"none of several",
			{
				ports: [
					{ name: "x", port: 1 },
					{ name: "y", port: 2 },
				],
			},
			undefined,
		],
		["none", {}, undefined],
	])("%s", (_name, spec, port) => {
		expect(servicePort(service(spec), 5)).toBe(port);
	});
});
