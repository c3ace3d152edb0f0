import { isUtf8 } from "node:buffer";
import { CLOSE_BRACKET, COMMA, fault, JsonFault, OPEN_BRACE, OPEN_BRACKET, skipBlanks, skipValue } from "./json.ts";
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
		return scanText(text);
	} catch (error) {
		if (error instanceof JsonFault) return { ok: false, fault: "parse", detail: error.detail };
		throw error;
	}
}

function scanText(bytes: Buffer): Scanned {
	const messages: Message[] = [];
	const start = skipBlanks(bytes, 0);
	const batch = bytes[start] === OPEN_BRACKET;
	const { end, problem } = batch ? scanBatch(bytes, start, messages) : scanMessage(bytes, start, 0, messages);
	const rest = skipBlanks(bytes, end);
	if (rest !== bytes.length) fault(bytes, rest);
	return problem === undefined ? { ok: true, messages, batch } : { ok: false, fault: "invalid", detail: problem };
}

/** `end` is the offset behind what was read; `problem` is why it is no JSON-RPC. */
interface Read {
	readonly end: number;
	readonly problem: string | undefined;
}

/** Goes on after a problem, since a text that is not JSON has the other fault. */
function scanBatch(bytes: Buffer, start: number, messages: Message[]): Read {
	let end = skipBlanks(bytes, start + 1);
	if (bytes[end] === CLOSE_BRACKET) return { end: end + 1, problem: "A batch holds at least one message." };
	let problem: string | undefined;
	for (let index = 0; ; index++) {
		if (problem !== undefined) end = skipValue(bytes, end, 1);
		else {
			const read = scanMessage(bytes, end, 1, messages);
			end = read.end;
			if (read.problem !== undefined) problem = `[${index}]: ${read.problem}`;
			else if (index === MAX_BATCH) problem = `A batch holds at most ${MAX_BATCH} messages.`;
		}
		end = skipBlanks(bytes, end);
		if (bytes[end] === CLOSE_BRACKET) return { end: end + 1, problem };
		if (bytes[end] !== COMMA) fault(bytes, end);
		end = skipBlanks(bytes, end + 1);
	}
}

/** Adds the message to `messages` if it is one. */
function scanMessage(bytes: Buffer, start: number, depth: number, messages: Message[]): Read {
	if (bytes[start] !== OPEN_BRACE) return { end: skipValue(bytes, start, depth), problem: "A message is an object." };
	const members = new Members(bytes, slots);
	const end = members.read(start, shape, depth);
	const whole = start === 0 && end === bytes.length;
	const message = toMessage(whole ? bytes : bytes.subarray(start, end), start, members);
	if (typeof message === "string") return { end, problem: message };
	messages.push(message);
	return { end, problem: undefined };
}
