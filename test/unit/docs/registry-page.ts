// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are placeholders of the registry
/** `docs/reference/registry.md`: every field of an entry, from the schema that the parser reads with. */
import { z } from "zod";
import { duration } from "../../../control-plane/registry/duration.ts";
import { schemaOptions } from "../../../control-plane/registry/k8s-values.ts";
import { ID_PATTERN } from "../../../control-plane/registry/names.ts";
import { cpuQuantity, memoryQuantity } from "../../../control-plane/registry/quantity.ts";
import { entryKeys, entrySchemas, type Kind } from "../../../control-plane/registry/schema.ts";
import { memorySize } from "../../../control-plane/registry/size.ts";
import { block, code, head, page, table } from "./markdown.ts";
import { fieldsOf, inline } from "./schema-fields.ts";

const titles: Readonly<Record<Exclude<Kind, "auto">, string>> = {
	http: "HTTP servers",
	stdio: "stdio servers",
	k8s: "Servers on Kubernetes",
};

const examples: Readonly<Record<Exclude<Kind, "auto">, string>> = {
	http: `
docs:
  endpoint: https://mcp.example.com/mcp
  headers:
    Authorization: Bearer \${DOCS_TOKEN}
search:
  endpoints:
    - http://10.0.0.5:8000/mcp
    - {url: "http://10.0.0.6:8000/mcp", weight: 2}
  loadBalancer: least-request
  healthCheck: {type: http, path: /healthz, interval: 10s}
  timeouts: {connect: 2s, idle: 10m}
old:
  type: sse
  endpoint: http://10.0.0.7:8000/sse
  authorization: remove
inside:
  endpoint: https://10.0.0.8/mcp
  tls: {caFile: /etc/ssl/our-ca.pem, serverName: mcp.internal}
  hostHeader: rewrite
  sessionAffinity: true
`,
	stdio: `
files:
  cmd: [npx, -y, "@modelcontextprotocol/server-filesystem", /data]
  env: {LOG_LEVEL: info, TOKEN: "\${file:/run/secrets/token}"}
  cwd: /data
  pool: {mode: session, min: 2, max: 20, idleTimeout: 10m}
  limits: {memory: 512MiB, cpuTime: 10m}
time:
  command: uvx
  args: [mcp-server-time]
`,
	k8s: `
github: {type: k8s, chart: github-server, replicas: 2}
search:
  type: k8s
  image: registry.example.com/search-mcp:3
  namespace: mcp
  port: 3000
  secrets: {API_KEY: search/key}
  resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 256Mi}}
  autoscale: {min: 2, max: 10, cpu: 70}
  probes: {readiness: {httpGet: {path: /healthz, port: mcp}}}
tools:
  type: k8s
  image: registry.example.com/tools:1
  transport: stdio
  command: [python3, /app/server.py]
  pool: {mode: shared, max: 2}
installed: {type: k8s, manage: false, namespace: mcp, service: tickets, port: 8080}
`,
};

/** The whole page. */
export function registryPage(): string {
	return page(
		head("Registry", "the schema that the registry is read with; `mcp-gateway schema` prints it as JSON Schema"),
		"A registry is a map from server id to entry, in YAML or JSON. An id is the first part of the server's path and " +
			`matches ${code(ID_PATTERN.source)}. Files of other tools work as they are: their entries stand under ${code("mcpServers")} ` +
			`or ${code("servers")}.`,
		"A key that is not here is a fault, with its line and column and what was probably meant.",
		"## Kinds of values",
		table(["value", "what it is"], values()),
		section("http"),
		section("stdio"),
		section("k8s"),
		"## Entries without a type",
		"What an entry is shows in its keys: `endpoint`, `endpoints` or `url` make it an HTTP server, `cmd` or `command` a stdio " +
			"server, `chart` or `image` one on Kubernetes. An entry with an endpoint and no `type` is asked what it speaks, and " +
			`where it does not answer, a command beside it serves. Such an entry takes ${missing()}.`,
		registry("either:\n  endpoint: http://127.0.0.1:3000\n  cmd: [npx, -y, my-server]"),
	);
}

function section(kind: Exclude<Kind, "auto">): string {
	const schema = z.toJSONSchema(entrySchemas[kind], schemaOptions);
	const rows = fieldsOf(schema, kind === "k8s" ? ["pool"] : []).map(({ path, type, fallback, description }) => [
		code(path),
		type,
		fallback === undefined ? "" : inline(fallback),
		description,
	]);
	return page(
		`## ${titles[kind]}`,
		schema.description ?? "",
		table(["field", "value", "default", "meaning"], rows),
		kind === "k8s"
			? "What an entry leaves out is what its `chart` says, else [the default of `charts/mcp-server`](chart.md)."
			: "",
		registry(examples[kind]),
	);
}

/** An example, marked as a registry that a test parses. */
const registry = (text: string) => `<!-- registry -->\n${block("yaml", text.trim())}`;

function values(): string[][] {
	return [duration, memorySize, cpuQuantity, memoryQuantity].map((one) => {
		const { title = "", description = "" } = z.toJSONSchema(one, schemaOptions);
		return [title, description];
	});
}

/** Which keys of HTTP and stdio servers an entry without a type does not take. */
function missing(): string {
	const both = new Set([...entryKeys.http, ...entryKeys.stdio]);
	const without = [...both].filter((key) => !entryKeys.auto.includes(key));
	return `the fields of HTTP and of stdio servers, but ${without.map(code).join(", ")}`;
}
