import { stringify } from "yaml";
import { parseRegistry } from "../registry/parse.ts";
import { isJson, isStrictJson, readText } from "../registry/read.ts";
import type { RegistryText } from "../sources/registry-writer.ts";
import { AdminError } from "./errors.ts";
import { JSON_TYPE, YAML_TYPE } from "./request.ts";

const TYPES: Readonly<Record<string, "json" | "yaml">> = {
	"*/*": "json",
	"application/*": "json",
	[JSON_TYPE]: "json",
	[YAML_TYPE]: "yaml",
	"application/x-yaml": "yaml",
	"text/yaml": "yaml",
	"text/*": "yaml",
};

/** Which of the two the client wants, by `?format=` or Accept. @throws AdminError `not_acceptable`, `bad_request` */
export function wantedFormat(format: unknown, accept: string | undefined): "json" | "yaml" {
	if (format === "json" || format === "yaml") return format;
	if (format !== undefined) throw new AdminError("bad_request", "`format` is `json` or `yaml`.");
	const ranges = (accept ?? "*/*").split(",").map((range) => {
		const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
		const q = parameters.find((parameter) => parameter.startsWith("q="));
		return { type, q: q === undefined ? 1 : Number(q.slice(2)) };
	});
	const best = ranges.toSorted((a, b) => b.q - a.q).find(({ type, q }) => q > 0 && TYPES[type] !== undefined);
	if (best === undefined) throw new AdminError("not_acceptable");
	return TYPES[best.type] ?? "json";
}

/** The registry in a format: the file's own text where it is in that format, else its values. @throws AdminError */
export function inFormat(now: NonNullable<RegistryText>, file: string, format: "json" | "yaml"): string {
	const text = now.text.replace(/^\uFEFF/, "");
	const own = isJson(text, file) ? "json" : "yaml";
	if (own === "yaml" && format === "yaml") return now.text;
	const read = readText(text, file, () => 1);
	if ("fatal" in read) {
		if (read.empty === true) return "{}\n";
		const parsed = parseRegistry(text, file);
		const detail = "The registry's file cannot be read. `errors` has its faults; PUT puts a good one in its place.";
		throw new AdminError("registry_faulty", detail, { errors: parsed.ok ? [] : parsed.errors });
	}
	if (format === "yaml") return stringify(read.value, { lineWidth: 0 });
	return own === "json" && isStrictJson(text) ? text : `${JSON.stringify(read.value, null, 2)}\n`;
}
