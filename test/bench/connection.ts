import { connect, type Socket } from "node:net";

/** An answer: its status, its head as text, and its body. */
export interface Answer {
	readonly status: number;
	readonly head: string;
	/** As it came, with the marks of its chunks where it has some. */
	readonly body: Buffer;
}

const endOfHead = Buffer.from("\r\n\r\n");
const lastChunk = Buffer.from("\r\n0\r\n\r\n");

/**
 * A keep-alive HTTP/1.1 connection for one request at a time, given as finished bytes: it costs a fraction of what
 * node:http does, so the client does not become the bottleneck. Takes answers that declare
 * their length or come in chunks.
 */
export class Connection {
	private readonly to: number | string;
	private socket: Socket | undefined;
	private rest: Buffer | undefined;
	private done: ((answer: Answer | undefined) => void) | undefined;

	/** `to`: a port of this machine, or the path of a Unix socket. */
	constructor(to: number | string) {
		this.to = to;
	}

	/** Sends a request; `done` gets the answer, or undefined where the connection broke. The next one opens it anew. */
	send(request: Buffer, done: (answer: Answer | undefined) => void): void {
		this.done = done;
		this.socket ??= this.open();
		this.socket.write(request);
	}

	/** {@link send} as a promise. */
	request(request: Buffer): Promise<Answer | undefined> {
		return new Promise((resolve) => this.send(request, resolve));
	}

	close(): void {
		this.done = undefined;
		this.socket?.destroy();
		this.socket = undefined;
	}

	private open(): Socket {
		const where = typeof this.to === "string" ? { path: this.to } : { port: this.to, host: "127.0.0.1" };
		const socket = connect({ ...where, noDelay: true });
		socket.on("data", (chunk) => this.read(chunk));
		socket.on("error", () => {});
		socket.on("close", () => {
			if (this.socket !== socket) return;
			this.socket = undefined;
			this.rest = undefined;
			this.finish(undefined);
		});
		return socket;
	}

	private read(chunk: Buffer): void {
		const all = this.rest === undefined ? chunk : Buffer.concat([this.rest, chunk]);
		this.rest = all;
		const headEnd = all.indexOf(endOfHead);
		if (headEnd === -1) return;
		const head = all.toString("latin1", 0, headEnd);
		const length = /\ncontent-length: *(\d+)/i.exec(head)?.[1];
		const bodyStart = headEnd + endOfHead.length;
		if (length !== undefined) {
			if (all.length < bodyStart + Number(length)) return;
		} else if (/\ntransfer-encoding: *chunked/i.test(head)) {
			if (!all.subarray(-lastChunk.length).equals(lastChunk)) return;
		} else throw new Error(`an answer without length or chunks:\n${head}`);
		this.rest = undefined;
		// Envoy ends the connection when it answers before it has read the whole request, as for an unknown server.
		if (/\nconnection: *close/i.test(head)) {
			this.socket?.destroy();
			this.socket = undefined;
		}
		this.finish({ status: Number(head.slice(9, 12)), head, body: all.subarray(bodyStart) });
	}

	private finish(answer: Answer | undefined): void {
		const done = this.done;
		this.done = undefined;
		done?.(answer);
	}
}
