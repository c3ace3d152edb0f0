/** What requests of the admin API carry: bodies, preconditions, preferences. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { isMap } from "../registry/dialect.ts";
import type { RawEntry } from "../registry/kind.ts";
import { parseRegistry } from "../registry/parse.ts";
import { valueProblem } from "../registry/syntax.ts";
import type { RegistryText } from "../sources/registry-writer.ts";
import { AdminError } from "./errors.ts";

export const JSON_TYPE = "application/json";
export const YAML_TYPE = "application/yaml";
export const PATCH_TYPE = "application/merge-patch+json";

const LANGUAGES: Readonly<Record<string, "json" | "yaml">> = {
	[JSON_TYPE]: "json",
	[PATCH_TYPE]: "json",
	// https://www.rfc-editor.org/rfc/rfc9512, and what was written before there was one.
	[YAML_TYPE]: "yaml",
	"application/x-yaml": "yaml",
	"text/yaml": "yaml",
};

/** A body as text, and in which language. */
export interface Body {
	readonly language: "json" | "yaml";
	readonly text: string;
}

/** Leaves bodies as bytes: each path says what it takes. */
export function takeBodies(api: FastifyInstance): void {
	api.removeAllContentTypeParsers();
	api.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
}

/** The body, if it is of one of these types. @throws AdminError `unsupported_media_type`, `bad_request` */
export function bodyOf(request: FastifyRequest, types: readonly string[]): Body {
	const type = (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
	const language = LANGUAGES[type];
	const isTaken =
		language !== undefined && (types.includes(type) || (language === "yaml" && types.includes(YAML_TYPE)));
	if (!isTaken) {
		const header = request.method === "PATCH" ? "accept-patch" : "accept";
		const detail = `Send this with the Content-Type ${types.join(" or ")}.`;
		throw new AdminError("unsupported_media_type", detail, {}, { [header]: types.join(", ") });
	}
	try {
		const bytes = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
		return { language, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
	} catch {
		throw new AdminError("bad_request", "The body is not UTF-8.");
	}
}

/** A body of strict JSON as its value. @throws AdminError `bad_request`, with the place of the fault */
export function jsonOf({ text }: Body): unknown {
	try {
		return JSON.parse(text);
	} catch {
		const parsed = parseRegistry(text, "body.json");
		const errors = parsed.ok ? [] : parsed.errors;
		throw new AdminError("bad_request", "The body is not JSON.", { errors });
	}
}

/** A JSON object. @throws AdminError `bad_request`, `registry_faulty` for what no registry can hold */
export function objectOf(body: Body): RawEntry {
	const value = jsonOf(body);
	if (!isMap(value)) throw new AdminError("bad_request", "The body must be a JSON object.");
	const problem = valueProblem(value);
	if (problem !== undefined) throw new AdminError("registry_faulty", problem);
	return value;
}

/** The number in a body of `{"replicas": N}`. @throws AdminError `bad_request` */
export function replicasOf(body: RawEntry): number {
	const { replicas, ...more } = body;
	if (Object.keys(more).length === 0 && Number.isInteger(replicas)) return Number(replicas);
	throw new AdminError("bad_request", 'The body must be `{"replicas": N}` with a whole number N.');
}

export const etagOf = (digest: string) => `"${digest}"`;

/** Whether a list of ETags names this one; weak ones never do: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1 */
export function namesEtag(list: string, etag: string | undefined): boolean {
	if (list.trim() === "*") return etag !== undefined;
	return etag !== undefined && list.split(",").some((one) => one.trim() === etag);
}

/**
 * Holds the registry that is there against `If-Match` and `If-None-Match`.
 * @param required An existing registry is changed only by who says which one.
 * @throws AdminError `precondition_failed`, `precondition_required`
 */
export function checkPrecondition(request: FastifyRequest, now: RegistryText, required: boolean): void {
	const etag = now === undefined ? undefined : etagOf(now.digest);
	const more = etag === undefined ? {} : { etag };
	const headers: Record<string, string> = etag === undefined ? {} : { etag };
	const match = request.headers["if-match"];
	const noneMatch = request.headers["if-none-match"];
	if (match !== undefined && !namesEtag(match, etag)) {
		throw new AdminError("precondition_failed", undefined, more, headers);
	}
	if (noneMatch !== undefined && namesEtag(noneMatch, etag)) {
		throw new AdminError("precondition_failed", "`If-None-Match` names the registry that is there.", more, headers);
	}
	if (required && match === undefined && noneMatch === undefined && etag !== undefined) {
		throw new AdminError("precondition_required", undefined, more, headers);
	}
}

const MOST_SECONDS = 60;

/**
 * Milliseconds that the client waits for Envoy, by `?wait=SECONDS` or `Prefer: wait=SECONDS`
 * (https://www.rfc-editor.org/rfc/rfc7240#section-4.3), one minute at the most; undefined where it does not.
 */
export function waitOf(request: FastifyRequest): number | undefined {
	const asked = (request.query as { wait?: unknown }).wait;
	const preferred = /(?:^|[,;\s])wait=(\d+)/i.exec(String(request.headers["prefer"] ?? ""))?.[1];
	if (asked === undefined && preferred === undefined) return undefined;
	const seconds = Number(asked ?? preferred);
	if (Number.isFinite(seconds) && seconds >= 0) return Math.min(seconds, MOST_SECONDS) * 1000;
	throw new AdminError("bad_request", "`wait` takes a number of seconds.");
}
