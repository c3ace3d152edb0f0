import type { V1ConfigMap } from "@kubernetes/client-node";
import { metadata } from "./identity.ts";
import type { Installation } from "./installation.ts";

/** A registry as a file has it; its name's ending tells JSON from YAML. */
export interface RegistryText {
	readonly file: string;
	readonly text: string;
}

/** The registry, unless another ConfigMap holds it. */
export function registry(installation: Installation, { file, text }: RegistryText): readonly V1ConfigMap[] {
	if (installation.values.existingRegistry !== "") return [];
	const key = /\.jsonc?$/i.test(file) ? "mcp-gateway.json" : "mcp-gateway.yaml";
	const own = metadata(installation, "control-plane", "-registry");
	return [{ apiVersion: "v1", kind: "ConfigMap", metadata: own, data: { [key]: text } }];
}
