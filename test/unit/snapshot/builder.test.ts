import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Detection } from "../../../control-plane/detection/finding.ts";
import type { BuildContext } from "../../../control-plane/ir/build.ts";
import type { Discovery } from "../../../control-plane/kubernetes/contract.ts";
import { expand } from "../../../control-plane/registry/expand.ts";
import { createRegistryParser } from "../../../control-plane/registry/parse.ts";
import { createSnapshotBuilder } from "../../../control-plane/snapshot/builder.ts";
import { changedNames } from "../../../control-plane/snapshot/overlay.ts";
import { checkReferences } from "../../../control-plane/snapshot/references.ts";
import { createSnapshot, resourceTypes } from "../../../control-plane/snapshot/snapshot.ts";
import type { Resource } from "../../../control-plane/xds/translate.ts";
import { noCluster } from "../../support/kubernetes-server.ts";
import { resource } from "../ads/resources.ts";
import { testListener, testRoots } from "../golden/listener.ts";

function contextWith(env: Record<string, string>): BuildContext {
	return {
		expand: (template) => expand(template, { env, readFile: () => "" }),
		readFile: () => testRoots,
		bridges: [],
		detection: () => ({ state: "detecting" as const }),
		discover: () => noCluster,
	};
}

const parser = createRegistryParser();
function registry(entries: object) {
	const parsed = parser.parse(JSON.stringify(entries), "r.json");
	if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
	return parsed.registry;
}

const plain = { type: "http", endpoint: "http://127.0.0.1:1/mcp" };
// biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of the registry
const secretive = { type: "http", endpoint: "http://127.0.0.1:1/mcp", headers: { Authorization: "${TOKEN}" } };

describe("createSnapshotBuilder", () => {
	it("changes a snapshot into what a new builder makes of the same registry", () => {
		const entry = fc.constantFrom(
			plain,
			{ type: "http", endpoint: "http://127.0.0.1:2/x" },
			secretive,
			{ cmd: ["x"] },
			{ chart: "c" },
		);
		const registries = fc.array(fc.dictionary(fc.constantFrom("a", "b", "c", "d"), entry), {
			minLength: 2,
			maxLength: 6,
		});
		fc.assert(
			fc.property(registries, fc.array(fc.constantFrom("1", undefined), { minLength: 6 }), (list, tokens) => {
				const builder = createSnapshotBuilder(testRoots);
				for (const [index, entries] of list.entries()) {
					const token = tokens[index];
					const context = contextWith(token === undefined ? {} : { TOKEN: token });
					const changed = builder.build(registry(entries), testListener, context);
					const anew = createSnapshotBuilder(testRoots).build(registry(entries), testListener, context);
					for (const type of resourceTypes) {
						const versions = ({ snapshot }: typeof anew) =>
							Object.fromEntries([...snapshot.resources[type]].map(([name, { version }]) => [name, version]));
						expect(versions(changed)).toEqual(versions(anew));
					}
					expect([...changed.outcomes.keys()]).toEqual(Object.keys(entries));
				}
			}),
			{ numRuns: 200 },
		);
	});

	it("keeps the resources of a type that did not change, and knows the names of those that did", () => {
		const builder = createSnapshotBuilder(testRoots);
		const build = (entries: object) =>
			builder.build(registry(entries), testListener, contextWith({})).snapshot.resources;
		const before = build({ a: plain, b: plain });
		const after = build({ a: plain, c: plain });
		expect(after.listener).toBe(before.listener);
		expect(after.secret).toBe(before.secret);
		expect([...(changedNames(before.scope, after.scope) ?? [])].sort()).toEqual(["b", "c"]);
		expect(changedNames(before.scope, build({ a: plain }).scope)).toBeUndefined();
	});

	it("makes the same resource for an unchanged entry, and another version for a changed one", () => {
		const builder = createSnapshotBuilder(testRoots);
		const before = builder.build(registry({ a: plain, b: plain }), testListener, contextWith({})).snapshot;
		const after = builder.build(
			registry({ a: plain, b: { type: "http", endpoint: "http://127.0.0.1:2/x" } }),
			testListener,
			contextWith({}),
		).snapshot;
		expect(after.serial).toBeGreaterThan(before.serial);
		expect(after.resources.scope.get("a")).toBe(before.resources.scope.get("a"));
		expect(after.resources.scope.get("b")?.version).not.toBe(before.resources.scope.get("b")?.version);
	});

	it("gives the same content the same version in another process", () => {
		const one = createSnapshotBuilder(testRoots).build(registry({ a: plain }), testListener, contextWith({}));
		const two = createSnapshotBuilder(testRoots).build(registry({ a: plain }), testListener, contextWith({}));
		const versions = ({ snapshot }: typeof one) =>
			[...snapshot.resources.cluster.values()].map(({ version }) => version);
		expect(versions(one)).toEqual(versions(two));
	});

	it("takes up a rotated secret as one secret, leaving cluster and scope as they were", () => {
		const builder = createSnapshotBuilder(testRoots);
		const before = builder.build(registry({ a: secretive }), testListener, contextWith({ TOKEN: "old" })).snapshot
			.resources;
		const after = builder.build(registry({ a: secretive }), testListener, contextWith({ TOKEN: "new" })).snapshot
			.resources;
		const name = "header/a/authorization";
		expect(after.secret.get(name)?.version).not.toBe(before.secret.get(name)?.version);
		expect(after.cluster.get("mcp/a")?.version).toBe(before.cluster.get("mcp/a")?.version);
		expect(after.scope.get("a")?.version).toBe(before.scope.get("a")?.version);
	});

	it("takes up a finding without a change of the registry, and only what it changes", () => {
		const builder = createSnapshotBuilder(testRoots);
		const parsed = registry({ a: { endpoint: "http://127.0.0.1:1" }, b: plain });
		const at = (detection: Detection) =>
			builder.build(parsed, testListener, { ...contextWith({}), detection: () => detection });
		const before = at({ state: "detecting" });
		expect(before.outcomes.get("a")).toMatchObject({ state: "unavailable" });
		expect(before.snapshot.resources.cluster.has("mcp/a")).toBe(false);
		const finding = { transport: "streamable-http" as const, path: "/mcp", revisions: ["2025-11-25"] };
		const detection: Detection = { state: "found", finding };
		const after = at(detection);
		expect(after.outcomes.get("a")).toMatchObject({ state: "serving", detected: finding });
		expect(after.snapshot.resources.cluster.get("mcp/b")).toBe(before.snapshot.resources.cluster.get("mcp/b"));
		expect(at(detection).snapshot.resources.scope.get("a")).toBe(after.snapshot.resources.scope.get("a"));
	});

	it("knows what is not known yet from what is not there, though both look the same to Envoy", () => {
		const builder = createSnapshotBuilder(testRoots);
		const now = (discovery: Discovery) => {
			const entries = registry({ k: { type: "k8s", image: "i" } });
			const { snapshot } = builder.build(entries, testListener, { ...contextWith({}), discover: () => discovery });
			return snapshot.resources.scope.get("k");
		};
		const unknown = now({ state: "missing", problem: "why", unknown: "pending" });
		expect(unknown?.provisional).toBe(true);
		const known = now({ state: "missing", problem: "why" });
		expect(known).toEqual({ ...unknown, provisional: undefined });
	});

	it("serves the others when one server lacks its secret, and says which variable", () => {
		const { outcomes, snapshot } = createSnapshotBuilder(testRoots).build(
			registry({ a: secretive, b: plain }),
			testListener,
			contextWith({}),
		);
		expect(outcomes.get("a")).toMatchObject({ state: "unavailable" });
		expect(outcomes.get("a")?.problem).toContain("TOKEN");
		expect(outcomes.get("b")).toMatchObject({ state: "serving" });
		expect([...snapshot.resources.cluster.keys()]).toEqual(["mcp/b"]);
		expect([...snapshot.resources.scope.keys()]).toEqual(["a", "b"]);
	});
});

describe("createSnapshot", () => {
	it("refuses two resources of one name", () => {
		expect(() => createSnapshot(1, [[resource("scope", "a")], [resource("scope", "a", "2")]])).toThrow(
			"scope are called a",
		);
	});
});

describe("checkReferences", () => {
	const cluster: Resource = {
		type: "cluster",
		name: "mcp/a",
		message: { name: "mcp/a", type: "EDS", transport_socket: { tls: [{ name: "ca/a", sds_config: { ads: {} } }] } },
	};
	const endpoints: Resource = { type: "endpoints", name: "mcp/a", message: {} };
	const secret: Resource = { type: "secret", name: "ca/a", message: {} };
	const scope: Resource = { type: "scope", name: "a", message: { routes: [{ route: { cluster: "mcp/a" } }] } };
	const listener: Resource = {
		type: "listener",
		name: "l",
		message: { filters: [{ name: "api-keys", config_discovery: { config_source: { ads: {} } } }] },
	};

	it("takes resources that fit together, those of the gateway included", () => {
		expect(() => checkReferences([cluster, endpoints, scope], [secret])).not.toThrow();
	});

	it.each([
		["a cluster without its endpoints", [cluster, secret], "endpoints mcp/a"],
		["a cluster without its secret", [cluster, endpoints], "secret ca/a"],
		["a scope without its cluster", [scope], "cluster mcp/a"],
		["a listener without its extension", [listener], "extension api-keys"],
	])("refuses %s", (_what, resources, missing) => {
		expect(() => checkReferences(resources, [])).toThrow(`needs ${missing}`);
	});
});
