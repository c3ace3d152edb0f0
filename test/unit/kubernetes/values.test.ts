import { describe, expect, test } from "vitest";
import { createCharts } from "../../../control-plane/kubernetes/objects/chart.ts";
import {
	mergedLayers,
	mergeLayers,
	servedPath,
	serverValues,
} from "../../../control-plane/kubernetes/objects/values.ts";
import type { KubernetesServer, ServerValues } from "../../../control-plane/registry/model.ts";
import { kubernetesServer } from "../../support/kubernetes-server.ts";

const charts = createCharts();
const entry = (values: KubernetesServer["values"], chart?: string) =>
	kubernetesServer("a", { values, ...(chart !== undefined && { chart }) });

function valuesOf(server: KubernetesServer, bridgeImage?: string): ServerValues {
	const result = createCharts(undefined, bridgeImage).values(server);
	if (!result.ok) throw new Error(result.problem);
	return result.values;
}

function problemOf(server: KubernetesServer): string {
	const result = charts.values(server);
	return result.ok ? "" : result.problem;
}

describe("layers", () => {
	test("maps merge by key, lists and the rest replace, null takes away", () => {
		const below = { a: { b: 1, c: { d: 1 } }, list: [1, 2], text: "x", gone: 1 };
		const above = { a: { c: { e: 2 }, b: 3 }, list: [3], text: { y: null, z: 1 }, gone: null };
		expect(mergeLayers(below, above)).toEqual({ a: { b: 3, c: { d: 1, e: 2 } }, list: [3], text: { z: 1 } });
		expect(below).toEqual({ a: { b: 1, c: { d: 1 } }, list: [1, 2], text: "x", gone: 1 });
	});

	test("of replicas and an autoscaler the higher layer's stands", () => {
		const autoscale = { min: 1, max: 2, cpu: 50 };
		expect(mergedLayers([{ replicas: 2 }, { autoscale }])).toEqual({ autoscale });
		expect(mergedLayers([{ autoscale }, { replicas: 0 }])).toEqual({ replicas: 0 });
		expect(mergedLayers([{ autoscale }, { port: 1 }, { autoscale: { max: 3 } }])).toEqual({
			port: 1,
			autoscale: { min: 1, max: 3, cpu: 50 },
		});
	});
});

describe("values of a server", () => {
	test("what neither entry nor chart says is the base chart's", () => {
		expect(valuesOf(entry({ image: "a:1", env: { A: "b" } }), "gateway:2")).toEqual({
			image: "a:1",
			imagePullPolicy: "IfNotPresent",
			transport: "http",
			port: 8080,
			path: "/mcp",
			command: [],
			args: [],
			env: { A: "b" },
			secrets: {},
			resources: { requests: { cpu: "50m", memory: "128Mi" } },
			probes: {},
			nodeSelector: {},
			tolerations: [],
			drainSeconds: 5,
			bridgeImage: "gateway:2",
			pool: {},
		});
	});

	test("the entry goes before its chart", () => {
		const values = valuesOf(entry({ runAsUser: 7, secrets: { OTHER: { name: "a", key: "b" } } }, "github-server"));
		expect(values).toMatchObject({
			image: "ghcr.io/github/github-mcp-server",
			transport: "stdio",
			command: ["/server/github-mcp-server", "stdio"],
			runAsUser: 7,
			secrets: {
				GITHUB_PERSONAL_ACCESS_TOKEN: { name: "github-token", key: "token" },
				OTHER: { name: "a", key: "b" },
			},
		});
	});

	test.each<[string, KubernetesServer, string]>([
		["no image", entry({}), "The entry and `mcp-server` together: `image` is missing: it must be the name of an image"],
		["no program", entry({ image: "a", transport: "stdio" }), "`command` is empty: the program of a `stdio` server"],
		[
			"a request over the limit that the entry sets",
			entry({ image: "a", resources: { limits: { memory: "64Mi" } } }),
			"`resources.requests.memory` must not be over the limit, which is `64Mi`.",
		],
		[
			"a probe that checks nothing",
			entry({ image: "a", probes: { liveness: { periodSeconds: 5 } } }),
			"`probes.liveness` must have one of `httpGet`, `tcpSocket`, `exec` and `grpc`, but has none",
		],
		[
			"a probe that checks two things",
			entry({ image: "a", probes: { startup: { httpGet: { port: 1 }, tcpSocket: { port: 1 }, grpc: null } } }),
			"but has `httpGet` and `tcpSocket`",
		],
	])("%s", (_, server, words) => {
		expect(problemOf(server)).toContain(words);
	});

	test("an autoscaler needs what it goes by", () => {
		const layer = { ...valuesOf(entry({ image: "a" })), resources: {} };
		const result = serverValues([layer], entry({ autoscale: { min: 1, max: 2, cpu: 80 } }, "x"));
		expect(result).toEqual({
			ok: false,
			problem:
				"The entry and chart `x` together: `autoscale` goes by what pods request: give `resources.requests.cpu` too.",
		});
	});

	test("a stdio server is at its id, whatever its path", () => {
		expect(servedPath({ transport: "http", path: "/x" }, "a.B")).toBe("/x");
		expect(servedPath({ transport: "stdio", path: "/x" }, "a.B")).toBe("/a.B");
	});
});
