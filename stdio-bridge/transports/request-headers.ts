import type { IncomingHttpHeaders } from "node:http";
import { isObject } from "../messages/is-object.ts";
import { memberOf } from "../messages/member.ts";
import type { Message } from "../messages/message.ts";
import { jsonOf } from "../messages/rewrite.ts";

/**
 * What revision 2026-07-28 demands of a POST's headers and of `params._meta`, both of which name the revision. Same
 * decisions, codes and order as the official SDK's HTTP entry, which a test holds this file against.
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#request-metadata
 */

/** The first revision without sessions. Revisions are dates, so they compare as text. */
export const firstStateless = "2026-07-28";

const protocolVersionKey = "io.modelcontextprotocol/protocolVersion";
const clientInfoKey = "io.modelcontextprotocol/clientInfo";
const clientCapabilitiesKey = "io.modelcontextprotocol/clientCapabilities";
const logLevelKey = "io.modelcontextprotocol/logLevel";

const invalidParams = -32602;
const headerMismatch = -32020;

const logLevels = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/** What `Mcp-Name` repeats. The tasks are an extension: https://github.com/modelcontextprotocol/ext-tasks */
const nameSources = new Map([
	["tools/call", "name"],
	["prompts/get", "name"],
	["resources/read", "uri"],
	["tasks/get", "taskId"],
	["tasks/update", "taskId"],
	["tasks/cancel", "taskId"],
]);

/** Why a request is refused, with status 400. */
export interface RequestFault {
	readonly code: number;
	readonly message: string;
	readonly data: Readonly<Record<string, unknown>>;
}

/**
 * Whether a POST is one of 2026-07-28 or later, to be answered (or refused) without a session. The body decides; the
 * header counts where the body claims nothing.
 */
export function isStateless(message: Message, headers: IncomingHttpHeaders): boolean {
	if (message.kind === "response") return false;
	if (namesStateless(headers)) return true;
	if (message.protocolVersion === undefined) return false;
	return !isHandshake(message);
}

/** Why revision 2026-07-28 forbids this request or notification, or undefined where it does not. */
export function requestFault(message: Message, headers: IncomingHttpHeaders): RequestFault | undefined {
	const version = headerOf(headers, "mcp-protocol-version");
	const method = headerOf(headers, "mcp-method");
	const claimed = message.protocolVersion;
	const request = message.kind === "request";
	if (request) {
		const fault = isHandshake(message) ? handshakeFault(version) : envelopeFault(message);
		if (fault) return fault;
	}
	if (version !== undefined && claimed !== undefined && version !== claimed) {
		return mismatch(version, `the body names revision ${claimed}, MCP-Protocol-Version names ${version}`);
	}
	if (method !== undefined && method !== message.method) {
		return mismatch(method, `the body names method ${message.method}, Mcp-Method names ${method}`);
	}
	// What headers a notification needs is not defined by this revision.
	if (!request) return undefined;
	if (version === undefined) return missing("MCP-Protocol-Version", `the body names revision ${claimed}`);
	if (method === undefined) return missing("Mcp-Method", `the body names method ${message.method}`);
	return nameFault(message, headerOf(headers, "mcp-name"));
}

/** The tool that a request calls of which {@link requestFault} finds no fault: then header and body agree. */
export function calledTool(message: Message, headers: IncomingHttpHeaders): string | undefined {
	const name = message.method === "tools/call" ? headerOf(headers, "mcp-name") : undefined;
	return name === undefined ? undefined : decodeHeader(name);
}

/** Whether a request asks for log messages. */
export function wantsLogs({ bytes, meta }: Message): boolean {
	return meta !== undefined && memberOf(bytes, meta, logLevelKey) !== undefined;
}

/**
 * What a header's value stands for; undefined where it claims to be Base64 of UTF-8 and is not.
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#value-encoding
 */
export function decodeHeader(value: string): string | undefined {
	if (!value.startsWith("=?base64?") || !value.endsWith("?=") || value.length < "=?base64??=".length) return value;
	const encoded = value.slice("=?base64?".length, -"?=".length);
	const decoded = Buffer.from(encoded, "base64");
	// Node's decoder skips what is no Base64; a client that writes such a thing is not understood alike by everyone.
	if (decoded.toString("base64") !== encoded) return undefined;
	try {
		return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(decoded);
	} catch {
		return undefined;
	}
}

/** Refuses a request whose header and body say different things. `header` is what the header says. */
export function mismatch(header: string, body: string): RequestFault {
	return {
		code: headerMismatch,
		message: `Header mismatch: ${body}.`,
		data: { mismatch: { header, body } },
	};
}

/** Refuses a request that lacks a header. */
export function missing(header: string, body: string): RequestFault {
	return mismatch("(missing)", `${body}, but the header ${header} is missing`);
}

/** One header; several of the same name are joined, and equal nothing. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
	const value = headers[name];
	return Array.isArray(value) ? value.join(", ") : value;
}

function namesStateless(headers: IncomingHttpHeaders): boolean {
	const version = headerOf(headers, "mcp-protocol-version");
	return version !== undefined && version >= firstStateless;
}

/** `initialize` is the handshake of older revisions, unless a whole envelope says that the client is a newer one. */
function isHandshake(message: Message): boolean {
	if (message.kind !== "request" || message.method !== "initialize") return false;
	const claimed = message.protocolVersion;
	return claimed === undefined || claimed < firstStateless || envelopeFault(message) !== undefined;
}

function handshakeFault(version: string | undefined): RequestFault | undefined {
	return version !== undefined && version >= firstStateless
		? mismatch(version, `\`initialize\` is of older revisions, MCP-Protocol-Version names ${version}`)
		: undefined;
}

/** https://modelcontextprotocol.io/specification/2026-07-28/basic#meta */
function envelopeFault(message: Message): RequestFault | undefined {
	const meta = envelopeOf(message);
	if (meta === undefined) return invalid("_meta", "missing");
	for (const key of [protocolVersionKey, clientCapabilitiesKey]) if (!(key in meta)) return invalid(key, "missing");
	const { progressToken: token, [clientInfoKey]: info, [logLevelKey]: level } = meta;
	if (typeof meta[protocolVersionKey] !== "string") return invalid(protocolVersionKey, "not a string");
	if (!isObject(meta[clientCapabilitiesKey])) return invalid(clientCapabilitiesKey, "not an object");
	if (
		info !== undefined &&
		!(isObject(info) && typeof info["name"] === "string" && typeof info["version"] === "string")
	) {
		return invalid(clientInfoKey, "not an object with name and version");
	}
	if (level !== undefined && !logLevels.includes(level as string)) return invalid(logLevelKey, "not a log level");
	if (token !== undefined && typeof token !== "string" && !Number.isInteger(token)) {
		return invalid("progressToken", "neither a string nor an integer");
	}
	return undefined;
}

function nameFault(message: Message, header: string | undefined): RequestFault | undefined {
	const field = nameSources.get(message.method);
	const param = field === undefined ? undefined : paramOf(message, field);
	if (field === undefined || param === undefined) return undefined;
	// Which of them the process will take, nobody knows.
	if (param.twice) return mismatch(header ?? "(missing)", `params.${field} is there twice`);
	const { value } = param;
	if (header === undefined)
		return value === undefined ? undefined : missing("Mcp-Name", `params.${field} is "${value}"`);
	const decoded = decodeHeader(header);
	if (decoded === undefined) return mismatch(header, "Mcp-Name is not Base64 of UTF-8");
	if (value === undefined || decoded === value) return undefined;
	return mismatch(header, `params.${field} is "${value}", Mcp-Name names "${decoded}"`);
}

/** A parameter that should be a string; `value` is undefined where it is none. */
function paramOf(message: Message, name: string): { readonly value: string | undefined; readonly twice: boolean } {
	const { bytes, params } = message;
	const found = params && memberOf(bytes, params, name);
	const value: unknown = found && jsonOf(message, found);
	return { value: typeof value === "string" ? value : undefined, twice: found?.twice === true };
}

function envelopeOf(message: Message): Record<string, unknown> | undefined {
	return message.meta && (jsonOf(message, message.meta) as Record<string, unknown>);
}

function invalid(key: string, problem: string): RequestFault {
	return {
		code: invalidParams,
		message: `Invalid params: ${key} in params._meta: ${problem}.`,
		data: { envelope: { key, problem } },
	};
}
