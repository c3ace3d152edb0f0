import { discover, initialize, type Question, readAnswer } from "../../control-plane/detection/messages.ts";
import type { Message } from "../messages/message.ts";
import { jsonOf, textOf } from "../messages/rewrite.ts";
import { scan } from "../messages/scan.ts";
import { type Asked, ask, type NotAnswered } from "./ask.ts";
import type { Seat } from "./contract.ts";

/** Some servers never answer a method that they do not know; after so long they are asked what older ones know. */
const patienceMs = 5000;

/** Makes a message of our own. */
export function compose(value: object): Message {
	return readMessage(Buffer.from(JSON.stringify(value)));
}

/** Reads one message that is known to be one. @throws TypeError */
export function readMessage(bytes: Buffer): Message {
	const scanned = scan(bytes);
	const [message] = scanned.ok ? scanned.messages : [];
	if (message === undefined) throw new TypeError("not a JSON-RPC message");
	return message;
}

/** Whether the process speaks 2026-07-28. */
export type Era =
	| { readonly era: "modern" }
	| { readonly era: "legacy" }
	/** It ended, or said nothing in time. */
	| { readonly era: "unknown"; readonly asked: NotAnswered };

/**
 * Asks a fresh process for `server/discover`, which every server from 2026-07-28 on answers. One that only knows
 * older revisions cannot be used any further: it may have taken the question for an opening.
 */
export async function findEra(seat: Seat, timeoutMs: number, signal?: AbortSignal): Promise<Era> {
	const stop = new AbortController();
	const signals = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
	let second: Promise<Era> | undefined;
	const first = ask(seat, compose(discover.message), timeoutMs, signals).then((asked) => eraOf(discover, asked));
	const slow = new Promise<Era>((resolve) => {
		const timer = setTimeout(() => {
			second = ask(seat, compose(initialize.message), timeoutMs, signals).then((asked) => eraOf(initialize, asked));
			void second.then(resolve);
		}, patienceMs);
		void first.then(() => clearTimeout(timer));
	});
	const era = await Promise.race([first, slow]);
	stop.abort();
	return era;
}

function eraOf(question: Question, asked: Asked): Era {
	if (!asked.ok) return { era: "unknown", asked };
	const modern = question === discover && readAnswer(discover, JSON.parse(asked.answer.toString())) !== undefined;
	return { era: modern ? "modern" : "legacy" };
}

/** `initialize` of the bridge itself, for a process that many clients share: the first client's revision, no capability. */
export function sharedInitialize(client: Message): Message {
	const { protocolVersion } = paramsOf(client);
	const { params } = initialize.message as { params?: object };
	return compose({ ...initialize.message, params: { ...params, protocolVersion } });
}

/** Said after the answer to `initialize`. */
export const initialized: Message = compose({ jsonrpc: "2.0", method: "notifications/initialized" });

/** Whether an `initialize` declares capabilities: then the server may ask the client, or behave otherwise for it. */
export function declaresCapabilities(message: Message): boolean {
	const { capabilities } = paramsOf(message);
	return typeof capabilities !== "object" || capabilities === null || Object.keys(capabilities).length > 0;
}

/** The client's spelling of its id. */
export function idOf(message: Message): string {
	return message.id === undefined ? "null" : textOf(message, message.id);
}

function paramsOf(message: Message): Record<string, unknown> {
	const params = message.params && jsonOf(message, message.params);
	return typeof params === "object" && params !== null ? { ...params } : {};
}
