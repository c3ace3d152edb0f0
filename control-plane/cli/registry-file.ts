import { existsSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import type { Registry, RegistryError } from "../registry/model.ts";
import { parseRegistry } from "../registry/parse.ts";
import { registryWords } from "../sources/file-source.ts";
import { readTextFile } from "../sources/read-file.ts";
import { usage } from "./errors.ts";
import { root } from "./paths.ts";

/** Names that a registry has when nobody names one, in the order in which they are tried. */
export const defaultNames = ["mcp-gateway.yaml", "mcp-gateway.yml", "mcp-gateway.json"] as const;

/** The registry of demo servers that comes with the gateway. */
export const exampleFile = join(root, "docs", "examples", "registry.yaml");

export interface ChosenRegistry {
	readonly file: string;
	/** True when it is the example, because none was named and none lies in the folder. */
	readonly example: boolean;
}

/** Which registry a command means: the one named, else one in the working folder, else the example. */
export function chooseRegistry(named: string | undefined, cwd: string): ChosenRegistry {
	if (named !== undefined) {
		const file = isAbsolute(named) ? named : resolve(cwd, named);
		if (!existsSync(file)) throw usage(`There is no registry file ${named}.`);
		return { file, example: file === exampleFile };
	}
	for (const name of defaultNames) {
		const file = join(cwd, name);
		if (existsSync(file)) return { file, example: false };
	}
	return { file: exampleFile, example: true };
}

/** The text of a registry file, read as the running gateway reads it; a file that cannot be read is a usage error. */
export function readRegistryText(file: string): string {
	const content = readTextFile(file, registryWords);
	if (!content.ok) throw usage(`Cannot read ${file}. ${content.message}`);
	return content.text;
}

/** Reads and checks a registry; its faults are the second of the pair. */
export function readRegistry(file: string): [Registry | undefined, readonly RegistryError[]] {
	const result = parseRegistry(readRegistryText(file), file);
	return result.ok ? [result.registry, []] : [undefined, result.errors];
}
