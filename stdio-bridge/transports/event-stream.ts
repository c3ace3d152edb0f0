import type { ServerResponse } from "node:http";
import type { Seat } from "../pool/contract.ts";
import { Waits } from "./waits.ts";

/** What a client's slowness is told to. */
export type Flow = Pick<Seat, "slow" | "flowing">;

/** Intermediaries end connections on which nothing is said; the official SDK's servers use the same time. */
const keepAlive = new Waits(15_000, 1000);

const eventEnd = Buffer.from("\n\n");

/**
 * One event with a message, whose bytes stay as they are: they hold no newline.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export function messageEvent(message: Buffer, id?: string): Buffer {
	const head = id === undefined ? "event: message\ndata: " : `event: message\nid: ${id}\ndata: `;
	return Buffer.concat([Buffer.from(head), message, eventEnd]);
}

/** The SSE stream of one HTTP response. While the client does not take what is written, the process is not read. */
export class EventStream {
	readonly #response: ServerResponse;
	readonly #flow: Flow;
	#held = false;

	/** @param onClose The connection has ended, whoever ended it. */
	constructor(response: ServerResponse, flow: Flow, onClose: () => void) {
		this.#response = response;
		this.#flow = flow;
		response.writeHead(200, {
			"content-type": "text/event-stream",
			"cache-control": "no-cache, no-transform",
			"x-accel-buffering": "no",
		});
		// A stream without an event yet must still show that it is open.
		response.flushHeaders();
		response.once("close", () => {
			keepAlive.delete(this.#stillThere);
			onClose();
		});
		if (response.destroyed) queueMicrotask(onClose);
		else keepAlive.add(this.#stillThere);
	}

	/** `taken` is called when the event has left this process. */
	write(event: Buffer | string, taken?: () => void): void {
		if (this.#response.destroyed || this.#response.writableEnded) return;
		keepAlive.add(this.#stillThere);
		const more = this.#response.write(event, (error) => {
			if (!error) taken?.();
		});
		if (more || this.#held) return;
		this.#held = true;
		holdWhileFull(this.#response, this.#flow, () => {
			this.#held = false;
		});
	}

	end(): void {
		keepAlive.delete(this.#stillThere);
		this.#response.end();
	}

	/** Cuts the connection: what is not taken yet must not hold up the process any longer. */
	cut(): void {
		this.#response.destroy();
	}

	readonly #stillThere = (): void => this.write(": keepalive\n\n");
}

/** Keeps the process from being read until the client has taken what was written, or has gone. */
export function holdWhileFull(response: ServerResponse, flow: Flow, over?: () => void): void {
	flow.slow();
	const done = () => {
		response.off("drain", done);
		response.off("close", done);
		over?.();
		flow.flowing();
	};
	response.on("drain", done);
	response.on("close", done);
}
