/** The fields that a JSON Schema describes, one a row. */
import { stringify } from "yaml";
import type { z } from "zod";
import { code } from "./markdown.ts";

export type Schema = z.core.JSONSchema.JSONSchema;

export interface Field {
	/** From the root: `tls.caFile`, `endpoints[].url`, `secrets.NAME.key`. */
	readonly path: string;
	readonly type: string;
	readonly description: string;
	/** Undefined where the schema names none. */
	readonly fallback: unknown;
}

/** A part of a schema that is no `true` or `false`. */
export function schemaOf(part: unknown): Schema | undefined {
	return typeof part === "object" && part !== null && !Array.isArray(part) ? { ...part } : undefined;
}

/**
 * All fields, those inside of a field after it, in the schema's order; fields in `whole` are not looked into. Of fields
 * beside each other that hold the same, the first one tells what.
 * @throws Error for a field without a description.
 */
export function fieldsOf(schema: Schema, whole: readonly string[] = [], prefix = ""): Field[] {
	const told = new Map<string, string>();
	return Object.entries(schema.properties ?? {}).flatMap(([name, part]) => {
		const field = schemaOf(part) ?? {};
		const path = `${prefix}${name}`;
		if (field.description === undefined) throw new Error(`the schema does not describe ${path}`);
		const row = { path, type: typeOf(field), description: field.description, fallback: field.default };
		const more = whole.includes(path) ? [] : inside(field, path, whole);
		if (more.length === 0) return [row];
		const what = JSON.stringify(more.map((one) => ({ ...one, path: one.path.slice(path.length) })));
		const first = told.get(what);
		if (first !== undefined) return [{ ...row, description: `${row.description} Fields as in ${code(first)}.` }];
		told.set(what, path);
		return [row, ...more];
	});
}

/** Fields of maps, of the maps in a list, and of the maps that names lead to. */
function inside(field: Schema, path: string, whole: readonly string[]): Field[] {
	const [items, values] = [schemaOf(field.items), schemaOf(field.additionalProperties)];
	return [
		...fieldsOf(field, whole, `${path}.`),
		...(field.anyOf ?? []).flatMap((one) => fieldsOf(one, whole, `${path}.`)),
		...(items === undefined ? [] : inside(items, `${path}[]`, whole)),
		...(values === undefined ? [] : inside(values, `${path}.NAME`, whole)),
	];
}

/** What a value may be, in words. */
export function typeOf(schema: Schema): string {
	if (schema.title !== undefined) return schema.title;
	if (schema.enum !== undefined) return schema.enum.map((one) => code(String(one))).join(", ");
	if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(" or ");
	if (Array.isArray(schema.type)) return schema.type.join(" or ");
	const { minimum, maximum } = schema;
	switch (schema.type) {
		case "array":
			return `list of ${typeOf(schemaOf(schema.items) ?? {})}`;
		case "object": {
			const values = schemaOf(schema.additionalProperties);
			return values?.type === undefined && values?.anyOf === undefined ? "map" : `map to ${typeOf(values)}`;
		}
		case "integer":
			if (minimum === undefined || maximum === undefined || maximum === Number.MAX_SAFE_INTEGER) return "number";
			return `${minimum} to ${maximum}`;
		case "boolean":
			return `${code("true")}, ${code("false")}`;
		case "string":
			return "text";
		case "null":
			return code("null");
		default:
			return "anything";
	}
}

/** A value as one would write it in YAML on one line. */
export function inline(value: unknown): string {
	if (value === "") return code('""');
	return code(stringify(value, { collectionStyle: "flow", flowCollectionPadding: false, lineWidth: 0 }).trim());
}
