/** The app behind `cdk8s synth`: a registry file becomes the manifests of a whole installation. */
import { join } from "node:path";
import { App, Chart } from "cdk8s";
import { parseDocument } from "yaml";
import { root } from "../control-plane/cli/paths.ts";
import { isMap } from "../control-plane/registry/dialect.ts";
import { InvalidProps } from "./installation/installation.ts";
import { McpGateway } from "./mcp-gateway.ts";
import { readText } from "./read-text.ts";

/** Read where no other registry is named. */
const exampleRegistry = join(root, "docs/examples/kubernetes.yaml");

/**
 * Variables of the environment: `REGISTRY`, a registry file; `VALUES`, a file with values of the chart `mcp-gateway`;
 * `RELEASE` and `NAMESPACE`, both `mcp-gateway` unless told; `SERVERS=1`, to have the objects of its servers of type k8s
 * too. @throws InvalidProps
 */
export function createApp(env: NodeJS.ProcessEnv): App {
	const { REGISTRY, VALUES, RELEASE: release = "mcp-gateway", NAMESPACE: namespace = "mcp-gateway", SERVERS } = env;
	const values = VALUES === undefined ? {} : readValues(VALUES);
	const elsewhere = values["registry"] !== undefined || values["existingRegistry"] !== undefined;
	const registryFile = REGISTRY ?? (elsewhere ? undefined : exampleRegistry);
	const app = new App();
	new McpGateway(new Chart(app, "mcp-gateway", { namespace }), release, {
		...values,
		...(registryFile !== undefined && { registryFile }),
		includeServers: SERVERS === "1",
	});
	return app;
}

/** Those that only hooks of Helm go by are passed over: the same file does for both. */
function readValues(file: string): Readonly<Record<string, unknown>> {
	const document = parseDocument(readText(file, "The values"));
	for (const { message } of document.errors) throw new InvalidProps(`${file}: ${message}`);
	const values: unknown = document.toJS() ?? {};
	if (!isMap(values)) throw new InvalidProps(`${file} must be a map of values, as Helm takes it.`);
	return values;
}
