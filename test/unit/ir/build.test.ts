import { describe, expect, it } from "vitest";
import type { Detection, Finding } from "../../../control-plane/detection/finding.ts";
import { buildServer } from "../../../control-plane/ir/build.ts";
import type { Address, ServerIR } from "../../../control-plane/ir/model.ts";
import type { Discovery } from "../../../control-plane/kubernetes/contract.ts";
import { expand } from "../../../control-plane/registry/expand.ts";
import { parseRegistry } from "../../../control-plane/registry/parse.ts";
import { noCluster } from "../../support/kubernetes-server.ts";

function build(
	entry: object,
	env: Record<string, string> = {},
	detection: Detection = { state: "detecting" },
	bridges: readonly Address[] = [{ path: "/run/b.sock" }],
	discovery: Discovery = noCluster,
): ServerIR {
	const parsed = parseRegistry(JSON.stringify({ s: entry }), "r.json");
	if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
	const server = parsed.registry.servers.get("s");
	if (server === undefined) throw new Error("no server");
	return buildServer(server, {
		expand: (template) => expand(template, { env, readFile: () => "" }),
		readFile: (path) => {
			throw new Error(`${path} cannot be read`);
		},
		bridges,
		detection: () => detection,
		discover: () => discovery,
	});
}

function serving(entry: object, env?: Record<string, string>) {
	const ir = build(entry, env);
	if (ir.state !== "serving") throw new Error(ir.problem);
	return ir;
}

describe("buildServer", () => {
	it.each([
		["http://127.0.0.1:1", "/", 1],
		["http://127.0.0.1", "/", 80],
		["https://127.0.0.1/mcp", "/mcp", 443],
		["http://[::1]:5/a/b/", "/a/b/", 5],
	])("%s has path %s and port %i", (endpoint, path, port) => {
		const { route, upstream } = serving({ type: "http", endpoint });
		expect(route.path).toBe(path);
		expect(upstream.endpoints[0]?.address).toMatchObject({ port });
	});

	it.each([
		["http://10.0.0.1/", "eds", false, true],
		["http://localhost:1/", "eds", false, true],
		["http://name:1/", "dns", false, true],
		["https://10.0.0.1/", "eds", false, true],
		["https://api.example.com/mcp", "dns", true, false],
	])("%s: discovery %s, Host rewritten %s, pinned %s", (endpoint, discovery, rewriteHost, sessionAffinity) => {
		const { route, upstream } = serving({ type: "http", endpoint });
		expect({
			discovery: upstream.discovery,
			rewriteHost: route.rewriteHost,
			sessionAffinity: route.sessionAffinity,
		}).toEqual({
			discovery,
			rewriteHost,
			sessionAffinity,
		});
	});

	it("does what the entry says where it says so", () => {
		const { route } = serving({
			type: "http",
			endpoint: "https://api.example.com/mcp",
			hostHeader: "preserve",
			sessionAffinity: true,
		});
		expect(route).toMatchObject({ rewriteHost: false, sessionAffinity: true });
	});

	it("sends SNI for a name, none for an address, each its own for several names", () => {
		expect(serving({ type: "http", endpoint: "https://a.example/" }).upstream.tls).toEqual({
			verify: true,
			names: ["a.example"],
			sni: "a.example",
		});
		expect(serving({ type: "http", endpoint: "https://10.0.0.1/" }).upstream.tls).toEqual({
			verify: true,
			names: ["10.0.0.1"],
		});
		expect(serving({ type: "http", endpoints: ["https://a.example/", "https://b.example/"] }).upstream.tls).toEqual({
			verify: true,
			names: ["a.example", "b.example"],
		});
	});

	it("turns a connect timeout of 0 into a very long one: Envoy knows no other off", () => {
		expect(
			serving({ type: "http", endpoint: "http://10.0.0.1/", timeouts: { connect: 0 } }).upstream.connectTimeoutMs,
		).toBe(3_600_000);
	});

	it("sends a stdio server to the bridge under its id", () => {
		expect(serving({ cmd: ["x"] })).toMatchObject({
			upstream: { discovery: "eds", endpoints: [{ address: { path: "/run/b.sock" } }] },
			route: { path: "/s", sessionAffinity: true },
		});
	});

	it("has Envoy resolve the names of bridges", () => {
		const discovery = (...bridges: Address[]) => {
			const ir = build({ cmd: ["x"] }, {}, undefined, bridges);
			return ir.state === "serving" && ir.upstream.discovery;
		};
		expect(discovery({ host: "bridge", port: 8090 }, { host: "bridge", port: 8091 })).toBe("dns");
		expect(discovery({ host: "10.0.0.1", port: 8090 })).toBe("eds");
	});

	/* biome-ignore-start lint/suspicious/noTemplateCurlyInString: placeholders of the registry */
	it.each([
		[
			"a variable that is not set",
			{ type: "http", endpoint: "http://10.0.0.1/", headers: { a: "${MISSING}" } },
			"MISSING",
		],
		["a URL that is none when filled in", { type: "http", endpoint: "${URL}" }, "endpoints[0]"],
		["credentials in the filled-in URL", { type: "http", endpoint: "${CREDENTIALS}" }, "endpoints[0]"],
		[
			"a header that would become two",
			{ type: "http", endpoint: "http://10.0.0.1/", headers: { a: "${TWO}" } },
			"headers.a",
		],
		[
			"endpoints that differ when filled in",
			{ type: "http", endpoints: ["${ONE}", "${OTHER}"] },
			"share the scheme and the path",
		],
		[
			"an authority that cannot be read",
			{ type: "http", endpoint: "https://10.0.0.1/", tls: { caFile: "/no/ca.pem" } },
			"/no/ca.pem",
		],
		["kubernetes where there is none", { type: "k8s", chart: "github-server" }, "no cluster here"],
	])("%s makes this server unavailable and says why, without the value", (_name, entry, words) => {
		const env = {
			URL: "ftp://value-of-it",
			CREDENTIALS: "http://user:value-of-it@host/",
			TWO: "value-of-it\r\nx: y",
			ONE: "http://10.0.0.1/a",
			OTHER: "http://10.0.0.1/b",
		};
		const ir = build(entry, env);
		expect(ir).toMatchObject({ state: "unavailable", problem: expect.stringContaining(words) });
		expect(JSON.stringify(ir)).not.toContain("value-of-it");
	});
	/* biome-ignore-end lint/suspicious/noTemplateCurlyInString: placeholders of the registry */

	describe("of an entry without a type", () => {
		const entry = { endpoint: "http://10.0.0.1:1", cmd: ["x"] };
		const found = (finding: Partial<Finding>): Detection => ({
			state: "found",
			finding: { transport: "streamable-http", revisions: [], ...finding },
		});

		it.each([
			[entry, { path: "/mcp" }, { transport: "streamable-http", path: "/mcp" }],
			[entry, { path: "/" }, { transport: "streamable-http", path: "/" }],
			[entry, { transport: "sse", path: "/sse" } as const, { transport: "sse", path: "/sse" }],
			[{ endpoint: "http://10.0.0.1:1/own" }, { path: "/mcp" }, { transport: "streamable-http", path: "/own" }],
			[entry, { transport: "stdio" } as const, { transport: "streamable-http", path: "/s" }],
		])("%j found as %j has the route %j", (written, finding, route) => {
			const ir = build(written, {}, found(finding));
			expect(ir).toMatchObject({ state: "serving", route });
			const bridged = JSON.stringify(ir).includes("/run/b.sock");
			expect(bridged).toBe("transport" in finding && finding.transport === "stdio");
		});

		it("checks the health of the path that was found", () => {
			const ir = build({ ...entry, healthCheck: { type: "mcp" } }, {}, found({ path: "/mcp" }));
			expect(ir).toMatchObject({ upstream: { healthCheck: { probe: { type: "mcp", path: "/mcp" } } } });
		});

		it("is unavailable while nothing is known, and says what was tried when nothing was found", () => {
			expect(build(entry)).toMatchObject({ state: "unavailable", problem: expect.stringContaining("being detected") });
			const tried = [{ what: "POST http://10.0.0.1:1/ initialize", outcome: "HTTP 404" }];
			expect(build(entry, {}, { state: "failed", tried })).toMatchObject({
				state: "unavailable",
				problem: expect.stringContaining("POST http://10.0.0.1:1/ initialize: HTTP 404"),
			});
		});

		it("tells a fault of the entry itself first", () => {
			// biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of the registry
			const faulty = { endpoint: "http://10.0.0.1:1", headers: { a: "${MISSING}" } };
			expect(build(faulty)).toMatchObject({ problem: expect.stringContaining("MISSING") });
		});
	});
});
