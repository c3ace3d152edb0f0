import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
	Conflict,
	type CredentialStore,
	ensureCredentials,
	removeCredentials,
} from "../../../control-plane/credentials/ensure.ts";
import { fileStore } from "../../../control-plane/credentials/files.ts";
import { secretStore } from "../../../control-plane/credentials/secrets.ts";
import { ApiFault, type ApiRequest } from "../../../control-plane/kubernetes/api-server.ts";

interface Secret {
	readonly metadata: { name: string; resourceVersion?: string; uid?: string; labels?: Record<string, string> };
	readonly data: Readonly<Record<string, string>>;
}

/** Secrets as an API server keeps them; `between` runs before each write. */
function apiServer(between: (path: string) => void = () => {}) {
	const secrets = new Map<string, Secret>();
	let version = 0;
	const put = (secret: Secret) => {
		const metadata = { uid: `uid-${++version}`, ...secret.metadata, resourceVersion: String(version) };
		secrets.set(secret.metadata.name, { ...secret, metadata });
	};
	const request: ApiRequest = async (method, path, { body } = {}) => {
		const name = path.split("/").at(-1) ?? "";
		const found = secrets.get(name);
		if (method === "GET") {
			if (found === undefined) throw new ApiFault(404, {});
			return found;
		}
		if (method === "DELETE") return void secrets.delete(name);
		between(path);
		const secret = body as Secret;
		const now = secrets.get(secret.metadata.name);
		if (method === "POST" ? now !== undefined : now?.metadata.resourceVersion !== secret.metadata.resourceVersion) {
			throw new ApiFault(409, {});
		}
		return put(secret);
	};
	return { secrets, put, store: secretStore({ request, namespace: "mcp", prefix: "gw" }) };
}

async function ensure(store: CredentialStore): Promise<string[]> {
	const told: string[] = [];
	await ensureCredentials(store, (line) => told.push(line));
	return told;
}

const dataOf = (secrets: ReadonlyMap<string, Secret>) =>
	Object.fromEntries([...secrets].map(([name, { data }]) => [name, data]));

test("three Secrets are made once, and each side gets its own", async () => {
	const { secrets, store } = apiServer();
	expect(await ensure(store)).toEqual([
		"Made Secret mcp/gw-xds-control-plane and Secret mcp/gw-xds-envoy.",
		"Made Secret mcp/gw-admin.",
	]);
	const first = dataOf(secrets);
	expect(Object.keys(first)).toEqual(["gw-xds-control-plane", "gw-xds-envoy", "gw-admin"]);
	expect(Object.keys(first["gw-xds-envoy"] ?? {})).toEqual(["ca.crt", "tls.crt", "tls.key"]);
	const token = Buffer.from(first["gw-admin"]?.["token"] ?? "", "base64").toString();
	expect(Buffer.from(token, "base64url")).toHaveLength(32);
	expect((await ensure(store)).every((line) => / (is|are) there\.$/.test(line))).toBe(true);
	expect(dataOf(secrets)).toEqual(first);
	await removeCredentials(store, () => {});
	expect([...secrets]).toEqual([]);
});

test("what is missing or of no use is made anew, both sides together, and said with the reason", async () => {
	const { secrets, store } = apiServer();
	await ensure(store);
	const before = dataOf(secrets);
	secrets.delete("gw-xds-envoy");
	expect((await ensure(store))[0]).toContain(
		"anew, since Envoy's are missing. Control planes and Envoys that run must be restarted.",
	);
	expect(dataOf(secrets)["gw-xds-control-plane"]).not.toEqual(before["gw-xds-control-plane"]);
	expect(dataOf(secrets)["gw-admin"]).toEqual(before["gw-admin"]);
	const admin = secrets.get("gw-admin");
	if (admin !== undefined) secrets.set("gw-admin", { ...admin, data: { token: "" } });
	expect((await ensure(store))[1]).toContain("held no usable token");
});

test("two that begin at once agree in the end", async () => {
	let others: Promise<void> | undefined;
	const server = apiServer(() => {
		// Another one makes all of them in between, once.
		if (others !== undefined) return;
		others = Promise.resolve();
		for (const [name, secret] of theirs.secrets) if (!server.secrets.has(name)) server.put(secret);
	});
	const theirs = apiServer();
	await ensure(theirs.store);
	await ensure(server.store);
	expect(dataOf(server.secrets)).toEqual(dataOf(theirs.secrets));
});

test("somebody who always writes in between is told of", async () => {
	const store: CredentialStore = {
		place: (name) => name,
		read: async () => undefined,
		write: async () => {
			throw new Conflict("again and again");
		},
		remove: async () => false,
	};
	await expect(ensure(store)).rejects.toThrow("again and again");
});

test("Secrets of others are used where they are good, and neither written nor removed", async () => {
	const { secrets, put, store } = apiServer();
	await ensure(store);
	for (const { metadata, data } of [...secrets.values()]) put({ metadata: { name: metadata.name }, data });
	const before = dataOf(secrets);
	await ensure(store);
	await removeCredentials(store, () => {});
	expect(dataOf(secrets)).toEqual(before);
	put({ metadata: { name: "gw-admin" }, data: {} });
	await expect(ensure(store)).rejects.toThrow(
		"Secret mcp/gw-admin is of no use, and not made by `mcp-gateway credentials`",
	);
});

test("files are for their owner only, and go as they came", async () => {
	const folder = await mkdtemp(join(tmpdir(), "credentials-"));
	onTestFinished(() => rm(folder, { recursive: true, force: true }));
	const store = fileStore(folder);
	await ensure(store);
	expect((await readdir(folder, { recursive: true })).sort()).toEqual([
		...["admin", "admin/token"],
		...["xds-control-plane", "xds-control-plane/ca.crt", "xds-control-plane/tls.crt", "xds-control-plane/tls.key"],
		...["xds-envoy", "xds-envoy/ca.crt", "xds-envoy/tls.crt", "xds-envoy/tls.key"],
	]);
	expect((await stat(join(folder, "xds-envoy/tls.key"))).mode & 0o777).toBe(0o600);
	expect((await stat(join(folder, "admin"))).mode & 0o777).toBe(0o700);
	const token = await readFile(join(folder, "admin/token"), "utf8");
	await ensure(store);
	expect(await readFile(join(folder, "admin/token"), "utf8")).toBe(token);
	await writeFile(join(folder, "xds-envoy/theirs"), "");
	await removeCredentials(store, () => {});
	expect((await readdir(folder, { recursive: true })).sort()).toEqual(["xds-envoy", "xds-envoy/theirs"]);
});
