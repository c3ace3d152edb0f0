/** `docs/reference/chart.md`: the values of both charts, from their schemas and defaults. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { ownCharts } from "../../../control-plane/kubernetes/objects/chart.ts";
import { block, code, head, page, table } from "./markdown.ts";
import { fieldsOf, inline, type Schema } from "./schema-fields.ts";

const example = `
registry:
  docs: {endpoint: https://mcp.example.com/mcp}
  tickets: {type: k8s, image: "ghcr.io/acme/tickets:1.2", replicas: 2}
service: {type: LoadBalancer}
tls: {secretName: gateway-tls}
auth: {apiKeys: {secretName: gateway-keys}, anonymous: never}
envoy:
  autoscaling: {enabled: true, min: 2, max: 6}
`;

/** The whole page. */
export function chartPage(): string {
	return page(
		head("Values of the charts", "`values.yaml` and `values.schema.json` of the charts"),
		"Helm refuses a value that is not here, or is of another kind. The constructs `McpGateway` and `McpServer` take the same " +
			"ones as props. What is left without a default is unset unless it is given.",
		`## ${code("charts/mcp-gateway")}`,
		"The whole gateway: control planes, Envoys and the registry.",
		values("mcp-gateway"),
		"Open to the network, over HTTPS and with keys:",
		`<!-- values -->\n${block("yaml", example.trim())}`,
		`## ${code("charts/mcp-server")}`,
		"One server, as the gateway itself makes it of an entry of type k8s. A chart on top of it gives these values under the " +
			"key `mcp-server`.",
		values("mcp-server"),
	);
}

function values(chart: string): string {
	const text = (file: string) => readFileSync(join(ownCharts, chart, file), "utf8");
	const schema: Schema = JSON.parse(text("values.schema.json"));
	const defaults: unknown = parse(text("values.yaml"));
	const fields = fieldsOf(schema);
	const rows = fields.map(({ path, type, description, fallback }) => {
		// The fields inside of it tell.
		const open = fields.some((other) => other.path.startsWith(`${path}.`) && at(defaults, other.path) !== undefined);
		const value = open ? undefined : (at(defaults, path) ?? fallback);
		return [code(path), type, value === undefined ? "" : inline(value), description];
	});
	return table(["value", "kind", "default", "meaning"], rows);
}

/** What is at a path of maps; undefined where there is nothing. */
function at(value: unknown, path: string): unknown {
	let found = value;
	for (const key of path.split(".")) {
		if (typeof found !== "object" || found === null) return undefined;
		found = Object.entries(found).find(([name]) => name === key)?.[1];
	}
	return found;
}
