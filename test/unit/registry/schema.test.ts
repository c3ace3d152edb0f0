import { expect, test } from "vitest";
import { jsonSchema } from "../../../control-plane/registry/schema.ts";

test("the JSON Schema is draft 2020-12 and describes every field", () => {
	const schema = jsonSchema();
	expect(schema.$schema).toBe("https://json-schema.org/draft/2020-12/schema");
	const bare: string[] = [];
	let fields = 0;
	const visit = (node: unknown, path: string) => {
		if (typeof node !== "object" || node === null) return;
		for (const [key, value] of Object.entries(node)) {
			if (key === "properties") {
				for (const [name, field] of Object.entries(value)) {
					fields++;
					if (typeof field !== "object" || field === null || !("description" in field)) bare.push(`${path}/${name}`);
				}
			}
			visit(value, `${path}/${key}`);
		}
	};
	visit(schema, "");
	expect(bare).toEqual([]);
	expect(fields).toBeGreaterThan(35);
	expect(JSON.stringify(schema)).toContain('"propertyNames":{"anyOf":[{"const":"$schema"}');
});
