import { type Answer, Connection } from "./connection.ts";
import { initialize, postBytes } from "./mcp-request.ts";
import type { Era } from "./stdio-load-job.ts";

/** Something that makes one call at a time; `done` hears `ok`, or what came instead of the right answer. */
export interface Caller {
	call(done: (outcome: string) => void): void;
	/** Ends its session and connection. */
	close(): Promise<void>;
}

/** The ids of all clients are the same, so that an answer to the wrong one could be taken for the right one but for its text. */
const firstId = 1_000_000;
const revisions = { legacy: "2025-11-25", modern: "2026-07-28" };
const initialized = { jsonrpc: "2.0", method: "notifications/initialized" };

/** A client of a bridge over a keep-alive connection. */
export class StdioClient implements Caller {
	private readonly connection: Connection;
	private readonly path: string;
	private readonly era: Era;
	private readonly name: string;
	private session: string | undefined;
	private id = firstId;
	private request: Buffer = Buffer.alloc(0);
	/** Where in the request its digits are that change with each call. */
	private changing: readonly number[] = [];

	/** `name`: no other client's; as long as those of the others. */
	constructor(to: number | string, path: string, era: Era, name: string) {
		this.connection = new Connection(to);
		this.path = path;
		this.era = era;
		this.name = name;
	}

	/** Starts the session, if there is one. Returns how long `initialize` took in ms; throws what came instead of one. */
	async open(): Promise<number> {
		const sentAt = performance.now();
		if (this.era === "legacy") {
			const answer = await this.connection.request(postBytes(this.path, initialize));
			this.session = /\nmcp-session-id: *(.+)\r?/i.exec(answer?.head ?? "")?.[1]?.trim();
			if (answer?.status !== 200 || this.session === undefined || !answer.body.includes('"result"'))
				throw new Error(outcomeOf(answer));
		}
		const took = performance.now() - sentAt;
		if (this.era === "legacy") {
			const answer = await this.connection.request(postBytes(this.path, initialized, this.session));
			if (answer?.status !== 202) throw new Error(outcomeOf(answer));
		}
		this.request = this.template();
		const first = await new Promise<string>((resolve) => this.call(resolve));
		if (first !== "ok") throw new Error(first);
		return took;
	}

	call(done: (outcome: string) => void): void {
		const digits = String(++this.id);
		for (const at of this.changing) this.request.write(digits, at, "latin1");
		this.connection.send(this.request, (answer) => {
			const right = answer?.status === 200 && isAnswer(answer.body, digits, this.text(digits));
			done(right ? "ok" : outcomeOf(answer));
		});
	}

	async close(): Promise<void> {
		if (this.session !== undefined) {
			const head = [
				`DELETE ${this.path} HTTP/1.1`,
				"host: 127.0.0.1",
				`mcp-protocol-version: ${revisions.legacy}`,
				`mcp-session-id: ${this.session}`,
			];
			await this.connection.request(Buffer.from(`${head.join("\r\n")}\r\n\r\n`));
		}
		this.drop();
	}

	/** Ends the connection; the session is left behind. */
	drop(): void {
		this.connection.close();
	}

	private text(digits: string): string {
		return `${this.name} says ${digits}`;
	}

	private template(): Buffer {
		const digits = String(firstId);
		const modern = {
			"io.modelcontextprotocol/protocolVersion": revisions.modern,
			"io.modelcontextprotocol/clientInfo": initialize.params.clientInfo,
			"io.modelcontextprotocol/clientCapabilities": {},
		};
		const call = {
			jsonrpc: "2.0",
			id: firstId,
			method: "tools/call",
			params: {
				name: "echo",
				arguments: { text: this.text(digits) },
				...(this.era === "modern" ? { _meta: modern } : {}),
			},
		};
		const headers = this.era === "modern" ? ["mcp-method: tools/call", "mcp-name: echo"] : [];
		const bytes = postBytes(this.path, call, this.session, revisions[this.era], headers);
		this.changing = [bytes.indexOf(`"id":${digits}`) + '"id":'.length, bytes.lastIndexOf(digits)];
		return bytes;
	}
}

/** Whether this is the answer to that call: its id, and the text that it was to echo. */
export function isAnswer(body: Buffer, id: string, text: string): boolean {
	return (body.includes(`"id":${id}`) && body.includes(`"text":"${text}"`)) || isAnswerInPieces(body, id, text);
}

/** The same where marks of chunks, or blanks, stand within the message. */
function isAnswerInPieces(body: Buffer, id: string, text: string): boolean {
	const whole = body.toString("latin1").replace(/(^|\r\n)[0-9a-f]+\r\n/gi, "");
	const message = /\{"jsonrpc".*\}/.exec(whole.replaceAll("\r\n", ""))?.[0];
	if (message === undefined) return false;
	try {
		const answer = JSON.parse(message);
		return String(answer.id) === id && answer.result?.content?.[0]?.text === text;
	} catch {
		return false;
	}
}

function outcomeOf(answer: Answer | undefined): string {
	if (answer === undefined) return "connection lost";
	if (answer.status !== 200) return `HTTP ${answer.status}`;
	const code = /"error":\{.*?"code": ?(-?\d+)/.exec(answer.body.toString("latin1"))?.[1];
	return code === undefined ? "wrong" : `error ${code}`;
}
