import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { V1ConfigMap } from "@kubernetes/client-node";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createConfigMapSource } from "../../../control-plane/sources/config-map-source.ts";
import { type EditableSource, RegistryStoreError } from "../../../control-plane/sources/registry-source.ts";
import { type FakeApiServer, startApiServer } from "../../support/api-server.ts";
import { eventually } from "../../support/gateway.ts";

const folder = "/api/v1/namespaces/mcp/configmaps";

let server: FakeApiServer;
let source: EditableSource;
let home: string;

beforeEach(async () => {
	server = await startApiServer();
	home = mkdtempSync(join(tmpdir(), "mcpgw-registry-"));
	const kubeconfig = join(home, "config");
	writeFileSync(kubeconfig, server.kubeConfig.exportConfig());
	write("a");
	source = await createConfigMapSource({
		path: "configmap:mcp/registry",
		place: { namespace: "mcp", name: "registry" },
		connection: { kubeconfig, env: {} },
	});
	await eventually("it is watched", () => server.watches === 1);
});
afterEach(async () => {
	await source?.close();
	await server.stop();
	rmSync(home, { recursive: true, force: true });
});

/** A registry with one server of this id. */
function write(id: string): void {
	const text = JSON.stringify({ [id]: { endpoint: "http://127.0.0.1:1/mcp" } });
	const map: V1ConfigMap = { metadata: { name: "registry", namespace: "mcp" }, data: { "mcp-gateway.json": text } };
	server.put(folder, map);
}
const ids = () => [...(source.state.registry?.servers.keys() ?? [])];
const gets = () => server.requests.filter((line) => line.startsWith(`LIST ${folder}/registry`)).length;

test("is what the ConfigMap holds, and what it held while there is none", async () => {
	expect(ids()).toEqual(["a"]);
	write("b");
	await eventually("it is the new one", () => ids().join() === "b");
	server.remove(folder, "registry");
	await eventually("it is told", () => source.state.errors.length === 1);
	expect(source.state.errors[0]?.message).toContain("There is no ConfigMap registry in namespace mcp.");
	expect(ids()).toEqual(["b"]);
	write("c");
	await eventually("it is there again", () => ids().join() === "c" && source.state.errors.length === 0);
});

test("an answer that the watch has overtaken is not taken for news", async () => {
	const release = server.hold("/registry");
	const reloaded = source.reload();
	await eventually("it is asked for", () => gets() === 1);
	write("b");
	await eventually("the watch has told", () => ids().join() === "b");
	release();
	await reloaded;
	expect(ids()).toEqual(["b"]);
});

test("a cluster that was restored, and counts from an earlier version on, is believed", async () => {
	write("b");
	await eventually("it is the new one", () => ids().join() === "b");
	server.end("gone");
	server.rewind(50);
	write("c");
	await eventually("it is listed anew", () => ids().join() === "c" && server.watches === 1);
	write("d");
	await eventually("and followed", () => ids().join() === "d");
});

test("where its namespace is missing it cannot be made, and the message says so", async () => {
	server.refuse("/configmaps", 404, { kind: "namespaces", name: "mcp" });
	const put = source.put("{}", "").catch((error: unknown) => error);
	expect(await put).toBeInstanceOf(RegistryStoreError);
	expect(await put).toMatchObject({ message: expect.stringContaining("cannot be written") });
	server.refuse("/configmaps", 409);
	expect(await source.put("{}", "")).toBe(false);
});
