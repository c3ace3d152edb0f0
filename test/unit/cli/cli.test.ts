import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { parse } from "yaml";
import { commands, groups } from "../../../control-plane/cli/commands/index.ts";
import { commandSet } from "../../../control-plane/cli/main.ts";
import { mainFile } from "../../../control-plane/cli/paths.ts";
import { runCli } from "../../../control-plane/cli/run-cli.ts";
import { hashOfKey, readApiKeys } from "../../../control-plane/registry/api-keys.ts";
import { call } from "../../support/cli.ts";
import { NODE } from "../../support/process.ts";
import { type Reply, startRecorder } from "../../support/upstreams.ts";

let folder: string;
let good: string;
let bad: string;
beforeAll(() => {
	folder = mkdtempSync(join(tmpdir(), "cli-"));
	good = join(folder, "good.yaml");
	bad = join(folder, "bad.yaml");
	writeFileSync(good, "a:\n  endpoint: http://127.0.0.1:1/mcp\n");
	writeFileSync(bad, "a:\n  endpont: http://127.0.0.1:1/mcp\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("mcp-gateway", () => {
	test("help names every command, and each command has examples", async () => {
		const { code, stdout } = await call("--help");
		expect(code).toBe(0);
		for (const { name } of commands) expect(stdout).toContain(`mcp-gateway ${name}`);
		// In this process: to start twenty only to read their help takes a busy machine half a minute.
		const print = vi.spyOn(console, "log").mockImplementation(() => {});
		onTestFinished(() => print.mockRestore());
		for (const { name } of [...commands, ...groups.flatMap((group) => group.commands)]) {
			print.mockClear();
			expect(await runCli([...name.split(" "), "--help"], commandSet)).toBe(0);
			const page = print.mock.calls.join("\n");
			expect(page).toContain(`mcp-gateway ${name}`);
			expect(page).toMatch(/Examples:|^mcp-gateway/);
		}
	});

	test.each([
		[["upp"], /did you mean `up`\?/],
		[["up", "--listn", "x"], /did you mean --listen\?/],
		[["servers", "lst"], /did you mean `servers list`\?/],
		[["keys", "nwe"], /did you mean `keys new`\?/],
		[["keys", "new", "a b"], /letters, digits/],
		[["keys", "new", "ci", "--servers", "a,b c"], /A server's id may hold/],
		[["servers"], /servers list, servers get, servers add, servers remove/],
		[[], /Name a command/],
		[["validate"], /Not enough/],
		[["validate", "a", "b"], /does not take "b"/],
		[["validate", "/nowhere.yaml"], /Cannot read/],
		[["up", "--registry", "/nowhere.yaml"], /no registry file/],
		[["up", "--listen", "0.0.0.0:0"], /--api-key-file FILE.*--insecure/],
		[["up", "--listen", "gateway.example:80"], /IP address/],
		[["up", "--admin", "0.0.0.0:9090", "--insecure"], /--admin 0\.0\.0\.0:9090 is refused/],
		[["up", "--listen", "x", "--listen", "y"], /more than once/],
		[["up", "--max-body", "lots"], /takes a size/],
		[["probe"], /Give a URL, or a command after --/],
		[["probe", "ftp://a"], /begins with http/],
		[["probe", "http://a", "http://b"], /one URL/],
		[["probe", "http://a", "--", "x"], /not both/],
		[["probe", "http://a/?key=hunter2"], /must not hold a query/],
		[["up", "--tls-cert", "c.pem"], /--tls-cert needs .*--tls-key FILE/],
		[["up", "--tls-key", "k.pem"], /--tls-key needs .*--tls-cert FILE/],
		[["up", "--tls-client-ca", "ca.pem"], /--tls-cert FILE --tls-key FILE/],
		[["up", "--otel-endpoint", "collector:4317"], /--otel-endpoint takes the URL/],
		[["up", "--otel-endpoint", "http://user:secret@collector"], /credentials are for a collector/],
		[["up", "--otel-sample", "101"], /percentage, 0 to 100/],
		[["call", "a", "--client-key", "k.pem"], /belong together/],
		[["call", "a", "--ca", "/nowhere.pem"], /Cannot read a certificate/],
		[["up", "--concurrency", "many"], /takes a number/],
		[["bootstrap", "--envoy-admin", "0.0.0.0:9901"], /is refused/],
		[["bootstrap", "--memory", "much"], /--memory much: must be a size/],
		[["credentials", "--prefix", "No_Name"], /--prefix takes lower case letters/],
		[["control-plane", "--xds", "0.0.0.0:1"], /secrets/],
		[["bridge", "--listen", "0.0.0.0:1"], /start processes/],
		[["bridge", "--workers", "0"], /--workers takes a whole number/],
		[["up", "--bridge-workers", "many"], /--bridge-workers takes a number/],
		[["call", "a", "t", "[1]"], /must be a JSON object/],
		[["call", "a", "--gateway", "ftp://127.0.0.1:1"], /--gateway takes a URL/],
		[["servers", "add", "x"], /a URL, or a command/],
	])("%j is wrong usage", async (args, message) => {
		const { code, stdout, stderr } = await call(...args);
		expect([code, stdout]).toEqual([2, ""]);
		expect(stderr).toMatch(message);
		expect(stderr).not.toMatch(/\n\s+at /);
	});

	test("validate", async () => {
		expect(await call("validate", good)).toMatchObject({ code: 0, stdout: `${good}: 1 server, no error\n` });
		const limited = join(folder, "limited.yaml");
		writeFileSync(limited, "a: {cmd: [x], limits: {processes: 4}}\n");
		expect(await call("validate", limited)).toMatchObject({
			code: 0,
			stdout: expect.stringMatching(
				/1 server, no error\na: `limits\.processes` would not be enforced .* needs a `uid`/,
			),
		});
		const faulty = await call("validate", bad);
		expect(faulty.code).toBe(1);
		expect(faulty.stdout).toMatch(/bad\.yaml:2:3: .*endpoint/);
		const broken = await call("up", "--registry", good, "--tls-cert", good, "--tls-key", good);
		expect(broken).toMatchObject({ code: 1, stderr: expect.stringMatching(/HTTPS: .* holds no PEM certificate/) });
		const log = await call("up", "--registry", good, "--access-log", folder);
		expect(log).toMatchObject({ code: 1, stderr: expect.stringMatching(/--access-log: cannot write to .*EISDIR/) });
		const up = await call("up", "--registry", bad);
		expect(up.code).toBe(1);
		expect(up.stderr).toMatch(/bad\.yaml:2:3: /);
	});

	test("bootstrap and schema print what they say", async () => {
		const printed = await call("bootstrap", "--xds", "unix:/run/xds.sock", "--node-id", "n1");
		expect(parse(printed.stdout)).toMatchObject({ node: { id: "n1", cluster: "mcp-gateway" } });
		const schema = await call("schema");
		expect(JSON.parse(schema.stdout)).toMatchObject({ $schema: expect.stringContaining("2020-12") });
	});

	test("bootstrap and credentials write files, for Envoys and control planes on other hosts", async () => {
		const file = join(folder, "envoy.yaml");
		const limited = await call("bootstrap", "--memory", "1GiB", "--output", file);
		expect(limited).toMatchObject({ code: 0, stdout: "" });
		expect(readFileSync(file, "utf8")).toContain(`max_heap_size_bytes: ${Math.floor(0.85 * 1024 ** 3)}`);
		expect(await call("bootstrap", "--output", join(folder, "none", "envoy.yaml"))).toMatchObject({
			code: 1,
			stderr: expect.stringContaining("--output"),
		});
		const made = join(folder, "credentials");
		expect(await call("credentials", "--output", made)).toMatchObject({
			code: 0,
			stdout: expect.stringMatching(/^Made /),
		});
		expect(await call("credentials", "--output", made)).toMatchObject({ stdout: expect.stringMatching(/are there/) });
		expect(await call("credentials", "--output", file)).toMatchObject({
			code: 1,
			stderr: expect.stringMatching(/ENOTDIR/),
		});
	});

	test("output that cannot be written is a failure", () => {
		// Fails as a full disk does, for it is open for reading only.
		const stdout = openSync(good, "r");
		const { status, stderr } = spawnSync(NODE, [mainFile, "schema"], { stdio: ["ignore", stdout, "pipe"] });
		closeSync(stdout);
		expect([status, String(stderr)]).toEqual([1, expect.stringContaining("could not be written")]);
	});

	test("status and call say when there is no gateway", async () => {
		expect(await call("status", "--admin", "127.0.0.1:1")).toMatchObject({
			code: 1,
			stderr: expect.stringMatching(/No gateway answers/),
		});
		const failed = await call("call", "a", "--gateway", "http://127.0.0.1:1");
		expect(failed).toMatchObject({ code: 1, stderr: expect.stringMatching(/No gateway answers/) });
	});

	test("probe finds a program, and writes the line that adds it", async () => {
		const program = fileURLToPath(new URL("../../fixtures/stdio/server.ts", import.meta.url));
		const found = await call("probe", "--env", "KEY=hunter2", "--", NODE, program);
		expect(found.code).toBe(0);
		expect(found.stdout).toContain("Found   stdio, 2025-11-25");
		expect(found.stdout).toContain(`mcp-gateway servers add fixture --env 'KEY=\${KEY}' -- ${NODE} ${program}`);
		expect(found.stdout).not.toContain("hunter2");
		expect(JSON.parse((await call("probe", "--json", NODE, program)).stdout)).toMatchObject({
			finding: { transport: "stdio" },
			add: { entry: { fixture: { type: "stdio", cmd: [NODE, program] } } },
		});
	});

	test("probe finds a URL's endpoint, and says what is in its way", async () => {
		const replies: Record<string, Reply> = {
			"GET /sse": { chunks: ["event: endpoint\ndata: /m\n\n"], hang: true },
			"POST /mcp": { status: 401 },
		};
		let shown = ["GET /sse"];
		const upstream = await startRecorder({
			reply: ({ method, target }) =>
				(shown.includes(`${method} ${target}`) && replies[`${method} ${target}`]) || { status: 404 },
		});
		try {
			const sse = await call("probe", upstream.url, "--header", "X-Key: hunter2");
			expect(sse).toMatchObject({ code: 0, stdout: expect.stringContaining("Found   sse at /sse, 2024-11-05") });
			expect(sse.stdout).toContain(
				`mcp-gateway servers add my-server ${upstream.url}/sse --type sse --header 'X-Key: \${X_KEY}'`,
			);
			expect(sse.stdout).not.toContain("hunter2");
			expect(upstream.requests[0]?.headers["x-key"]).toBe("hunter2");
			shown = ["POST /mcp"];
			const guarded = await call("probe", `${upstream.url}/mcp`);
			expect(guarded).toMatchObject({ code: 0, stdout: expect.stringContaining("asks for authorization") });
			shown = [];
			const nothing = await call("probe", upstream.url);
			expect(nothing).toMatchObject({ code: 1, stdout: expect.stringContaining("Found nothing") });
			expect(nothing.stdout).toContain(`POST ${upstream.url}/mcp initialize  HTTP 404`);
		} finally {
			await upstream.close();
		}
	});

	test("servers scale writes the replicas of a server on Kubernetes", async () => {
		const file = join(folder, "scaled.yaml");
		const text = "docs: {type: k8s, image: i:1} # ours\nweb: {endpoint: http://a/mcp}\n";
		writeFileSync(file, text);
		const scale = (...args: readonly string[]) => call("servers", "scale", ...args, "--registry", file);
		expect(await scale("docs", "3")).toMatchObject({ code: 0, stdout: expect.stringContaining("docs has 3 pods") });
		expect(readFileSync(file, "utf8")).toBe(text.replace("i:1", "i:1, replicas: 3"));
		for (const [args, code, words] of [
			[["docs", "many"], 2, '"many" is no number'],
			[["docs", "-1"], 2, "-1"],
			[["docs", "5000"], 1, "from 0 to 1000"],
			[["web", "2"], 1, "does not run on Kubernetes"],
			[["dcos", "2"], 1, 'There is no server "dcos"'],
			[["docs"], 2, "Not enough"],
		] as const) {
			const refused = await scale(...args);
			expect(refused.code, args.join(" ")).toBe(code);
			expect(refused.stderr).toContain(words);
		}
		expect(readFileSync(file, "utf8")).toContain("replicas: 3");
	});

	test("servers add, get, list and remove edit the file", async () => {
		const file = join(folder, "edited.yaml");
		const at = ["--registry", file];
		expect(
			await call("servers", "add", "docs", "https://mcp.example.com/mcp", "--header", "X-Key: v", ...at),
		).toMatchObject({ code: 0 });
		const stdio = await call(
			"servers",
			"add",
			"files",
			...at,
			"--env",
			"A=b=c",
			"--",
			"npx",
			"-y",
			"thing",
			"--dir",
			"/data",
		);
		expect(stdio).toMatchObject({ code: 0, stdout: expect.stringContaining("files") });
		expect(parse(readFileSync(file, "utf8"))).toEqual({
			docs: { type: "http", endpoint: "https://mcp.example.com/mcp", headers: { "X-Key": "v" } },
			files: { type: "stdio", cmd: ["npx", "-y", "thing", "--dir", "/data"], env: { A: "b=c" } },
		});
		expect(await call("servers", "add", "docs", "http://other:1/", ...at)).toMatchObject({ code: 1 });
		expect(await call("servers", "add", "docs", "http://a:1/", "http://b:1/", "--force", ...at)).toMatchObject({
			code: 0,
		});
		expect(await call("servers", "add", "bad", "ftp://a", ...at)).toMatchObject({ code: 1 });
		const list = await call("servers", "list", "--json", ...at);
		expect(JSON.parse(list.stdout)).toEqual([
			{ id: "docs", type: "http", target: "http://a:1/, http://b:1/" },
			{ id: "files", type: "stdio", target: "npx -y thing --dir /data" },
		]);
		expect(JSON.parse((await call("servers", "get", "files", ...at)).stdout)).toMatchObject({ id: "files" });
		expect(await call("servers", "remove", "docs", ...at)).toMatchObject({ code: 0 });
		expect(await call("servers", "remove", "docs", ...at)).toMatchObject({ code: 1 });
		expect(Object.keys(parse(readFileSync(file, "utf8")))).toEqual(["files"]);
	});

	test("completion prints a script and completes options", async () => {
		expect(await call("completion")).toMatchObject({ code: 0, stdout: expect.stringContaining("complete") });
		const options = await call("--get-yargs-completions", "mcp-gateway", "up", "--reg");
		expect(options.stdout).toContain("--registry");
	});
});

describe("keys", () => {
	test("new prints a key and what the key file takes for it", async () => {
		const plain = await call("keys", "new", "alice");
		const [, key = "", line = ""] = /^ {2}(mcpgw_\S{43})\n[\s\S]*\n(alice: .*)\n$/m.exec(plain.stdout) ?? [];
		expect(readApiKeys(line, "keys", { env: {}, readFile: String })).toEqual({
			ok: true,
			keys: [{ name: "alice", sha256: hashOfKey(key) }],
		});
		const json = await call("keys", "new", "ci", "--servers", "docs, search", "--json");
		const made = JSON.parse(json.stdout) as { key: string; entry: object };
		expect(made.key).not.toBe(key);
		expect(made.entry).toEqual({ sha256: hashOfKey(made.key), servers: ["docs", "search"] });
	});

	test("hash takes a key from stdin", () => {
		const hash = (input: string) => spawnSync(NODE, [mainFile, "keys", "hash"], { input, encoding: "utf8" });
		expect(hash("0123456789abcdef\n").stdout).toBe(`sha256:${hashOfKey("0123456789abcdef")}\n`);
		expect(hash("short-s3cret\n")).toMatchObject({ status: 1, stderr: expect.not.stringContaining("s3cret") });
	});
});
