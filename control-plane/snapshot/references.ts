import type { Json } from "../xds/message.ts";
import type { ResourceType } from "../xds/names.ts";
import type { Resource } from "../xds/translate.ts";

/** Refuses resources of which one names another that is not there: Envoy would wait for it, or serve without it. */
export function checkReferences(resources: readonly Resource[], shared: readonly Resource[]): void {
	const there = new Set([...resources, ...shared].map(({ type, name }) => `${type} ${name}`));
	for (const { type, name, message } of resources) {
		if (type === "cluster" && message["type"] === "EDS") need(`endpoints ${name}`, there, `${type} ${name}`);
		walk(message, (key, value, holder) => {
			const needed = reference(type, key, value, holder);
			if (needed !== undefined) need(needed, there, `${type} ${name}`);
		});
	}
}

function need(reference: string, there: ReadonlySet<string>, by: string): void {
	if (!there.has(reference)) throw new Error(`${by} needs ${reference}, which does not exist`);
}

type Visit = (key: string, value: Json | undefined, holder: Readonly<Record<string, Json | undefined>>) => void;

function walk(value: Json | undefined, visit: Visit): void {
	if (Array.isArray(value)) for (const item of value) walk(item, visit);
	else if (typeof value === "object" && value !== null) {
		for (const [key, item] of Object.entries(value)) {
			visit(key, item, value as Readonly<Record<string, Json | undefined>>);
			walk(item, visit);
		}
	}
}

/** What a field asks for over the aggregated stream, as `type name`. */
function reference(
	type: ResourceType,
	key: string,
	value: Json | undefined,
	holder: Readonly<Record<string, Json | undefined>>,
): string | undefined {
	if (key === "sds_config") return `secret ${String(holder["name"])}`;
	if (key === "config_discovery") return `extension ${String(holder["name"])}`;
	return type === "scope" && key === "cluster" ? `cluster ${String(value)}` : undefined;
}
