import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import type { Reason } from "../control-plane/errors/catalogue.ts";
import type { StdioServer } from "../control-plane/registry/model.ts";
import type { Log } from "./log.ts";
import type { Id } from "./message.ts";
import { type Child, type StopTimes, startChild } from "./processes/child.ts";
import { type Expand, resolveCommand } from "./processes/command.ts";
import type { Guard } from "./processes/guard.ts";
import { type Opening, Session } from "./session.ts";
import type { Counters, PoolStatus, ProcessStatus } from "./status.ts";

export interface PoolDeps {
	readonly log: Log;
	readonly expand: Expand;
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly guard: Guard;
	readonly stop: StopTimes;
	readonly maxMessageBytes: number;
	/** Counters of this server. */
	readonly counters: Counters;
	/** A session that has ended can no longer be found. */
	onSessionEnd(session: Session): void;
}

export type OpenResult =
	| { readonly ok: true; readonly session: Session; readonly answer: JSONRPCMessage }
	/** The process refused `initialize`; its own error is the answer. */
	| { readonly ok: "refused"; readonly answer: JSONRPCMessage }
	| { readonly ok: false; readonly reason: Reason; readonly detail: string | undefined };

/** The sessions of one server under one definition, each with a process. */
export class Pool {
	readonly server: StdioServer;
	readonly #deps: PoolDeps;
	/** Starting and open sessions. */
	readonly #sessions = new Set<Session>();
	/** Ended sessions whose process is not gone yet; they count against `max`, so that it bounds processes too. */
	readonly #stopping = new Map<Session, Promise<void>>();
	#retired = false;

	constructor(server: StdioServer, deps: PoolDeps) {
		this.server = server;
		this.#deps = deps;
	}

	status(): PoolStatus {
		const processOf = ({ child, opened, inFlight }: Session, stopping: boolean): readonly ProcessStatus[] => {
			if (!child) return [];
			const state = stopping ? "stopping" : opened ? "ready" : "starting";
			const startedAt = new Date(child.startedAt).toISOString();
			return [{ pid: child.pid, state, startedAt, seats: stopping ? 0 : 1, calls: inFlight }];
		};
		return {
			sessions: this.#sessions.size,
			processes: [
				...[...this.#sessions].flatMap((session) => processOf(session, false)),
				...[...this.#stopping.keys()].flatMap((session) => processOf(session, true)),
			],
			waiting: 0,
			...(this.#deps.counters.lastFailure !== undefined && this.#sessions.size === 0 && { unhealthy: {} }),
		};
	}

	/** Starts a process and gives it `initialize`; the session is there once the process has answered. */
	async open(initialize: Record<string, unknown>, id: Id, signal: AbortSignal): Promise<OpenResult> {
		const { pool, id: server } = this.server;
		while (this.#sessions.size + this.#stopping.size >= pool.max) {
			if (this.#sessions.size >= pool.max) {
				return { ok: false, reason: "too_many_sessions", detail: `pool.max is ${pool.max}.` };
			}
			await Promise.race(this.#stopping.values());
			if (this.#retired) return { ok: false, reason: "server_unavailable", detail: undefined };
		}
		const { log, maxMessageBytes } = this.#deps;
		const session = new Session({
			id: randomUUID(),
			server,
			log,
			idleTimeoutMs: pool.idleTimeoutMs,
			maxMessageBytes,
			onEnd: (ended, reason) => this.#ended(ended, reason),
		});
		this.#sessions.add(session);
		const startedAt = performance.now();
		const opening = await this.#start(session, initialize, id, signal);
		if (!opening.answered) {
			if (opening.reason !== "server_unavailable" && !signal.aborted) this.#failed(opening.reason, opening.detail);
			void session.end("server_unavailable");
			return { ok: false, reason: opening.reason, detail: opening.detail };
		}
		if ("error" in opening.message) {
			void session.end("session_lost");
			return { ok: "refused", answer: opening.message };
		}
		this.#deps.counters.startSeconds.observe((performance.now() - startedAt) / 1000);
		// A start that works is the end of that failure.
		delete this.#deps.counters.lastFailure;
		log.info({ server, pid: session.child?.pid }, "session started");
		return { ok: true, session, answer: opening.message };
	}

	/** Takes no new session, and ends the ones there are once `graceMs` have passed or, if so asked, when quiet. */
	async retire(graceMs: number, when: "quiet" | "grace"): Promise<void> {
		this.#retired = true;
		const ended = [...this.#sessions].map(async (session) => {
			if (when === "grace") await overOr(session, graceMs);
			await session.drain(when === "grace" ? 0 : graceMs, "session_lost");
		});
		await Promise.all([...ended, ...this.#stopping.values()]);
	}

	async #start(session: Session, initialize: Record<string, unknown>, id: Id, signal: AbortSignal): Promise<Opening> {
		const { log, expand, env, guard, stop, maxMessageBytes, counters } = this.#deps;
		const failed = (detail: string): Opening => ({ answered: false, reason: "process_failed_to_start", detail });
		const resolved = await resolveCommand(this.server, expand, env);
		if (!resolved.ok) return failed(resolved.problem);
		if (session.ended) return { answered: false, reason: "server_unavailable", detail: undefined };
		counters.starts++;
		const server = this.server.id;
		const started = await startChild(resolved.command, {
			stop,
			guard,
			maxLineBytes: maxMessageBytes,
			onLine: (line, truncated) => session.line(line, truncated),
			onStderrLine: (line, pid) => log.info({ server, pid, stream: "stderr" }, line),
			onEnd: (exit) => session.processEnded(exit),
		});
		// The template, not its value: what is put into it may be a secret.
		if (!started.ok) return failed(`The program \`${this.server.command[0]}\` cannot be run: ${started.code}.`);
		if (session.ended) {
			this.#stop(session, started.child);
			return { answered: false, reason: "server_unavailable", detail: undefined };
		}
		return session.open(started.child, initialize, id, this.server.pool.startTimeoutMs, signal);
	}

	#ended(session: Session, reason: Reason): void {
		if (!this.#sessions.delete(session)) return;
		if (reason === "process_died") {
			this.#deps.counters.deaths++;
			this.#deps.log.warn({ server: this.server.id, pid: session.child?.pid }, "process ended; its session is lost");
		}
		if (session.child) this.#stop(session, session.child);
		this.#deps.onSessionEnd(session);
	}

	#stop(session: Session, child: Child): void {
		this.#stopping.set(
			session,
			child.stop().then(() => void this.#stopping.delete(session)),
		);
	}

	#failed(reason: Reason, detail = ""): void {
		const { counters, log } = this.#deps;
		counters.startFailures++;
		counters.lastFailure = { at: new Date().toISOString(), reason, detail };
		log.error({ server: this.server.id, reason, detail }, "the server's process could not be started");
	}
}

/** Resolves when the session has ended by itself or `graceMs` have passed. */
async function overOr(session: Session, graceMs: number): Promise<void> {
	const over = new AbortController();
	await Promise.race([session.over, sleep(graceMs, undefined, { signal: over.signal }).catch(() => {})]);
	over.abort();
}
