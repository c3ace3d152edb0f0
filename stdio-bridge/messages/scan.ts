import { isUtf8 } from "node:buffer";
import { CLOSE_BRACKET, COMMA, JsonFault, JsonText, OPEN_BRACE, OPEN_BRACKET } from "./json.ts";
import { shape, slots, toMessage } from "./json-rpc.ts";
import { Members } from "./members.ts";
import type { Message, Scanned } from "./message.ts";

/** A batch of the smallest messages would take twenty times its own size in memory. */
const MAX_BATCH = 10_000;

/**
 * Reads the body of a POST, a WebSocket's message or one line of a process's stdout: strict JSON (RFC 8259) that is a
 * message or a batch of JSON-RPC 2.0 (https://www.jsonrpc.org/specification) with the ids of MCP, which are never null.
 * Builds no tree: what it costs is one pass over the bytes, and memory for the messages' spans alone.
 *
 * `text` is the scanner's from here on: newlines between tokens become blanks in it, and the messages are views of it.
 */
export function scan(text: Buffer): Scanned {
	if (!isUtf8(text)) return { ok: false, fault: "parse", detail: "Not JSON: the text is not UTF-8." };
	try {
		return scanText(new JsonText(text));
	} catch (error) {
		if (error instanceof JsonFault) return { ok: false, fault: "parse", detail: error.detail };
		throw error;
	}
}

function scanText(json: JsonText): Scanned {
	const messages: Message[] = [];
	const start = json.skipBlanks(0);
	const batch = json.bytes[start] === OPEN_BRACKET;
	const { end, problem } = batch ? scanBatch(json, start, messages) : scanMessage(json, start, 0, messages);
	const rest = json.skipBlanks(end);
	if (rest !== json.bytes.length) json.fault(rest);
	return problem === undefined ? { ok: true, messages, batch } : { ok: false, fault: "invalid", detail: problem };
}

/** `end` is the offset behind what was read; `problem` is why it is no JSON-RPC. */
interface Read {
	readonly end: number;
	readonly problem: string | undefined;
}

/** Goes on after a problem, since a text that is not JSON has the other fault. */
function scanBatch(json: JsonText, start: number, messages: Message[]): Read {
	const { bytes } = json;
	let end = json.skipBlanks(start + 1);
	if (bytes[end] === CLOSE_BRACKET) return { end: end + 1, problem: "A batch holds at least one message." };
	let problem: string | undefined;
	for (let index = 0; ; index++) {
		if (problem !== undefined) end = json.skipValue(end, 1);
		else {
			const read = scanMessage(json, end, 1, messages);
			end = read.end;
			if (read.problem !== undefined) problem = `[${index}]: ${read.problem}`;
			else if (index === MAX_BATCH) problem = `A batch holds at most ${MAX_BATCH} messages.`;
		}
		end = json.skipBlanks(end);
		if (bytes[end] === CLOSE_BRACKET) return { end: end + 1, problem };
		if (bytes[end] !== COMMA) json.fault(end);
		end = json.skipBlanks(end + 1);
	}
}

/** Adds the message to `messages` if it is one. */
function scanMessage(json: JsonText, start: number, depth: number, messages: Message[]): Read {
	const { bytes } = json;
	if (bytes[start] !== OPEN_BRACE) return { end: json.skipValue(start, depth), problem: "A message is an object." };
	const members = new Members(json, slots);
	const end = members.read(start, shape, depth);
	const whole = start === 0 && end === bytes.length;
	const message = toMessage(whole ? bytes : bytes.subarray(start, end), start, members);
	if (typeof message === "string") return { end, problem: message };
	messages.push(message);
	return { end, problem: undefined };
}
