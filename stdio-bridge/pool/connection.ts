import type { Reason } from "../../control-plane/errors/catalogue.ts";
import type { Log } from "../log.ts";
import { errorResponse, response } from "../messages/compose.ts";
import type { Message } from "../messages/message.ts";
import { jsonOf, replaceSpans, textOf } from "../messages/rewrite.ts";
import { scan } from "../messages/scan.ts";
import { type Child, type ChildCommand, type ChildOptions, type Exit, startChild } from "../processes/child.ts";
import { describeExit } from "../processes/exit.ts";
import { LineLimit } from "../processes/rate-limit.ts";
import type { Seat, SeatListener } from "./contract.ts";
import { type Entry, ProcessSeat } from "./seat.ts";
import { Subscriptions } from "./subscriptions.ts";

export interface ConnectionDeps {
	readonly server: string;
	readonly log: Log;
	readonly child: Pick<ChildOptions, "stop" | "guard" | "maxLineBytes" | "onStderrLine">;
	/** The process has ended, or closed its stdout. Calls and seats have heard of it. */
	onEnd(exit: Exit): void;
}

/** Wait for a client that reads nothing while others wait for the same process. */
const stalledMs = 10_000;

/**
 * Calls that wait, at all processes. With more than one what is sent is gathered: each process that wakes up in the
 * middle of a turn takes the processor and its caches from the bridge, which costs more than the wait.
 */
let waiting = 0;

/**
 * One process and the JSON-RPC on its pipes. Requests get ids of our own, since several clients may use the same ones,
 * and a progress token is the id of its request; both are put back in what the process answers.
 */
export class Connection {
	readonly #deps: ConnectionDeps;
	readonly #calls = new Map<number, Entry>();
	readonly #seats = new Set<ProcessSeat>();
	readonly #subscriptions = new Subscriptions<ProcessSeat>();
	/** A process that floods its stdout must cost the operator's disk nothing. */
	readonly #garbage: LineLimit;
	#child: Child | undefined;
	#lastId = 0;
	#full = false;
	#slow = 0;
	#ended = false;
	#shared = false;

	private constructor(deps: ConnectionDeps) {
		this.#deps = deps;
		this.#garbage = new LineLimit(10, (count) =>
			deps.log.warn({ ...this.#fields(), count }, "more lines on stdout that are not JSON-RPC were ignored"),
		);
	}

	/** Starts a process. A program that cannot be run is an answer, not an exception. */
	static async start(
		command: ChildCommand,
		deps: ConnectionDeps,
	): Promise<{ readonly ok: true; readonly connection: Connection } | { readonly ok: false; readonly code: string }> {
		const connection = new Connection(deps);
		const started = await startChild(command, {
			...deps.child,
			onLine: (line, truncated) => connection.#line(line, truncated),
			onEnd: (exit) => connection.#processEnded(exit),
		});
		if (!started.ok) return started;
		connection.#child = started.child;
		return { ok: true, connection };
	}

	get pid(): number {
		return this.#process.pid;
	}

	get startedAt(): number {
		return this.#process.startedAt;
	}

	get seats(): number {
		return this.#seats.size;
	}

	/** Calls that wait for their answers. */
	get calls(): number {
		return this.#calls.size;
	}

	/** No call will be answered any more. */
	get ended(): boolean {
		return this.#ended;
	}

	/** Resolves when no process is left. */
	get gone(): Promise<void> {
		return this.#process.gone;
	}

	/** The process is to serve many clients, so what it says must name the call that it belongs to. Before any seat. */
	share(): void {
		this.#shared = true;
	}

	seat(listener: SeatListener, onLeave: () => void): Seat {
		const seat: ProcessSeat = new ProcessSeat(listener, {
			pid: this.pid,
			send: (bytes) => this.#send(bytes),
			add: (entry) => {
				waiting++;
				this.#calls.set(++this.#lastId, entry);
				return this.#lastId;
			},
			take: (id) => this.#take(id),
			ready: () => (this.#full ? this.#drained() : undefined),
			pause: () => this.#pause(1),
			resume: () => this.#pause(-1),
			stalledMs: this.#shared ? stalledMs : 0,
			subscriptions: this.#shared ? this.#subscriptions : undefined,
			left: () => {
				this.#seats.delete(seat);
				onLeave();
			},
		});
		this.#seats.add(seat);
		// It ended while its taker was being told of it.
		if (this.#ended) queueMicrotask(() => seat.end("process_died", undefined));
		return seat;
	}

	/** Says something on behalf of no client. */
	tell(bytes: Buffer): void {
		this.#send(bytes);
	}

	/** Takes all seats away and stops the process, in the steps that the specification has for it. */
	async stop(reason: Reason = "session_lost", detail?: string): Promise<void> {
		this.#end(reason, detail);
		await this.#process.stop();
		await this.gone;
	}

	get #process(): Child {
		if (this.#child === undefined) throw new Error("the process was not started");
		return this.#child;
	}

	#send(bytes: Buffer): void {
		if (!this.#ended && !this.#process.send(bytes, waiting <= 1)) this.#full = true;
	}

	async #drained(): Promise<void> {
		await this.#process.drained();
		this.#full = false;
	}

	#pause(change: 1 | -1): void {
		this.#slow += change;
		if (this.#slow > 0) this.#process.pause();
		else this.#process.resume();
	}

	#take(id: number): Entry | undefined {
		const entry = this.#calls.get(id);
		if (this.#calls.delete(id)) waiting--;
		entry?.seat.forget(entry.idText);
		return entry;
	}

	/** One line of the process's stdout. */
	#line(line: Buffer, truncated: boolean): void {
		if (this.#ended || line.length === 0) return;
		if (truncated) {
			this.#tooLarge();
			return;
		}
		const scanned = scan(line);
		if (scanned.ok) for (const message of scanned.messages) this.#message(message);
		else if (scanned.fault === "invalid" && this.#badAnswer(line, scanned.detail)) return;
		else if (this.#garbage.pass()) {
			const text = line.toString("utf8", 0, 200);
			const { detail } = scanned;
			this.#deps.log.warn({ ...this.#fields(), text, detail }, "a line on stdout is not a JSON-RPC message; ignored");
		}
	}

	#message(message: Message): void {
		if (message.kind === "response") {
			this.#answer(message);
			return;
		}
		const { subscriptionId, progressToken } = message;
		if (message.kind === "notification" && subscriptionId !== undefined) {
			const entry = this.#calls.get(Number(textOf(message, subscriptionId)));
			// One that has been cancelled may have said its last words meanwhile.
			entry?.listener.onMessage(replaceSpans(message.bytes, [{ span: subscriptionId, text: entry.id }]));
		} else if (message.method === "notifications/progress" && progressToken !== undefined) {
			const entry = this.#calls.get(Number(textOf(message, progressToken)));
			if (entry?.token === undefined) return;
			entry.listener.onMessage(replaceSpans(message.bytes, [{ span: progressToken, text: entry.token }]));
		} else if (message.method === "notifications/cancelled" && this.#subscriptionOver(message)) return;
		else if (this.#shared) this.#unaddressed(message);
		else for (const seat of this.#seats) seat.listener.onMessage(message.bytes, message);
	}

	#answer(message: Message): void {
		const { id, bytes, errorCode } = message;
		const entry = id === undefined ? undefined : this.#take(Number(textOf(message, id)));
		if (id === undefined || entry === undefined) return;
		const edits = [{ span: id, text: entry.id }];
		// The answer that ends a subscription names it a second time.
		if (message.subscriptionId !== undefined) edits.push({ span: message.subscriptionId, text: entry.id });
		entry.listener.onAnswer(replaceSpans(bytes, edits), errorCode);
	}

	/** An answer that is none of JSON-RPC's must not leave its call waiting for ever. */
	#badAnswer(line: Buffer, detail: string): boolean {
		const { id, method }: { id?: unknown; method?: unknown } = JSON.parse(line.toString()) ?? {};
		const entry = typeof id === "number" && method === undefined ? this.#take(id) : undefined;
		entry?.listener.onFailure("internal", `The server's answer is not a JSON-RPC response: ${detail}`);
		return entry !== undefined;
	}

	/** What a process of many clients says without naming the one that it is for. */
	#unaddressed(message: Message): void {
		const { method, kind, bytes, id } = message;
		if (kind === "request" && id !== undefined) {
			const answer =
				method === "ping"
					? response(textOf(message, id), "{}")
					: errorResponse(textOf(message, id), -32601, "This process serves many clients; it cannot ask one of them.");
			this.#send(answer);
			return;
		}
		if (method === "notifications/resources/updated") {
			const params = message.params && (jsonOf(message, message.params) as { uri?: unknown });
			for (const seat of this.#subscriptions.of(String(params?.uri))) seat.listener.onMessage(bytes, message);
		} else if (method.endsWith("/list_changed")) {
			for (const seat of this.#seats) seat.listener.onMessage(bytes, message);
		} else this.#onlyCaller()?.listener.onMessage(bytes, message);
	}

	/** The process ends a subscription by itself, which only 2026-07-28 has; the id is one of ours. */
	#subscriptionOver(message: Message): boolean {
		const { requestId, bytes } = message;
		const id = requestId && Number(textOf(message, requestId));
		if (requestId === undefined || id === undefined || this.#calls.get(id)?.subscription !== true) return false;
		const entry = this.#take(id);
		entry?.listener.onMessage(replaceSpans(bytes, [{ span: requestId, text: entry.id }]));
		entry?.listener.onCancelled();
		return true;
	}

	/**
	 * The one client with a call in flight that may have caused a log message. With two of them, what one would read
	 * might be the other's, so it goes to neither.
	 */
	#onlyCaller(): ProcessSeat | undefined {
		let only: ProcessSeat | undefined;
		for (const { seat, logs } of this.#calls.values()) {
			if (!logs) continue;
			if (only !== undefined && seat !== only) return undefined;
			only = seat;
		}
		return only;
	}

	/** Which call a message answers cannot be told without reading it, so all of them learn of it. */
	#tooLarge(): void {
		const detail = `The server sent a message of more than ${this.#deps.child.maxLineBytes} bytes.`;
		this.#deps.log.warn(this.#fields(), detail);
		for (const id of [...this.#calls.keys()]) this.#take(id)?.listener.onFailure("internal", detail);
	}

	#processEnded(exit: Exit): void {
		this.#garbage.end();
		this.#end("process_died", describeExit(exit));
		this.#deps.onEnd(exit);
	}

	#end(reason: Reason, detail: string | undefined): void {
		if (this.#ended) return;
		this.#ended = true;
		for (const id of [...this.#calls.keys()]) this.#take(id)?.listener.onFailure(reason, detail);
		for (const seat of [...this.#seats]) seat.end(reason, detail);
	}

	#fields() {
		return { server: this.#deps.server, pid: this.#child?.pid };
	}
}
