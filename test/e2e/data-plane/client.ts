import { Agent, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { connect, type Socket } from "node:net";
import type { SecureContextOptions } from "node:tls";
import { expect } from "vitest";
import { catalogue, type Reason } from "../../../control-plane/errors/catalogue.ts";

/** An answer, bytes and all. */
export interface Answer {
	status: number;
	/** Names in lower case; repeated ones joined. */
	headers: Record<string, string | undefined>;
	/** Names and values in turn, as they came. */
	rawHeaders: string[];
	body: Buffer;
	text: string;
}

export interface Call {
	method?: string;
	/** Sent as it is; names and values in turn when a list. */
	headers?: Record<string, string | string[]> | string[];
	/** Sent with its length unless `chunked`. */
	body?: string | Buffer;
	chunked?: boolean;
	agent?: Agent;
	/** For https: authorities to trust and a certificate to show. */
	tls?: SecureContextOptions;
}

/** One request by `node:http` or `node:https`, which leaves the target's bytes alone; a new connection unless an agent is given. */
export function send(base: string, target: string, call: Call = {}): Promise<Answer> {
	const { protocol, hostname, port } = new URL(base);
	const request = protocol === "https:" ? requestHttps : requestHttp;
	const given = call.headers ?? {};
	const length =
		call.body === undefined || call.chunked ? [] : ["content-length", String(Buffer.byteLength(call.body))];
	const headers = Array.isArray(given)
		? [...given, ...length]
		: { ...given, ...(length.length > 0 ? { "content-length": length[1] as string } : {}) };
	return new Promise((resolve, reject) => {
		const outgoing = request({
			hostname,
			port,
			path: target,
			method: call.method ?? (call.body === undefined ? "GET" : "POST"),
			headers,
			agent: call.agent ?? false,
			...call.tls,
		});
		// An answer that comes before the body is sent ends the connection, so writing may fail after it.
		let answered = false;
		outgoing.on("error", (error) => answered || reject(error));
		outgoing.on("response", (response) => {
			answered = true;
			const parts: Buffer[] = [];
			response.on("data", (part: Buffer) => parts.push(part));
			response.on("error", reject);
			response.on("end", () => {
				const body = Buffer.concat(parts);
				resolve({
					status: response.statusCode ?? 0,
					headers: Object.fromEntries(
						Object.entries(response.headersDistinct).map(([name, values]) => [name, values?.join(", ")]),
					),
					rawHeaders: response.rawHeaders,
					body,
					text: body.toString(),
				});
			});
		});
		if (call.chunked && call.body !== undefined) outgoing.write(call.body);
		outgoing.end(call.chunked ? undefined : call.body);
	});
}

/** An agent with exactly one connection that is used again and again. */
export const oneConnection = (): Agent => new Agent({ keepAlive: true, maxSockets: 1 });

/** A JSON-RPC call of a tool. */
export function toolCall(name: string, id: string | number = 1, args: object = {}): Call {
	return {
		method: "POST",
		headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
		body: JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: args } }),
	};
}

/** Opens a connection and writes bytes to it. */
export function open(base: string, bytes: string | Buffer = ""): Socket {
	const { hostname, port } = new URL(base);
	const socket = connect(Number(port), hostname);
	socket.on("error", () => {}); // the other side may cut it, which its end tells
	socket.write(bytes);
	return socket;
}

/** Reads from a connection until what came satisfies `done` (by default: until its end), and returns all of it. */
export function readUntil(socket: Socket, done: (text: string) => boolean = () => false): Promise<string> {
	return new Promise((resolve) => {
		let text = "";
		const finish = () => {
			socket.off("data", take);
			resolve(text);
		};
		const take = (part: Buffer) => {
			text += part.toString("latin1");
			if (done(text)) finish();
		};
		socket.on("data", take);
		socket.once("close", finish);
		if (socket.destroyed) finish();
	});
}

/** Sends bytes on a connection of their own; the answer is complete when its JSON body is, or the connection ends. */
export async function sendRaw(base: string, bytes: string | Buffer): Promise<Answer> {
	const socket = open(base, bytes);
	const past100 = (text: string) => text.replace(/^HTTP\/1.1 100 Continue\r\n\r\n/, "");
	const text = past100(await readUntil(socket, (so) => isComplete(past100(so))));
	socket.destroy();
	const [head = "", ...rest] = text.split("\r\n\r\n");
	const [statusLine = "", ...lines] = head.split("\r\n");
	const body = Buffer.from(rest.join("\r\n\r\n"), "latin1");
	const pairs = lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]);
	return {
		status: Number(statusLine.split(" ")[1]),
		headers: Object.fromEntries(pairs.map(([name, value]) => [name?.toLowerCase(), value])),
		rawHeaders: pairs.flat() as string[],
		body,
		text: body.toString(),
	};
}

/** Whether a raw answer is whole, by its Content-Length or its last chunk. */
export function isComplete(text: string): boolean {
	const end = text.indexOf("\r\n\r\n");
	const head = text.slice(0, end);
	if (end < 0) return false;
	if (/\r\ntransfer-encoding: *chunked/i.test(head)) return text.endsWith("\r\n0\r\n\r\n");
	const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
	return length !== undefined && text.length >= end + 4 + Number(length);
}

/** Checks every field of an error that the gateway made against the catalogue. */
export function expectGatewayError(
	answer: Answer,
	reason: Reason,
	more: { id?: string | number | null; server?: string | null; requestId?: unknown; [key: string]: unknown } = {},
): void {
	const { id = null, server = null, requestId = expect.any(String), ...data } = more;
	const { status, code, message } = catalogue[reason];
	const body = answer.headers["content-type"] === "application/json" ? JSON.parse(answer.text) : answer.text;
	expect({ status: answer.status, type: answer.headers["content-type"], body }).toEqual({
		status,
		type: "application/json",
		body: { jsonrpc: "2.0", id, error: { code, message, data: { reason, server, requestId, ...data } } },
	});
}
