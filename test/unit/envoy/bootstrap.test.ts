import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type BootstrapOptions, bootstrap, bootstrapDefaults, bootstrapYaml } from "../../../envoy/bootstrap.ts";
import { lastLine, run } from "../../../envoy/run.ts";
import { envoyBinary } from "../../support/envoy.ts";

const folder = mkdtempSync(join(tmpdir(), "bootstrap-"));
afterAll(() => rmSync(folder, { recursive: true }));

const local: BootstrapOptions = { ...bootstrapDefaults, nodeId: "test" };
const variants: Record<string, BootstrapOptions> = {
	"TCP on one machine": local,
	"Unix sockets": { ...local, xds: { path: join(folder, "xds.sock") }, admin: { path: join(folder, "admin.sock") } },
	"a control plane by name": { ...local, xds: { host: "control-plane", port: 18000 } },
	"probes for others": { ...local, probes: { host: "0.0.0.0", port: 9902 } },
	IPv6: { ...local, xds: { host: "::1", port: 18000 }, admin: { host: "::1", port: 9901 } },
};

describe("bootstrap", () => {
	test.each(Object.keys(variants))("Envoy accepts it: %s", async (name) => {
		const file = join(folder, "envoy.yaml");
		writeFileSync(file, bootstrapYaml(variants[name] ?? local));
		const result = await run(await envoyBinary(), ["--mode", "validate", "-c", file, "-l", "error"], {
			timeoutMs: 60_000,
		});
		expect([result.code, lastLine(result.stdout)], result.stderr).toEqual([0, `configuration '${file}' OK`]);
	});

	test("is the same as YAML and as an object", () => {
		expect(parse(bootstrapYaml(local))).toEqual(bootstrap(local));
	});

	test("keeps a Unix admin socket to its user", () => {
		const { admin } = bootstrap({ ...local, admin: { path: "/run/a.sock" } });
		expect(admin.address).toEqual({ pipe: { path: "/run/a.sock", mode: 384 } });
	});

	test("leaves names to macOS there, and gives silent name servers up elsewhere", () => {
		expect(bootstrap(local, "darwin")).not.toHaveProperty("typed_dns_resolver_config");
		for (const platform of ["linux", "win32"] as const) {
			const { typed_dns_resolver_config: resolver } = bootstrap(local, platform);
			expect(resolver?.typed_config).toMatchObject({ query_timeout_seconds: 1, query_tries: 2 });
		}
	});

	test("resolves names and nothing else", () => {
		const type = (host: string) => bootstrap({ ...local, xds: { host, port: 1 } }).static_resources.clusters[0]?.type;
		expect(["10.0.0.1", "::1", "control-plane", "a.b.c"].map(type)).toEqual([
			"STATIC",
			"STATIC",
			"STRICT_DNS",
			"STRICT_DNS",
		]);
	});
});
