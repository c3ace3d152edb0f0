import type { IncomingHttpHeaders } from "node:http";
import { isObject } from "../messages/is-object.ts";
import { decodeHeader, headerOf, mismatch, missing, type RequestFault } from "./request-headers.ts";

/**
 * `Mcp-Param-*`: headers that repeat arguments of a tool, which the tool asks for by `x-mcp-header` in its input schema.
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#custom-headers-from-tool-parameters
 */

/** One argument that a header repeats. */
export interface ParamHeader {
	/** Keys from the arguments' object to the value. */
	readonly path: readonly string[];
	/** As declared; compared without regard to case, as all headers. */
	readonly header: string;
	readonly type: "string" | "integer" | "boolean" | "number";
}

/** `number` is not allowed, so clients drop such a tool; for one that calls it all the same it is checked like an integer. */
const types = new Set(["string", "integer", "boolean", "number"]);
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const decimal = /^-?\d+(\.\d+)?$/;
/** Schemas nest, but a person's do not nest so deep. */
const maxDepth = 100;

/**
 * The headers that a tool asks for: `x-mcp-header` at properties that are reached by `properties` alone. None where a
 * declaration breaks a rule: clients must not use such a tool, and those that do know nothing of its headers.
 */
export function paramHeaders(inputSchema: unknown): readonly ParamHeader[] {
	const found = new Map<string, ParamHeader>();
	return collect(inputSchema, [], found) ? [...found.values()] : [];
}

/** False where a declaration breaks a rule. */
function collect(schema: unknown, path: readonly string[], found: Map<string, ParamHeader>): boolean {
	if (!isObject(schema)) return !declaresBelow(schema, path.length);
	if (path.length > maxDepth) return false;
	const { "x-mcp-header": header, type, properties, ...others } = schema;
	if (header !== undefined) {
		if (path.length === 0 || typeof header !== "string" || !token.test(header)) return false;
		if (!types.has(type as string) || found.has(header.toLowerCase())) return false;
		found.set(header.toLowerCase(), { path, header, type: type as ParamHeader["type"] });
	}
	if (declaresBelow(others, path.length)) return false;
	if (!isObject(properties)) return true;
	return Object.entries(properties).every(([key, child]) => collect(child, [...path, key], found));
}

/** Whether anything here is declared to be a header, where nothing may be. */
function declaresBelow(value: unknown, depth: number): boolean {
	if (typeof value !== "object" || value === null) return false;
	if (depth > maxDepth || typeof (value as Record<string, unknown>)["x-mcp-header"] === "string") return true;
	return Object.values(value).some((child) => declaresBelow(child, depth + 1));
}

/** Why the headers do not fit the arguments, or undefined where they do. */
export function paramHeadersFault(
	declared: readonly ParamHeader[],
	args: unknown,
	headers: IncomingHttpHeaders,
): RequestFault | undefined {
	for (const { path, header: name, type } of declared) {
		const value = valueAt(args, path);
		const expected = textOf(value);
		if (expected === undefined) continue;
		const header = headerOf(headers, `mcp-param-${name.toLowerCase()}`);
		const what = `the argument ${path.join(".")} is ${JSON.stringify(value)}`;
		if (header === undefined) return missing(`Mcp-Param-${name}`, what);
		const decoded = decodeHeader(header);
		if (decoded === undefined) return mismatch(header, `Mcp-Param-${name} is not Base64 of UTF-8`);
		const numeric = (type === "integer" || type === "number") && typeof value === "number" && decimal.test(decoded);
		if (numeric ? Number(decoded) !== value : decoded !== expected) {
			return mismatch(header, `${what}, Mcp-Param-${name} says ${JSON.stringify(decoded)}`);
		}
	}
	return undefined;
}

function valueAt(root: unknown, path: readonly string[]): unknown {
	let value = root;
	for (const key of path) {
		if (!isObject(value) || !Object.hasOwn(value, key)) return undefined;
		value = value[key];
	}
	return value;
}

/** A value as a header has it; undefined where it can have no header. */
function textOf(value: unknown): string | undefined {
	if (typeof value === "string") return value;
	if (typeof value === "boolean") return String(value);
	if (typeof value !== "number") return undefined;
	return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : String(value);
}
