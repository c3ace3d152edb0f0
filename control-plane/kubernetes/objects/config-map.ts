// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are placeholders of the registry
/** What a server's pods read beside their image: variables, or the registry of the bridge in the pod. */
import { createHash } from "node:crypto";
import type { ServerValues } from "../../registry/model.ts";
import type { OwnedKinds } from "../contract.ts";
import { metadata, type ObjectIdentity } from "./identity.ts";

/** Key of the bridge's registry, and the file's name in the pod. */
export const REGISTRY_KEY = "registry.json";

/** Annotation of the pods with a hash of the ConfigMap: another one rolls them. */
export const CONFIG_ANNOTATION = "mcp-gateway/config";

export function configMap(values: ServerValues, identity: ObjectIdentity): OwnedKinds["ConfigMap"] {
	const data = configData(values, identity.id);
	// The API server drops an empty map, and takes a second applier's for another value than the first one's.
	const some = Object.keys(data).length > 0 && { data };
	return { apiVersion: "v1", kind: "ConfigMap", metadata: metadata(identity), ...some };
}

/** Hash of a ConfigMap's data, hexadecimal. */
export function configHash(data: Readonly<Record<string, string>>): string {
	return createHash("sha256").update(sortedJson(data)).digest("hex");
}

/** Of an HTTP server its variables; of a stdio server the registry of the bridge, which hands them on. */
export function configData(values: ServerValues, id: string): Record<string, string> {
	if (values.transport === "http") return { ...values.env };
	const [program = "", ...rest] = [...values.command, ...values.args].map((text) => expandedByBridge(text, values));
	const secrets = Object.keys(values.secrets).map((name) => [name, `\${${name}}`]);
	const entry = {
		type: "stdio",
		cmd: [program, ...rest],
		env: { ...values.env, ...Object.fromEntries(secrets) },
		...(Object.keys(values.pool).length > 0 && { pool: values.pool }),
	};
	return { [REGISTRY_KEY]: sortedJson({ [id]: entry }) };
}

/** No text of an entry holds a control character. */
const ESCAPED = "\u0001";

/**
 * `$(NAME)` as Kubernetes has it in a container's command, where `$$(NAME)` stands for the characters: the bridge is
 * given a variable's value, and of a secret its own placeholder.
 * https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/
 */
function expandedByBridge(text: string, { env, secrets }: ServerValues): string {
	let expanded = text.replaceAll("$$(", ESCAPED);
	for (const name of Object.keys(secrets).sort()) expanded = expanded.replaceAll(`$(${name})`, () => `\${${name}}`);
	for (const [name, value] of Object.entries(env).sort()) expanded = expanded.replaceAll(`$(${name})`, () => value);
	return expanded.replaceAll(ESCAPED, "$(");
}

/** JSON as the templates' `toRawJson` writes it: keys in order, and no line separators of Unicode. */
function sortedJson(value: unknown): string {
	const sorted = (_: string, inner: unknown) =>
		typeof inner === "object" && inner !== null && !Array.isArray(inner)
			? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
			: inner;
	return JSON.stringify(value, sorted).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}
