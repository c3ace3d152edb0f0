import { BACKSLASH, isDigit, MINUS, OPEN_BRACE, OPEN_BRACKET, QUOTE } from "./json.ts";
import type { Members, Shape } from "./members.ts";
import type { Message, Span } from "./message.ts";

const JSONRPC = 0;
const ID = 1;
const METHOD = 2;
const PARAMS = 3;
const RESULT = 4;
const ERROR = 5;
const CODE = 6;
const TEXT = 7;
const META = 8;
const TOKEN = 9;
const REQUEST_ID = 10;
const META_TOKEN = 11;
const META_SUBSCRIPTION = 12;
const META_VERSION = 13;
const RESULT_META = 14;
const RESULT_SUBSCRIPTION = 15;
/** How many slots {@link shape} names. */
export const slots = 16;

const subscriptionId = "io.modelcontextprotocol/subscriptionId";

/** What the bridge looks for in a message. */
export const shape: Shape = [
	{ name: "jsonrpc", slot: JSONRPC },
	{ name: "id", slot: ID },
	{ name: "method", slot: METHOD },
	{
		name: "params",
		slot: PARAMS,
		within: [
			{
				name: "_meta",
				slot: META,
				within: [
					{ name: "progressToken", slot: META_TOKEN },
					{ name: subscriptionId, slot: META_SUBSCRIPTION },
					{ name: "io.modelcontextprotocol/protocolVersion", slot: META_VERSION },
				],
			},
			{ name: "progressToken", slot: TOKEN },
			{ name: "requestId", slot: REQUEST_ID },
		],
	},
	{
		name: "result",
		slot: RESULT,
		within: [{ name: "_meta", slot: RESULT_META, within: [{ name: subscriptionId, slot: RESULT_SUBSCRIPTION }] }],
	},
	{
		name: "error",
		slot: ERROR,
		within: [
			{ name: "code", slot: CODE },
			{ name: "message", slot: TEXT },
		],
	},
];

type Draft = { -readonly [key in keyof Message]: Message[key] };

/**
 * The message that `members` were found in, or one sentence on why it is no JSON-RPC 2.0
 * (https://www.jsonrpc.org/specification#request_object, with the ids of MCP, which are never null). `bytes` are the
 * message alone, `base` is their offset in what `members` was read from.
 */
export function toMessage(bytes: Buffer, base: number, members: Members): Message | string {
	if (members.duplicate !== undefined) return `"${members.duplicate}" is there twice.`;
	const parts = new Parts(bytes, base, members);
	if (parts.string(JSONRPC) !== "2.0") return '"jsonrpc" is not "2.0".';
	return parts.has(METHOD) ? toRequest(parts) : toResponse(parts);
}

function toRequest(parts: Parts): Message | string {
	if (parts.has(RESULT) || parts.has(ERROR)) return "A message with a method has no result and no error.";
	const method = parts.string(METHOD);
	if (method === undefined) return '"method" is not a string.';
	const id = parts.id(ID);
	if (id === undefined && parts.has(ID)) return '"id" is neither a string nor a number.';
	const params = parts.span(PARAMS);
	if (params !== undefined && !parts.isObject(PARAMS) && !parts.isArray(PARAMS)) {
		return '"params" is neither an object nor an array.';
	}
	const draft: Draft = { bytes: parts.bytes, kind: id === undefined ? "notification" : "request", method };
	if (id !== undefined) draft.id = id;
	if (params === undefined) return draft;
	draft.params = params;
	const meta = parts.isObject(META) ? parts.span(META) : undefined;
	if (meta !== undefined) draft.meta = meta;
	const version = parts.string(META_VERSION);
	if (version !== undefined) draft.protocolVersion = version;
	const own = id === undefined ? method : undefined;
	const token = parts.id(own === "notifications/progress" ? TOKEN : META_TOKEN);
	if (token !== undefined) draft.progressToken = token;
	const requestId = own === "notifications/cancelled" ? parts.id(REQUEST_ID) : undefined;
	if (requestId !== undefined) draft.requestId = requestId;
	const subscription = own === undefined ? undefined : parts.id(META_SUBSCRIPTION);
	if (subscription !== undefined) draft.subscriptionId = subscription;
	return draft;
}

function toResponse(parts: Parts): Message | string {
	const failed = parts.has(ERROR);
	if (failed && parts.has(RESULT)) return "A response has a result or an error, not both.";
	if (!failed && !parts.has(RESULT)) return "A message has a method, a result or an error.";
	const id = parts.id(ID);
	// Who could not read a request's id says null (JSON-RPC) or nothing (MCP) instead.
	if (id === undefined && !(failed && (!parts.has(ID) || parts.isNull(ID)))) {
		return '"id" is neither a string nor a number.';
	}
	const draft: Draft = { bytes: parts.bytes, kind: "response", method: "" };
	if (id !== undefined) draft.id = id;
	if (failed) {
		if (!parts.isObject(ERROR)) return '"error" is not an object.';
		const code = parts.integer(CODE);
		if (code === undefined) return '"error.code" is not an integer.';
		if (!parts.isString(TEXT)) return '"error.message" is not a string.';
		draft.errorCode = code;
	}
	const subscription = parts.id(RESULT_SUBSCRIPTION);
	if (subscription !== undefined) draft.subscriptionId = subscription;
	return draft;
}

/** What the slots of one message hold. */
class Parts {
	readonly bytes: Buffer;
	readonly #base: number;
	readonly #members: Members;

	constructor(bytes: Buffer, base: number, members: Members) {
		this.bytes = bytes;
		this.#base = base;
		this.#members = members;
	}

	has(slot: number): boolean {
		return this.#members.starts[slot] !== -1;
	}

	isObject(slot: number): boolean {
		return this.#first(slot) === OPEN_BRACE;
	}

	isArray(slot: number): boolean {
		return this.#first(slot) === OPEN_BRACKET;
	}

	isString(slot: number): boolean {
		return this.#first(slot) === QUOTE;
	}

	isNull(slot: number): boolean {
		return this.#first(slot) === 0x6e;
	}

	span(slot: number): Span | undefined {
		if (!this.has(slot)) return undefined;
		return { start: this.#members.starts[slot]! - this.#base, end: this.#members.ends[slot]! - this.#base };
	}

	/** Of a string or number. */
	id(slot: number): Span | undefined {
		return this.isString(slot) || this.#isNumber(slot) ? this.span(slot) : undefined;
	}

	/** Decoded. */
	string(slot: number): string | undefined {
		if (!this.isString(slot)) return undefined;
		const { start, end } = this.span(slot)!;
		for (let i = start; i < end; i++) {
			if (this.bytes[i] === BACKSLASH) return JSON.parse(this.bytes.toString("utf8", start, end));
		}
		return this.bytes.toString("utf8", start + 1, end - 1);
	}

	/** However it is spelled, as `-32600.0` or `1e3`. */
	integer(slot: number): number | undefined {
		if (!this.#isNumber(slot)) return undefined;
		const { start, end } = this.span(slot)!;
		const value = Number(this.bytes.toString("latin1", start, end));
		return Number.isInteger(value) ? value : undefined;
	}

	#isNumber(slot: number): boolean {
		const first = this.#first(slot);
		return first === MINUS || isDigit(first);
	}

	#first(slot: number): number | undefined {
		return this.has(slot) ? this.bytes[this.#members.starts[slot]! - this.#base] : undefined;
	}
}
