import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

/** An answer of the admin API, by `inject()` or by `fetch()`. */
export interface Answer {
	readonly method: string;
	/** As it was asked for, query included. */
	readonly path: string;
	readonly status: number;
	readonly contentType: string;
	readonly body: string;
}

interface Operation {
	readonly responses: Record<string, { readonly content?: Record<string, { readonly schema?: object }> } | undefined>;
}

interface Document {
	readonly openapi: string;
	readonly paths: Record<string, Record<string, Operation | undefined>>;
	readonly components: object;
}

/** Tells what an OpenAPI document does not say of an answer; empty where it is as described. */
export function openApiChecker(document: Document): (answer: Answer) => string[] {
	const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
	ajv.addSchema({ $id: "doc", ...document });
	const compiled = new Map<string, ValidateFunction>();
	const paths = Object.keys(document.paths).map((path) => ({
		path,
		pattern: new RegExp(`^${path.replaceAll(".", "\\.").replace(/\{[^}]+\}/g, "[^/]+")}$`),
	}));
	return ({ method, path, status, contentType, body }) => {
		const plain = path.split("?")[0] ?? "";
		const known = paths.find(({ pattern }) => pattern.test(plain))?.path;
		if (known === undefined) return [`${plain} is not described`];
		const response = document.paths[known]?.[method.toLowerCase()]?.responses[status];
		if (response === undefined) return [`${method} ${known} ${status} is not described`];
		const type = contentType.split(";")[0] ?? "";
		if (response.content === undefined) return body === "" ? [] : [`${method} ${known} ${status} has a body`];
		const media = response.content[type];
		if (media === undefined) return [`${method} ${known} ${status}: ${type} is not described`];
		if (type !== "application/json") return [];
		const at = ["paths", known, method.toLowerCase(), "responses", String(status), "content", type, "schema"];
		const pointer = at.map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");
		const validate = compiled.get(pointer) ?? ajv.compile({ $ref: `doc#/${pointer}` });
		compiled.set(pointer, validate);
		if (validate(JSON.parse(body))) return [];
		return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
	};
}
