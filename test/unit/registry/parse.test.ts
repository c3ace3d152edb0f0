// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are placeholders of the registry

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatErrors } from "../../../control-plane/registry/format.ts";
import type { ParseResult, Server } from "../../../control-plane/registry/model.ts";
import { createRegistryParser, parseRegistry } from "../../../control-plane/registry/parse.ts";
import { kubernetesServer } from "../../support/kubernetes-server.ts";
import { malformed } from "./malformed.ts";

function servers(result: ParseResult): Record<string, Server> {
	if (!result.ok) throw new Error(formatErrors(result.errors));
	return Object.fromEntries(result.registry.servers);
}
const json = (value: unknown) => servers(parseRegistry(JSON.stringify(value), "r.json"));
const yaml = (text: string) => servers(parseRegistry(text, "r.yaml"));

const http = (id: string, url: string) => ({
	id,
	type: "http",
	endpoints: [{ url, weight: 1 }],
	loadBalancer: "round-robin",
	headers: {},
	timeouts: { connectMs: 5000, requestMs: 0, idleMs: 0 },
	tls: { insecureSkipVerify: false },
});
/** An entry without a type, whose endpoint is looked at. */
const auto = (id: string, url: string) => ({ id, type: "auto", http: http(id, url) });
const pool = {
	min: 0,
	max: 100,
	maxShared: 1,
	maxQueue: 100,
	queueTimeoutMs: 10_000,
	idleTimeoutMs: 1_800_000,
	startTimeoutMs: 60_000,
};
const stdio = (id: string, ...command: string[]) => ({ id, type: "stdio", command, env: {}, pool });

describe("malformed registries", () => {
	test.each(malformed.map((one) => [one.text.slice(0, 70), one] as const))("%j", (_, { file, text, errors }) => {
		const result = parseRegistry(text, file);
		expect(result.ok ? [] : result.errors.map(({ line, col, message }) => `${line}:${col}: ${message}`)).toEqual(
			errors,
		);
		expect(errors.length).toBeGreaterThan(0);
		expect(JSON.stringify(result)).not.toContain("hunter2");
	});

	test("at most 100 faults, in the order of the file, with the file's name", () => {
		const text = Array.from({ length: 500 }, (_, i) => `s${i}: {}\n`).join("");
		const result = parseRegistry(text, "many.yaml");
		const errors = result.ok ? [] : result.errors;
		expect(errors.map(({ line }) => line)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
		expect(formatErrors(errors.slice(0, 1))).toMatch(/^many\.yaml:1:1: This entry /);
	});

	test("an alias bomb and too large a file", () => {
		const lines = ["a: &a [x,x,x,x,x,x,x,x,x,x]"];
		for (const [from, to] of ["ab", "bc", "cd", "de", "ef", "fg", "gh"]) {
			lines.push(`${to}: &${to} [${`*${from},`.repeat(10)}]`);
		}
		const result = parseRegistry(lines.join("\n"), "r.yaml");
		expect(result).toMatchObject({
			ok: false,
			errors: [{ message: "The aliases in here make too large a document." }],
		});
		const large = parseRegistry(" ".repeat(64 * 1024 * 1024 + 1), "r.json");
		expect(large).toMatchObject({ ok: false, errors: [{ line: 1, message: "The file is larger than 64 MiB." }] });
	});
});

describe("the gateway's own format", () => {
	test("both examples work exactly as they are", () => {
		const text =
			'{"github-server": {"type":"http","endpoint":"http://github-server:8080"}, "filesystem-server": {"type":"stdio","cmd":["mcp-filesystem-server","--dir","/data"]}}';
		expect(servers(parseRegistry(text, "registry"))).toEqual({
			"github-server": http("github-server", "http://github-server:8080"),
			"filesystem-server": stdio("filesystem-server", "mcp-filesystem-server", "--dir", "/data"),
		});
		const k8s = '{"github-server": {"type":"k8s","chart":"github-server","replicas":2,"namespace":"mcp"}}';
		expect(servers(parseRegistry(k8s, "r.json"))).toEqual({
			"github-server": kubernetesServer("github-server", {
				chart: "github-server",
				namespace: "mcp",
				values: { replicas: 2 },
			}),
		});
	});

	test("types are told by the keys, and aliases of keys mean the same", () => {
		expect(
			yaml(
				"a: {url: http://a}\nb: {command: npx, args: [-y, x]}\nc: {chart: x}\nd: {endpoints: [http://a]}\ne: {type: streamable-http, url: http://a}",
			),
		).toEqual({
			a: auto("a", "http://a"),
			b: stdio("b", "npx", "-y", "x"),
			c: kubernetesServer("c", { chart: "x" }),
			d: auto("d", "http://a"),
			e: http("e", "http://a"),
		});
	});

	test("legacy HTTP+SSE, by `type` or by `transport`", () => {
		const text =
			"a: {type: sse, url: http://a/sse}\nb: {endpoint: http://b/sse, transport: sse}\nc: {url: http://c, transport: streamable-http}";
		expect(yaml(text)).toEqual({
			a: { ...http("a", "http://a/sse"), transport: "sse" },
			b: { ...http("b", "http://b/sse"), transport: "sse" },
			c: http("c", "http://c"),
		});
	});

	test("without a type an entry may have an endpoint and a command, each with its own keys", () => {
		const text = "a: {endpoint: http://a, headers: {X: y}, cmd: [x], env: {A: b}, pool: {max: 2}}";
		expect(yaml(text)["a"]).toEqual({
			...auto("a", "http://a"),
			http: { ...http("a", "http://a"), headers: { X: "y" } },
			stdio: { ...stdio("a", "x"), env: { A: "b" }, pool: { ...pool, max: 2 } },
		});
		expect(json({ mcpServers: { a: { command: "x", url: "http://a", oauth: {} } } })).toEqual({
			a: { ...auto("a", "http://a"), stdio: stdio("a", "x"), ignored: ["oauth"] },
		});
	});

	test("every field of an http entry", () => {
		const text = `
a:
  type: http
  endpoints:
    - https://a:1/mcp
    - {url: https://b:1/mcp, weight: 3}
  loadBalancer: least-request
  headers: {Authorization: "Bearer \${TOKEN}"}
  healthCheck: {path: /healthz, interval: 500ms, timeout: 1.5s, unhealthyThreshold: 4, healthyThreshold: 5}
  timeouts: {connect: 2, request: 2m, idle: 1h}
  tls: {caFile: /ca.pem, serverName: x.example, insecureSkipVerify: true}
  hostHeader: rewrite
  sessionAffinity: false
`;
		expect(yaml(text)["a"]).toEqual({
			id: "a",
			type: "http",
			endpoints: [
				{ url: "https://a:1/mcp", weight: 1 },
				{ url: "https://b:1/mcp", weight: 3 },
			],
			loadBalancer: "least-request",
			headers: { Authorization: "Bearer ${TOKEN}" },
			healthCheck: {
				type: "http",
				path: "/healthz",
				intervalMs: 500,
				timeoutMs: 1500,
				unhealthyThreshold: 4,
				healthyThreshold: 5,
			},
			timeouts: { connectMs: 2000, requestMs: 120_000, idleMs: 3_600_000 },
			tls: { caFile: "/ca.pem", serverName: "x.example", insecureSkipVerify: true },
			hostHeader: "rewrite",
			sessionAffinity: false,
		});
	});

	test("every field of a stdio entry", () => {
		const text =
			"a: {cmd: [x], env: {A: '${B:-c}'}, cwd: /tmp, pool: {mode: session, max: 3, idleTimeout: 0, startTimeout: 5s}}";
		expect(yaml(text)["a"]).toEqual({
			...stdio("a", "x"),
			env: { A: "${B:-c}" },
			cwd: "/tmp",
			pool: { ...pool, mode: "session", max: 3, idleTimeoutMs: 0, startTimeoutMs: 5000 },
		});
	});

	test("limits and the user of a stdio entry", () => {
		const text = "a: {cmd: [x], limits: {memory: 512MiB, processes: 64, cpuTime: 10m}, uid: 1000}";
		expect(yaml(text)["a"]).toEqual({
			...stdio("a", "x"),
			limits: { memoryBytes: 512 * 1024 ** 2, processes: 64, cpuTimeMs: 600_000 },
			uid: 1000,
			gid: 1000,
		});
		expect(yaml("a: {cmd: [x], limits: {memory: 67108864}, uid: 0, gid: 4}")["a"]).toEqual({
			...stdio("a", "x"),
			limits: { memoryBytes: 67_108_864 },
			uid: 0,
			gid: 4,
		});
	});

	test("every field of a Kubernetes entry", () => {
		const text = `
a:
  image: a:1
  imagePullPolicy: Always
  transport: stdio
  namespace: mcp
  port: 3000
  command: [node]
  args: [x.js, "$(TOKEN)"]
  env: {A: b}
  secrets: {TOKEN: my-secret/token, KEY: {name: other, key: tls.key}}
  resources: {requests: {cpu: 0.5, memory: 64Mi}, limits: {cpu: "1"}}
  autoscale: {max: 5}
  probes: {readiness: {httpGet: {path: /, port: mcp}}}
  serviceAccount: sa
  nodeSelector: {disk: ssd}
  tolerations: [{operator: Exists}]
  runAsUser: 1000
  drainSeconds: 0
  pool: {max: 3, idleTimeout: 5m}
  loadBalancer: random
  via: service
`;
		expect(yaml(text)["a"]).toEqual(
			kubernetesServer("a", {
				namespace: "mcp",
				via: "service",
				loadBalancer: "random",
				values: {
					image: "a:1",
					imagePullPolicy: "Always",
					transport: "stdio",
					port: 3000,
					command: ["node"],
					args: ["x.js", "$(TOKEN)"],
					env: { A: "b" },
					secrets: { TOKEN: { name: "my-secret", key: "token" }, KEY: { name: "other", key: "tls.key" } },
					resources: { requests: { cpu: "0.5", memory: "64Mi" }, limits: { cpu: "1" } },
					autoscale: { min: 1, max: 5, cpu: 80 },
					probes: { readiness: { httpGet: { path: "/", port: "mcp" } } },
					serviceAccount: "sa",
					nodeSelector: { disk: "ssd" },
					tolerations: [{ operator: "Exists" }],
					runAsUser: 1000,
					drainSeconds: 0,
					pool: { max: 3, idleTimeout: "5m" },
				},
			}),
		);
	});

	test("Kubernetes entries that are only found, told by their image, or with a chart's transport", () => {
		expect(
			yaml(
				"a: {type: k8s, manage: false, service: x, port: 80, path: /x, namespace: n}\nb: {image: x, chart: y, path: /z}\nc: {chart: y, pool: {max: 2}}",
			),
		).toEqual({
			a: kubernetesServer("a", { manage: false, service: "x", namespace: "n", values: { port: 80, path: "/x" } }),
			b: kubernetesServer("b", { chart: "y", values: { image: "x", path: "/z" } }),
			c: kubernetesServer("c", { chart: "y", values: { pool: { max: 2 } } }),
		});
	});

	test("comments, trailing commas, a byte order mark, CRLF, anchors, odd ids", () => {
		const jsonc = '\uFEFF// mine\r\n{\r\n  "a": {"cmd": ["x",],}, /* : */\r\n}\r\n';
		expect(servers(parseRegistry(jsonc, "r.json"))).toEqual({ a: stdio("a", "x") });
		expect(servers(parseRegistry(jsonc, "r"))).toEqual({ a: stdio("a", "x") });
		expect(servers(parseRegistry("{a: {cmd: [x]}}", "r"))).toEqual({ a: stdio("a", "x") });
		expect(yaml("a: {cmd: [x], env: &e {A: b}}\nb: {cmd: [x], env: *e}")["b"]).toEqual({
			...stdio("b", "x"),
			env: { A: "b" },
		});
		expect(Object.keys(yaml("constructor: {cmd: [x]}\n1.0: {cmd: [x]}\ntrue: {cmd: [x]}"))).toEqual([
			"constructor",
			"1.0",
			"true",
		]);
		expect(servers(parseRegistry("{}", "r.json"))).toEqual({});
		expect(json({ $schema: "./registry.schema.json", a: { cmd: ["x"] } })).toEqual({ a: stdio("a", "x") });
	});

	test("servers called `servers` and `mcpServers`", () => {
		expect(json({ servers: { endpoint: "http://a" }, mcpServers: { type: "stdio", cmd: ["x"] } })).toEqual({
			servers: auto("servers", "http://a"),
			mcpServers: stdio("mcpServers", "x"),
		});
		expect(json({ servers: { type: { command: "x" } } })).toEqual({ type: stdio("type", "x") });
	});
});

describe("files of other tools", () => {
	test("Claude and Cursor", () => {
		const file = {
			globalShortcut: "x",
			mcpServers: {
				fs: { command: "npx", args: ["-y", "fs"], env: { A: "b" }, disabled: false, autoApprove: ["x"], timeout: 60 },
				off: { command: "x", disabled: true },
				remote: { type: "http", url: "https://a/mcp", headers: { X: "${T}" }, oauth: {}, alwaysAllow: [] },
				old: { type: "sse", url: "https://a/sse" },
				cline: { type: "streamableHttp", url: "https://a/mcp" },
				windsurf: { serverUrl: "https://a/mcp" },
				cherry: { transport: "sse", url: "https://a/sse" },
				local: { transport: "stdio", command: "x" },
			},
		};
		expect(json(file)).toEqual({
			fs: { ...stdio("fs", "npx", "-y", "fs"), env: { A: "b" }, ignored: ["autoApprove", "timeout"] },
			remote: { ...http("remote", "https://a/mcp"), headers: { X: "${T}" }, ignored: ["oauth", "alwaysAllow"] },
			old: { ...http("old", "https://a/sse"), transport: "sse" },
			cline: http("cline", "https://a/mcp"),
			windsurf: auto("windsurf", "https://a/mcp"),
			cherry: { ...http("cherry", "https://a/sse"), transport: "sse" },
			local: stdio("local", "x"),
		});
		expect(json({ mcpServers: {} })).toEqual({});
	});

	test("VS Code", () => {
		const text = `{
	// mcp.json
	"inputs": [{ "type": "promptString", "id": "key", "password": true }],
	"servers": {
		"a": { "type": "stdio", "command": "npx", "env": { "K": "\${input:key}", "N": 3, "Z": null }, "envFile": ".env", "dev": {} },
		"b": { "type": "http", "url": "https://b/mcp", "gallery": true, "version": "1" },
	}
}`;
		expect(servers(parseRegistry(text, "mcp.json"))).toEqual({
			a: { ...stdio("a", "npx"), env: { K: "${input:key}", N: "3" }, ignored: ["envFile", "dev"] },
			b: { ...http("b", "https://b/mcp"), ignored: ["gallery", "version"] },
		});
	});

	test("the gateway's own keys work in them", () => {
		const k8s = { type: "k8s", image: "x", transport: "stdio", command: ["y"], port: 1 };
		expect(json({ mcpServers: { a: { cmd: ["x"] }, b: { chart: "b" }, c: k8s } })).toEqual({
			a: stdio("a", "x"),
			b: kubernetesServer("b", { chart: "b" }),
			c: kubernetesServer("c", { values: { image: "x", transport: "stdio", command: ["y"], port: 1 } }),
		});
	});

	test("keys of Kubernetes entries are another tool's own in any other entry", () => {
		const file = { mcpServers: { a: { url: "http://a", image: "x.png", port: 1, service: "y", secrets: [] } } };
		expect(json(file)).toEqual({ a: { ...auto("a", "http://a"), ignored: ["image", "port", "service", "secrets"] } });
	});
});

describe("the parser with a memory", () => {
	test("an unchanged entry stays the same object, over a faulty text too", () => {
		const parser = createRegistryParser();
		const first = servers(parser.parse("a: {cmd: [x]}\nb: {cmd: [y]}\n", "r.yaml"));
		expect(parser.parse("a: {cmd: [x]}\nb: {cmd: []}\n", "r.yaml").ok).toBe(false);
		const second = servers(parser.parse('{"b": {"cmd": ["z"]}, "c": {"cmd": ["x"]}, "a": {"cmd": ["x"]}}', "r.json"));
		expect(second["a"]).toBe(first["a"]);
		expect(second["b"]).not.toBe(first["b"]);
		expect(second["c"]).toEqual(stdio("c", "x"));
	});
});

describe("properties", () => {
	const name = fc.constantFrom("r.json", "r.yaml", "r");
	const near = fc
		.array(
			fc.constantFrom(
				"a",
				":",
				" ",
				"\n",
				"{",
				"}",
				"[",
				"]",
				'"',
				"'",
				"&a",
				"*a",
				"- ",
				"#",
				"!",
				"|",
				"\t",
				",",
				"cmd",
				"1",
				"__proto__",
				"\0",
			),
		)
		.map((parts) => parts.join(""));

	test("no text makes the parser throw", () => {
		fc.assert(
			fc.property(fc.oneof(fc.string({ unit: "binary" }), near), name, (text, file) => {
				const result = parseRegistry(text, file);
				if (!result.ok) {
					expect(result.errors.length).toBeGreaterThan(0);
					for (const { line, col } of result.errors) expect(line > 0 && col > 0).toBe(true);
				}
			}),
			{ numRuns: 1500 },
		);
	});

	test("no JSON value makes the parser throw, and no prototype is touched", () => {
		const key = fc.constantFrom(
			"a",
			"__proto__",
			"constructor",
			"cmd",
			"endpoint",
			"env",
			"headers",
			"type",
			"servers",
			"mcpServers",
		);
		const value = fc.letrec((tie) => ({
			any: fc.oneof({ maxDepth: 4 }, fc.jsonValue(), fc.dictionary(key, tie("any")), fc.array(tie("any"))),
		})).any;
		fc.assert(
			fc.property(value, name, (any, file) => {
				parseRegistry(JSON.stringify(any) ?? "", file);
				expect(Object.keys(Object.prototype)).toEqual([]);
			}),
			{ numRuns: 500 },
		);
	});

	test("values of env and headers are in no message", () => {
		const secret = "s3cr3t-value";
		const wrong = fc.constantFrom(`\${${secret}}`, `\${${secret}`, `${secret}\n`, `${secret}\0`, [secret], {
			[`${secret} x`]: 1,
		});
		fc.assert(
			fc.property(
				wrong,
				fc.constantFrom("env", "headers", "cmd", "endpoint", "args", "loadBalancer", "secrets"),
				(value, key) => {
					const inner = key === "env" || key === "headers" || key === "secrets" ? { A: value } : value;
					const entry =
						key === "headers" || key === "loadBalancer"
							? { url: "http://a", [key]: inner }
							: { ...(key === "secrets" ? { image: "x" } : { command: "x" }), [key]: inner };
					const result = parseRegistry(JSON.stringify({ a: entry }), "r.json");
					expect(JSON.stringify(result.ok ? [] : result.errors)).not.toContain(secret);
				},
			),
		);
	});
});
