import { expect, test } from "vitest";
import { differences } from "../../../control-plane/kubernetes/write/differences.ts";

const paths = (desired: unknown, actual: unknown) => differences(desired, actual).map(({ path }) => path);

test("what only the API server's object has is its own affair", () => {
	const desired = { spec: { type: "ClusterIP", ports: [{ name: "mcp", port: 80, targetPort: "mcp" }] } };
	const actual = {
		metadata: { uid: "1", resourceVersion: "7", managedFields: [] },
		spec: {
			type: "ClusterIP",
			clusterIP: "10.0.0.1",
			sessionAffinity: "None",
			ports: [{ name: "mcp", port: 80, targetPort: "mcp", protocol: "TCP", nodePort: 30000 }],
		},
		status: {},
	};
	expect(paths(desired, actual)).toEqual([]);
});

test.each([
	["a value", { a: 1 }, { a: 2 }, [".a"]],
	["a type", { a: "1" }, { a: 1 }, [".a"]],
	["a field that is not there", { a: { b: true } }, {}, [".a.b"]],
	["false is not nothing", { a: false }, {}, [".a"]],
	["a map where there is none", { a: { b: 1 } }, { a: [1] }, [".a"]],
	["a list where there is none", { a: [1] }, { a: { b: 1 } }, [".a"]],
	[
		"an empty map that means something",
		{ volumes: [{ name: "v", emptyDir: {} }] },
		{ volumes: [{ name: "v" }] },
		[".volumes[name=v].emptyDir"],
	],
	["a shorter list", { args: ["a"] }, { args: ["a", "b"] }, [".args"]],
	["another order", { args: ["a", "b"] }, { args: ["b", "a"] }, [".args[0]", ".args[1]"]],
	[
		"an item of a named list",
		{ env: [{ name: "A", value: "1" }] },
		{ env: [{ name: "B", value: "1" }] },
		[".env[name=A].name", ".env[name=A].value"],
	],
	[
		"a value in a named list",
		{ env: [{ name: "A", value: "1" }] },
		{ env: [{ name: "A", value: "2" }] },
		[".env[name=A].value"],
	],
	["a list that is emptied", { args: [] }, { args: ["a"] }, [".args"]],
	[
		"an amount elsewhere is text",
		{ env: [{ name: "A", value: "0.5" }] },
		{ env: [{ name: "A", value: "500m" }] },
		[".env[name=A].value"],
	],
	[
		"another amount",
		{ resources: { limits: { cpu: "1" } } },
		{ resources: { limits: { cpu: "2" } } },
		[".resources.limits.cpu"],
	],
	["a label", { metadata: { labels: { a: "1" } } }, { metadata: { labels: { b: "1" } } }, [".metadata.labels.a"]],
] as const)("differs: %s", (_what, desired, actual, expected) => {
	expect(paths(desired, actual)).toEqual(expected);
});

test.each([
	["named lists in another order", { env: [{ name: "A" }, { name: "B" }] }, { env: [{ name: "B" }, { name: "A" }] }],
	[
		"more items of others in a named list",
		{ volumes: [{ name: "v" }] },
		{ volumes: [{ name: "istio" }, { name: "v" }] },
	],
	[
		"mounts by their path",
		{ m: [{ mountPath: "/a" }, { mountPath: "/b" }] },
		{ m: [{ mountPath: "/b" }, { mountPath: "/a" }] },
	],
	[
		"amounts",
		{ resources: { limits: { cpu: "0.5", memory: "1Gi" } } },
		{ resources: { limits: { cpu: "500m", memory: "1024Mi" } } },
	],
	["an amount that is a number", { resources: { requests: { cpu: 1 } } }, { resources: { requests: { cpu: "1" } } }],
	["nothing", { a: undefined, b: null }, {}],
	["an empty text", { env: [{ name: "A", value: "" }] }, { env: [{ name: "A" }] }],
	["empty maps that are dropped", { nodeSelector: {}, metadata: { labels: {} } }, { metadata: {} }],
	["empty lists that are dropped", { args: [], tolerations: [] }, { args: [] }],
] as const)("is the same: %s", (_what, desired, actual) => {
	expect(paths(desired, actual)).toEqual([]);
});

test("tells what is there instead", () => {
	expect(differences({ a: { b: 1 } }, { a: { b: { c: 2 } } })).toEqual([{ path: ".a.b", actual: { c: 2 } }]);
	expect(differences({ a: 1 }, undefined)).toEqual([{ path: ".a", actual: undefined }]);
});
