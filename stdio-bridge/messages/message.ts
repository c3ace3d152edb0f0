/** A JSON-RPC message as the bridge sees it: the bytes as they came, and where in them the few members are that it needs. */

/** Bytes `start` (in) to `end` (out) of {@link Message.bytes}: one JSON value as it is spelled, quotes of a string included. */
export interface Span {
	readonly start: number;
	readonly end: number;
}

export type MessageKind = "request" | "notification" | "response";

/**
 * One valid JSON-RPC message. Nothing of it is parsed that is not named here, so whatever else it holds (unknown
 * members, spellings of numbers, order of keys, escapes) leaves as it came.
 */
export interface Message {
	/** UTF-8 without a newline: newlines between tokens are blanks here, since stdio ends a message at one. */
	readonly bytes: Buffer;
	readonly kind: MessageKind;
	/** A number or a string, never null; of a request or response. An error response may have none. */
	readonly id?: Span;
	/** Empty for a response. */
	readonly method: string;
	/** `error.code` of an error response. */
	readonly errorCode?: number;
	/** `params`, an object or array. */
	readonly params?: Span;
	/** `params._meta`, an object. */
	readonly meta?: Span;
	/** `params._meta.progressToken`, or `params.progressToken` of `notifications/progress`. */
	readonly progressToken?: Span;
	/** `params.requestId` of `notifications/cancelled`. */
	readonly requestId?: Span;
	/**
	 * `_meta["io.modelcontextprotocol/subscriptionId"]` in the `params` of a notification or the `result` of a response:
	 * https://modelcontextprotocol.io/specification/2026-07-28/basic/utilities/subscriptions
	 */
	readonly subscriptionId?: Span;
	/** `params._meta["io.modelcontextprotocol/protocolVersion"]`, decoded: says that a message is of 2026-07-28 or later. */
	readonly protocolVersion?: string;
}

/** What a body or a line holds. */
export type Scanned =
	| {
			readonly ok: true;
			/** In their order; several in a batch (2025-03-26), else one. */
			readonly messages: readonly Message[];
			/** The value was an array. */
			readonly batch: boolean;
	  }
	/** `parse`: not JSON. `invalid`: JSON, but not JSON-RPC. `detail` is one sentence, and repeats nothing of the text. */
	| { readonly ok: false; readonly fault: "parse" | "invalid"; readonly detail: string };
