import { renameSync, writeFileSync } from "node:fs";
import {
	chmod,
	lstat,
	mkdir,
	mkdtemp,
	readdir,
	readFile,
	rename,
	rm,
	stat,
	symlink,
	writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createAdminApi } from "../../../control-plane/admin/server.ts";
import { type AdsServer, startAdsServer } from "../../../control-plane/ads/server.ts";
import { createMetrics } from "../../../control-plane/metrics/metrics.ts";
import { createFileSource, type FileSource } from "../../../control-plane/sources/file-source.ts";
import { createRegistryWriter } from "../../../control-plane/sources/registry-writer.ts";
import { openApiChecker } from "../../support/openapi.ts";

let folder: string;
let ads: AdsServer;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
	folder = await mkdtemp(join(tmpdir(), "admin-registry-"));
	ads = await startAdsServer({ address: "127.0.0.1:0", log: pino({ level: "silent" }), onChange: () => {} });
});
afterEach(async () => {
	for (const close of closing.splice(0).reverse()) await close();
	await ads.close();
	await rm(folder, { recursive: true, force: true });
});

/** An API over a real file; every answer is held against the description. */
async function serve(name: string, text: string | undefined) {
	const file = join(folder, name);
	if (text !== undefined) await writeFile(file, text);
	const source: FileSource = await createFileSource({ path: file });
	const api = createAdminApi({
		loopback: true,
		token: undefined,
		version: "0",
		status: {
			registryFile: file,
			source: () => source.state,
			outcomes: () => new Map(),
			ads,
			bridges: [],
			processes: () => [],
		},
		registry: { writer: createRegistryWriter(source), parse: source.parse, waitInSync: async () => [] },
		metrics: createMetrics("0"),
		log: pino({ level: "silent" }),
	});
	closing.push(
		() => source.close(),
		() => api.close(),
	);
	const host = { host: "localhost" };
	const check = openApiChecker((await api.inject({ url: "/openapi.json", headers: host })).json());
	const ask = async (
		method: "GET" | "PUT" | "PATCH" | "DELETE",
		path: string,
		body?: unknown,
		headers: Record<string, string> = {},
	) => {
		const type = { "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json" };
		const payload = typeof body === "string" ? body : JSON.stringify(body);
		const answer = await api.inject({
			method,
			url: path,
			headers: { ...host, ...(body === undefined ? {} : type), ...headers },
			...(body === undefined ? {} : { payload }),
		});
		const contentType = String(answer.headers["content-type"] ?? "");
		expect(check({ method, path, status: answer.statusCode, contentType, body: answer.body })).toEqual([]);
		return answer;
	};
	const etag = async () => String((await ask("GET", "/v1/registry")).headers["etag"]);
	const ids = () => [...(source.state.registry?.servers.keys() ?? [])];
	return { file, source, ask, etag, ids, text: () => readFile(file, "utf8") };
}

const yaml = `# our servers
a:
  # where it is
  endpoint: http://a:1/mcp # the old one

# processes
b: {cmd: [x]}
`;
const yamlType = { "content-type": "application/yaml" };

describe("GET", () => {
	test("gives the file's own text in its own format, and its values in the other", async () => {
		const { ask } = await serve("r.yaml", yaml);
		const own = await ask("GET", "/v1/registry", undefined, { accept: "text/html, application/yaml" });
		expect([own.body, own.headers["content-type"]]).toEqual([yaml, "application/yaml; charset=utf-8"]);
		const values = { a: { endpoint: "http://a:1/mcp" }, b: { cmd: ["x"] } };
		expect((await ask("GET", "/v1/registry")).json()).toEqual(values);
		expect((await ask("GET", "/v1/registry?format=yaml")).body).toBe(yaml);
		expect((await ask("GET", "/v1/registry", undefined, { accept: "text/html" })).statusCode).toBe(406);
		expect((await ask("GET", "/v1/registry?format=toml")).statusCode).toBe(400);
	});

	test("of JSON with comments is JSON that all can read", async () => {
		const { ask } = await serve("r.json", '{\n  // why\n  "a": {"cmd": ["x"]},\n}\n');
		expect((await ask("GET", "/v1/registry")).json()).toEqual({ a: { cmd: ["x"] } });
		expect((await ask("GET", "/v1/registry?format=yaml")).body).toBe("a:\n  cmd:\n    - x\n");
	});

	test("has an ETag of the bytes, and answers 304 to who has them", async () => {
		const { ask, etag, file } = await serve("r.yaml", yaml);
		const first = await etag();
		expect(first).toMatch(/^"[0-9a-f]{64}"$/);
		const again = await ask("GET", "/v1/registry", undefined, { "if-none-match": `"x", ${first}` });
		expect([again.statusCode, again.body, again.headers["etag"]]).toEqual([304, "", first]);
		await writeFile(file, `${yaml}# more\n`);
		expect(await etag()).not.toBe(first);
	});

	test("tells of a file that is faulty or gone", async () => {
		const { ask, file } = await serve("r.yaml", "a: [");
		const faulty = await ask("GET", "/v1/registry");
		expect([faulty.statusCode, faulty.json().error]).toEqual([422, "registry_faulty"]);
		expect(faulty.json().errors[0]).toMatchObject({ line: 1, message: expect.any(String) });
		expect((await ask("GET", "/v1/registry?format=yaml")).body).toBe("a: [");
		await rm(file);
		expect((await ask("GET", "/v1/registry")).statusCode).toBe(404);
	});
});

describe("PUT", () => {
	test("what was got can be put, and changes nothing", async () => {
		for (const [name, text] of [
			["r.yaml", yaml],
			["r.json", '{ "a": {"cmd": ["x"]} }\n'],
			["c.json", '{ // why\n"a": {"cmd": ["x"]},}\n'],
		] as const) {
			const { ask, etag, file } = await serve(name, text);
			for (const format of ["json", "yaml"]) {
				const { body } = await ask("GET", `/v1/registry?format=${format}`);
				const type = { "content-type": `application/${format}` };
				const put = await ask("PUT", "/v1/registry", body, { ...type, "if-match": await etag() });
				expect(put.json()).toEqual({ etag: await etag(), added: [], changed: [], removed: [] });
				expect(await readFile(file, "utf8"), `${name} ${format}`).toBe(text);
			}
		}
	});

	test("of JSON into YAML keeps the comments of what stays", async () => {
		const { ask, etag, text, ids } = await serve("r.yaml", yaml);
		const body = { a: { endpoint: "http://a:2/mcp" }, b: { cmd: ["x"] }, c: { cmd: ["y"] } };
		const put = await ask("PUT", "/v1/registry", body, { "if-match": await etag() });
		expect(put.json()).toMatchObject({ added: ["c"], changed: ["a"], removed: [] });
		expect(await text()).toBe(`${yaml.replace("a:1", "a:2")}c:\n  cmd:\n    - y\n`);
		expect(put.headers["etag"]).toBe(await etag());
		expect(ids()).toEqual(["a", "b", "c"]);
	});

	test("of the file's own language is written byte for byte", async () => {
		const { ask, etag, text } = await serve("r.yaml", yaml);
		const body = "# all new\r\nz: {cmd: [z]}";
		await ask("PUT", "/v1/registry", body, { ...yamlType, "if-match": await etag() });
		expect(await text()).toBe(body);
	});

	test("of YAML into JSON leaves JSON", async () => {
		const { ask, etag, text } = await serve("r.json", '{"a": {"cmd": ["x"]}}');
		await ask("PUT", "/v1/registry", "z: {cmd: [z]}\n", { ...yamlType, "if-match": await etag() });
		expect(JSON.parse(await text())).toEqual({ z: { cmd: ["z"] } });
	});

	test("needs the ETag of what is there", async () => {
		const { ask, etag, text } = await serve("r.yaml", yaml);
		const without = await ask("PUT", "/v1/registry", {});
		expect([without.statusCode, without.json().error]).toEqual([428, "precondition_required"]);
		const current = await etag();
		for (const headers of [
			{ "if-match": '"other"' },
			{ "if-match": `W/${current}` },
			{ "if-none-match": "*" },
		] as Record<string, string>[]) {
			const refused = await ask("PUT", "/v1/registry", {}, headers);
			expect([refused.statusCode, refused.json().etag]).toEqual([412, current]);
		}
		expect(await text()).toBe(yaml);
		const any = await ask("PUT", "/v1/registry", yaml, { ...yamlType, "if-match": "*" });
		expect(any.statusCode).toBe(200);
	});

	test("creates what is not there, and mends what is broken", async () => {
		const { ask, text, file, etag, ids } = await serve("r.yaml", undefined);
		expect((await ask("PUT", "/v1/registry", { a: { cmd: ["x"] } }, { "if-match": "*" })).statusCode).toBe(412);
		const created = await ask("PUT", "/v1/registry", { a: { cmd: ["x"] } });
		expect([created.statusCode, await text()]).toEqual([200, "a:\n  cmd:\n    - x\n"]);
		await writeFile(file, "a: [");
		const headers = { "if-match": String((await ask("GET", "/v1/registry?format=yaml")).headers["etag"]) };
		expect((await ask("PUT", "/v1/registry", { b: { cmd: ["y"] } }, headers)).statusCode).toBe(200);
		expect([await text(), ids()]).toEqual(["b:\n  cmd:\n    - y\n", ["b"]]);
		const emptied = await ask("PUT", "/v1/registry", {}, { "if-match": await etag() });
		expect([emptied.json().removed, ids()]).toEqual([["b"], []]);
	});

	test("tells every fault with its place, and changes nothing", async () => {
		const { ask, etag, text, ids } = await serve("r.yaml", yaml);
		const headers = { "if-match": await etag() };
		const body = '{"a": {"endpoint": "ftp://x"},\n "b": {"cmd": ["x"], "pol": {}}}';
		const refused = await ask("PUT", "/v1/registry", body, headers);
		expect([refused.statusCode, refused.json().error]).toEqual([422, "registry_faulty"]);
		expect(refused.json().errors).toMatchObject([
			{ line: 1, pointer: "/a/endpoint" },
			{ line: 2, col: 22, pointer: "/b/pol", message: expect.stringContaining("`pool`") },
		]);
		const twice = await ask("PUT", "/v1/registry", '{"a": {"cmd": ["x"]}, "a": {"cmd": ["y"]}}', headers);
		expect(twice.statusCode).toBe(422);
		const garbled = await ask("PUT", "/v1/registry", '{"a": ', headers);
		expect([garbled.statusCode, garbled.json().error]).toEqual([400, "bad_request"]);
		expect(garbled.json().errors[0]).toMatchObject({ line: 1 });
		const latin = await ask("PUT", "/v1/registry", "a: {", { ...headers, ...yamlType });
		expect(latin.statusCode).toBe(422);
		expect([await text(), ids()]).toEqual([yaml, ["a", "b"]]);
	});

	test("takes JSON and YAML up to 32 MiB", async () => {
		const { ask } = await serve("r.yaml", yaml);
		const other = await ask("PUT", "/v1/registry", "x", { "content-type": "text/plain" });
		expect([other.statusCode, other.headers["accept"]]).toEqual([415, "application/json, application/yaml"]);
		const patch = await ask("PATCH", "/v1/registry", {}, { "content-type": "application/json" });
		expect([patch.statusCode, patch.headers["accept-patch"]]).toEqual([415, "application/merge-patch+json"]);
		const large = await ask("PUT", "/v1/registry", " ".repeat(32 * 1024 * 1024 + 1));
		expect([large.statusCode, large.json().error]).toEqual([413, "body_too_large"]);
	});
});

describe("PATCH", () => {
	test("adds, merges and removes, in every format of a file", async () => {
		for (const [name, text, inside] of [
			["r.yaml", "a: {endpoint: http://a, timeouts: {idle: 5s}} # why\nb: {cmd: [x]}\n", undefined],
			["r.json", '{"a": {"endpoint": "http://a", "timeouts": {"idle": "5s"}}, "b": {"cmd": ["x"]}}', undefined],
			["m.json", '{"mcpServers": {"a": {"url": "http://a"}, "b": {"command": "x"}}, "more": 1}', "mcpServers"],
		] as const) {
			const { ask, etag, ids } = await serve(name, text);
			const patch = { a: { timeouts: { idle: null, connect: "1s" } }, b: null, nowhere: null, c: { cmd: ["y"] } };
			const answer = await ask("PATCH", "/v1/registry", patch, { "if-match": await etag() });
			expect(answer.json(), name).toMatchObject({ added: ["c"], changed: ["a"], removed: ["b"] });
			const now = (await ask("GET", "/v1/registry")).json();
			const servers = inside === undefined ? now : now[inside];
			expect(servers.a.timeouts).toEqual({ connect: "1s" });
			expect(servers.c).toEqual({ cmd: ["y"] });
			expect(ids()).toEqual(["a", "c"]);
		}
	});

	test("keeps every other byte of a YAML file", async () => {
		const { ask, etag, text } = await serve("r.yaml", yaml);
		const patch = { a: { endpoint: "http://a:2/mcp", loadBalancer: "random" } };
		expect((await ask("PATCH", "/v1/registry", patch)).statusCode).toBe(428);
		await ask("PATCH", "/v1/registry", patch, { "if-match": await etag() });
		expect(await text()).toBe(yaml.replace("a:1/mcp # the old one", "a:2/mcp # the old one\n  loadBalancer: random"));
	});

	test("is refused where it would leave a fault", async () => {
		const { ask, etag, text } = await serve("r.yaml", yaml);
		const headers = { "if-match": await etag() };
		for (const [patch, pointer] of [
			[{ a: "http://x" }, "/a"],
			[{ a: { loadBalancer: "rando" } }, "/a/loadBalancer"],
			[{ "a/b": { cmd: ["x"] } }, ""],
		] as const) {
			const refused = await ask("PATCH", "/v1/registry", patch, headers);
			expect([refused.statusCode, refused.json().errors[0].pointer]).toEqual([422, pointer]);
		}
		for (const body of ["[]", "1", "null", '{"__proto__": {"cmd": ["x"]}}']) {
			expect((await ask("PATCH", "/v1/registry", body, headers)).statusCode, body).toBeGreaterThanOrEqual(400);
		}
		expect(await text()).toBe(yaml);
	});
});

describe("one server", () => {
	test("is put, patched and deleted, with If-Match if one cares", async () => {
		const { ask, etag, ids, text } = await serve("r.yaml", yaml);
		const added = await ask("PUT", "/v1/servers/c", { cmd: ["y"] });
		expect([added.statusCode, added.json()]).toEqual([
			201,
			{ etag: await etag(), added: ["c"], changed: [], removed: [] },
		]);
		const replaced = await ask("PUT", "/v1/servers/c", { cmd: ["z"] });
		expect([replaced.statusCode, replaced.json().changed]).toEqual([200, ["c"]]);
		const patched = await ask("PATCH", "/v1/servers/c", { env: { A: "1" } }, { "if-match": await etag() });
		expect(patched.json()).toMatchObject({ changed: ["c"] });
		expect((await ask("PATCH", "/v1/servers/none", {})).statusCode).toBe(404);
		expect((await ask("DELETE", "/v1/servers/c", undefined, { "if-match": '"old"' })).statusCode).toBe(412);
		expect(ids()).toEqual(["a", "b", "c"]);
		expect((await ask("DELETE", "/v1/servers/c")).json()).toMatchObject({ removed: ["c"] });
		expect((await ask("DELETE", "/v1/servers/c")).statusCode).toBe(404);
		expect((await ask("PUT", "/v1/servers/a%2fb", { cmd: ["y"] })).statusCode).toBe(422);
		expect((await ask("PUT", "/v1/servers/c", [])).statusCode).toBe(400);
		expect((await ask("PUT", "/v1/servers/c?wait=soon", { cmd: ["y"] })).statusCode).toBe(400);
		// No Envoy is there to have it.
		expect((await ask("PATCH", "/v1/servers/a?wait=1", {})).json()).toMatchObject({ inSync: false, envoys: [] });
		expect(await text()).toBe(yaml);
	});
});

describe("scale", () => {
	const text = `docs:
  type: k8s
  image: i:1 # ours
cpu: {type: k8s, image: i:1, autoscale: {min: 1, max: 3, cpu: 50}, resources: {requests: {cpu: 50m}}}
found: {type: k8s, manage: false}
web: {endpoint: http://a/mcp}
files: {cmd: [x]}
`;

	test("writes the replicas of a server on Kubernetes, and nothing else", async () => {
		const { ask, etag, text: now, source } = await serve("r.yaml", text);
		const answer = await ask("PUT", "/v1/servers/docs/scale", { replicas: 4 }, { "if-match": await etag() });
		expect([answer.statusCode, answer.json()]).toMatchObject([200, { changed: ["docs"], added: [] }]);
		expect(await now()).toBe(text.replace("i:1 # ours", "i:1 # ours\n  replicas: 4"));
		expect(source.state.registry?.servers.get("docs")).toMatchObject({ values: { replicas: 4 } });
		await ask("PUT", "/v1/servers/docs/scale", { replicas: 0 });
		expect(await now()).toContain("replicas: 0");
		expect((await ask("PUT", "/v1/servers/docs/scale", { replicas: 0 })).json()).toMatchObject({ changed: [] });
		expect((await ask("PUT", "/v1/servers/docs/scale?wait=1", { replicas: 2 })).json()).toMatchObject({ envoys: [] });
	});

	test("is refused, with the reason, where there are no pods to scale", async () => {
		const { ask, text: now } = await serve("r.yaml", text);
		for (const [id, words] of [
			["cpu", "`autoscale`"],
			["found", "`manage: false`"],
			["web", "`endpoints`"],
			["files", "`pool`"],
		] as const) {
			const refused = await ask("PUT", `/v1/servers/${id}/scale`, { replicas: 2 });
			expect([refused.statusCode, refused.json().error]).toEqual([409, "not_scalable"]);
			expect(refused.json().message).toContain(words);
		}
		const absent = await ask("PUT", "/v1/servers/none/scale", { replicas: 2 });
		expect([absent.statusCode, absent.json().error]).toEqual([404, "unknown_server"]);
		for (const body of [{}, { replicas: "2" }, { replicas: 1.5 }, { replicas: null }, { replicas: 2, more: 1 }, []]) {
			expect((await ask("PUT", "/v1/servers/docs/scale", body)).statusCode, JSON.stringify(body)).toBe(400);
		}
		const many = await ask("PUT", "/v1/servers/docs/scale", { replicas: 1e6 });
		expect([many.statusCode, many.json().errors[0].pointer]).toEqual([422, "/docs/replicas"]);
		expect((await ask("PUT", "/v1/servers/docs/scale", { replicas: -1 })).statusCode).toBe(422);
		const old = await ask("PUT", "/v1/servers/docs/scale", { replicas: 2 }, { "if-match": '"old"' });
		expect([old.statusCode, old.json().error]).toEqual([412, "precondition_failed"]);
		expect(await now()).toBe(text);
	});
});

describe("writing", () => {
	test("of two with the same ETag one wins, and no change is lost", async () => {
		const { ask, etag, ids } = await serve("r.json", "{}");
		const headers = { "if-match": await etag() };
		const both = await Promise.all(
			["x", "y"].map((id) => ask("PATCH", "/v1/registry", { [id]: { cmd: [id] } }, headers)),
		);
		expect(both.map(({ statusCode }) => statusCode)).toEqual([200, 412]);
		const many = Array.from({ length: 20 }, (_, n) => `s${n}`);
		await Promise.all(many.map((id) => ask("PUT", `/v1/servers/${id}`, { cmd: [id] })));
		expect(ids()).toEqual(["x", ...many]);
	});

	test("another process's change in between is not lost", async () => {
		const { file, source } = await serve("r.json", '{"a": {"cmd": ["x"]}}');
		let asked = 0;
		const change = await createRegistryWriter(source).update((now) => {
			asked += 1;
			const text = now!.text;
			if (asked > 1) return text.replace('["x"]', '["y"]');
			writeFileSync(`${file}.new`, text.replace('"a"', '"b"'));
			renameSync(`${file}.new`, file);
			return text.replace('["x"]', '["y"]');
		});
		expect(asked).toBe(2);
		expect(JSON.parse(await readFile(file, "utf8"))).toEqual({ b: { cmd: ["y"] } });
		expect(change).toMatchObject({ added: ["b"], removed: ["a"] });
	});

	test("keeps mode and symlink, and leaves nothing behind", async () => {
		await mkdir(join(folder, "real"));
		await writeFile(join(folder, "real", "r.yaml"), yaml);
		await chmod(join(folder, "real", "r.yaml"), 0o640);
		await symlink("real/r.yaml", join(folder, "r.yaml"));
		const { ask, file } = await serve("r.yaml", undefined);
		await ask("DELETE", "/v1/servers/a");
		expect((await lstat(file)).isSymbolicLink()).toBe(true);
		expect((await stat(file)).mode & 0o777).toBe(0o640);
		expect(await readdir(join(folder, "real"))).toEqual(["r.yaml"]);
		expect(await readdir(folder)).toEqual(["r.yaml", "real"]);
	});

	test("that the system refuses is told, and changes nothing", async () => {
		const { ask, file, ids } = await serve("r.yaml", yaml);
		await rename(file, `${file}.old`);
		await mkdir(file);
		const refused = await ask("PUT", "/v1/servers/c", { cmd: ["y"] });
		expect([refused.statusCode, refused.json().error]).toEqual([500, "registry_unwritable"]);
		expect(ids()).toEqual(["a", "b"]);
	});
});
