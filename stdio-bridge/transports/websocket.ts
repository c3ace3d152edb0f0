import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { catalogue, type Reason } from "../../control-plane/errors/catalogue.ts";
import { errorResponse } from "../messages/compose.ts";
import { scan } from "../messages/scan.ts";
import { type AnswerContext, errorMessage, requestIdOf } from "./answer.ts";
import { DuplexSession } from "./duplex.ts";
import { type Served, serverOf, type TransportDeps } from "./http.ts";

/** What the official SDK's client asks for. */
const subprotocol = "mcp";
/** How often a client whose messages wait is looked after. */
const lookMs = 15_000;
/** With so much unsent the process is not read. */
const fullBytes = 1024 * 1024;

/** https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number */
const goingAway = 1001;
const unsupportedData = 1003;
const serverGone = 1011;
/** A close frame has no room for more. */
const maxCloseReason = 123;

/**
 * MCP over WebSocket, which no revision describes: one connection is one session, one text frame one message. The
 * official SDK (v1) has a client of it.
 */
export class WebSockets {
	readonly #deps: TransportDeps;
	readonly #server: WebSocketServer;

	constructor(deps: TransportDeps) {
		this.#deps = deps;
		this.#server = new WebSocketServer({
			noServer: true,
			maxPayload: deps.maxBodyBytes,
			perMessageDeflate: false,
			// Pongs count as what the client has not taken yet.
			autoPong: false,
			handleProtocols: () => subprotocol,
		});
	}

	/** Answers a request to speak WebSocket. */
	upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
		const server = serverOf(request.url ?? "/");
		const pool = server === undefined ? undefined : this.#deps.pool(server);
		const context: AnswerContext = { server, requestId: requestIdOf(request) };
		const offered = request.headers["sec-websocket-protocol"]?.split(",").map((name) => name.trim());
		if (!this.#deps.serving()) refuse(socket, "server_unavailable", context);
		else if (pool === undefined) refuse(socket, "unknown_server", context);
		else if (offered !== undefined && !offered.includes(subprotocol)) {
			refuse(socket, "bad_request", { ...context, detail: `The WebSocket subprotocol is \`${subprotocol}\`.` });
		} else {
			this.#server.handleUpgrade(request, socket, head, (client) => this.#serve(client, pool, context));
		}
	}

	/** Cuts the connections that are left. */
	terminate(): void {
		for (const client of this.#server.clients) client.terminate();
	}

	#serve(client: WebSocket, pool: Served, context: AnswerContext): void {
		let full = false;
		const sent = () => {
			if (!full || client.bufferedAmount > 0) return;
			full = false;
			session.flowing();
		};
		/** Called after something was sent. */
		const holdIfFull = () => {
			if (full || client.bufferedAmount < fullBytes) return;
			full = true;
			session.slow();
		};
		const send = (message: Buffer) => {
			client.send(message, { binary: false }, sent);
			holdIfFull();
		};
		let look: NodeJS.Timeout | undefined;
		const readWhenReady = () => {
			const ready = session.ready();
			if (ready === undefined || client.isPaused) return;
			client.pause();
			// A socket that is not read does not tell that its client has gone; one that is written to does.
			look = setInterval(() => client.ping(), lookMs).unref();
			void ready.then(() => {
				clearInterval(look);
				client.resume();
				readWhenReady();
			});
		};
		const session: DuplexSession = new DuplexSession({
			pool,
			current: () => this.#deps.pool(pool.server.id),
			log: this.#deps.log,
			context,
			send,
			onEnd: (reason, detail) => close(client, reason, detail),
		});
		client.on("message", (data: RawData, binary: boolean) => {
			if (binary) return client.close(unsupportedData, "Messages of MCP are text.");
			// With the default `binaryType` a message is one Buffer.
			const scanned = scan(data as Buffer);
			if (scanned.ok) for (const message of scanned.messages) session.receive(message);
			else send(errorResponse("null", scanned.fault === "parse" ? -32700 : -32600, scanned.detail));
			readWhenReady();
		});
		client.on("ping", (data: Buffer) => {
			client.pong(data, false, sent);
			holdIfFull();
			readWhenReady();
		});
		client.on("close", () => {
			clearInterval(look);
			session.close();
		});
		// Too large, or not WebSocket: the library has closed the connection with the code for it.
		client.on("error", (error) => this.#deps.log.debug({ server: context.server, err: error }, "WebSocket"));
	}
}

function close(client: WebSocket, reason: Reason, detail: string | undefined): void {
	const text = Buffer.from(detail === undefined ? reason : `${reason}: ${detail}`);
	// A character that was cut through becomes U+FFFD.
	const cut = text
		.subarray(0, maxCloseReason)
		.toString()
		.replace(/\ufffd+$/, "");
	client.close(reason === "session_lost" ? goingAway : serverGone, cut);
}

function refuse(socket: Duplex, reason: Reason, context: AnswerContext): void {
	const { status } = catalogue[reason];
	const body = errorMessage(reason, context);
	const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n`;
	socket.on("error", () => {});
	socket.end(Buffer.concat([Buffer.from(`${head}connection: close\r\n\r\n`), body]));
}
