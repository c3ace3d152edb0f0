import type { ServerResponse } from "node:http";
import { catalogue, type Reason } from "../../control-plane/errors/catalogue.ts";
import type { Message } from "../messages/message.ts";
import { textOf } from "../messages/rewrite.ts";
import type { CallListener, Seat } from "../pool/contract.ts";
import { type AnswerContext, errorMessage, sendBytes } from "./answer.ts";
import type { EventLog } from "./event-log.ts";
import { holdWhileFull } from "./event-stream.ts";
import { ResumableStream } from "./resumable-stream.ts";
import { Waits } from "./waits.ts";

/** An answer that is there so soon is plain JSON. */
const plainAnswers = new Waits(50, 25);
/** From here on a client may take long to receive an answer. */
const largeAnswer = 64 * 1024;

export interface ExchangeOptions {
	readonly response: ServerResponse;
	readonly seat: Seat;
	readonly log: EventLog<ResumableStream>;
	readonly context: AnswerContext;
	/** The body was an array, and so is the answer. */
	readonly batch: boolean;
	/** See {@link ResumableStream}. */
	readonly primed: boolean;
	/** The client would rather have a stream. */
	readonly stream: boolean;
	/** Its stream is open, or open again. */
	onOpen(): void;
	/** The client has gone. */
	onClose(): void;
	/** All calls are over. */
	onDone(exchange: Exchange): void;
}

/**
 * A POST with requests, and its answer: JSON if the process's answers are the first that there is to say and come soon,
 * else an SSE stream, which goes on in other HTTP responses when the client resumes it.
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server
 */
export class Exchange {
	readonly #options: ExchangeOptions;
	/** As they are spelled; the requests may be large, and long gone when their answers come. */
	readonly #ids: (string | undefined)[] = [];
	/** In the order of the requests; undefined is still to come, null has been sent or will never be. */
	readonly #answers: (Buffer | null | undefined)[] = [];
	#left = 0;
	/** That of a plain answer: 200 but where there are failures alone; undefined while nothing was answered. */
	#status: number | undefined;
	#stream: ResumableStream | undefined;
	/** The client has gone and knows no event from which it could go on. */
	#lost = false;

	constructor(options: ExchangeOptions) {
		this.#options = options;
		options.response.once("close", this.#closed);
	}

	/** Whether a client is connected and waits for answers. */
	get open(): boolean {
		return this.#left > 0 && !this.#lost && (this.#stream?.connected ?? true);
	}

	/** Sends the requests to the process. */
	start(requests: readonly Message[]): void {
		const { seat, stream } = this.#options;
		this.#left = requests.length;
		for (const request of requests) {
			this.#ids.push(request.id && textOf(request, request.id));
			this.#answers.push(undefined);
		}
		requests.forEach((request, index) => {
			seat.call(request, this.#listener(index));
		});
		if (stream) this.#openStream();
		else plainAnswers.add(this.#openStream);
	}

	/** Says something before the answer. */
	send(message: Buffer): void {
		this.#openStream();
		if (!this.#lost) this.#stream?.send(message, false);
	}

	/** Answers what has no answer yet: there will be none of the process. */
	fail(reason: Reason, detail: string | undefined): void {
		this.#answers.forEach((answer, index) => {
			if (answer === undefined) this.#fail(index, reason, detail);
		});
	}

	#listener(index: number): CallListener {
		return {
			onMessage: (bytes) => this.send(bytes),
			onAnswer: (bytes) => this.#answer(index, bytes, 200),
			onFailure: (reason, detail) => this.#fail(index, reason, detail),
			onCancelled: () => this.#over(index, null),
		};
	}

	#fail(index: number, reason: Reason, detail: string | undefined): void {
		const error = errorMessage(reason, { ...this.#options.context, idText: this.#ids[index], detail });
		this.#answer(index, error, catalogue[reason].status);
	}

	#answer(index: number, bytes: Buffer, status: number): void {
		this.#status = Math.min(this.#status ?? status, status);
		if (this.#stream !== undefined && !this.#lost) this.#stream.send(bytes, true);
		this.#over(index, this.#stream === undefined ? bytes : null);
	}

	/** @param answer What is to be sent. */
	#over(index: number, answer: Buffer | null): void {
		this.#answers[index] = answer;
		this.#left--;
		if (this.#left > 0) return;
		this.#options.onDone(this);
		if (this.#stream === undefined) this.#answerPlain();
		// What was taken back has no answer, and a client that came back for one would do so for ever.
		else if (this.#status === undefined) this.#stream.drop();
		else this.#stream.finish();
	}

	#answerPlain(): void {
		plainAnswers.delete(this.#openStream);
		const { response, batch, seat } = this.#options;
		if (this.#lost || response.destroyed) return;
		response.off("close", this.#closed);
		const answers = this.#answers.filter((answer) => answer !== null && answer !== undefined);
		const [first] = answers;
		if (first === undefined) {
			response.writeHead(202, { "content-length": 0 }).end();
			return;
		}
		const body = batch ? arrayOf(answers) : first;
		sendBytes(response, this.#status ?? 200, body);
		if (body.length >= largeAnswer && !response.destroyed) holdWhileFull(response, seat);
	}

	readonly #openStream = (): void => {
		if (this.#stream !== undefined || this.#lost || this.#left === 0) return;
		plainAnswers.delete(this.#openStream);
		const { response, log, seat, primed, onOpen } = this.#options;
		response.off("close", this.#closed);
		const stream = new ResumableStream({ log, flow: seat, primed, onOpen, onClose: this.#streamClosed });
		this.#stream = stream;
		stream.connect(response);
		this.#answers.forEach((answer, index) => {
			if (answer) stream.send(answer, true);
			if (answer !== undefined) this.#answers[index] = null;
		});
	};

	readonly #closed = (): void => {
		plainAnswers.delete(this.#openStream);
		this.#lost = true;
		this.#options.onClose();
	};

	readonly #streamClosed = (): void => {
		if (this.#left > 0 && this.#stream?.resumable === false) {
			this.#lost = true;
			this.#stream.drop();
		}
		this.#options.onClose();
	};
}

function arrayOf(messages: readonly Buffer[]): Buffer {
	const parts = messages.flatMap((message, index) => [Buffer.from(index === 0 ? "[" : ","), message]);
	return Buffer.concat([...parts, Buffer.from("]")]);
}
