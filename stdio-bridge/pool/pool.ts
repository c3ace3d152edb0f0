import { setTimeout as sleep } from "node:timers/promises";
import type { StdioServer } from "../../control-plane/registry/model.ts";
import type { Message } from "../messages/message.ts";
import { replaceSpans } from "../messages/rewrite.ts";
import type { PoolStatus, ProcessState } from "../status.ts";
import type { Connection } from "./connection.ts";
import {
	type Failure,
	type OpenedSession,
	type ProcessPool,
	type Seat,
	type SeatListener,
	type Slots,
	type TakenSeat,
	unavailable,
} from "./contract.ts";
import { declaresCapabilities, idOf } from "./handshake.ts";
import { Leases } from "./leases.ts";
import { openLegacy, openModern, openOwn } from "./opening.ts";
import { openOrTryAgain } from "./second-try.ts";
import { type Opened, SharedProcesses } from "./shared-processes.ts";
import { type Started, type StartedProcess, Starter, type StarterDeps } from "./starter.ts";
import { Warm } from "./warm.ts";

export interface PoolDeps extends Omit<StarterDeps, "server" | "slots" | "onChange"> {
	readonly processSlots: Slots;
	/** Left out: sessions are bounded by processes alone. */
	readonly sessionSlots?: Slots;
	/** Processes that this worker keeps started. */
	readonly min: number;
	/** Shared processes of this worker at the most, for each era; left out: the server's `maxShared`. */
	readonly maxShared?: number;
}

/** So long a server that ended on `server/discover` is taken for one that does not know it. */
const legacyMs = 60_000;
/** From the taking of a warm process to the start of the next: by then who took it has its first answer. */
const refillMs = 50;
/** The processes of one stdio server under one definition of it, and the clients at them. */
export class Pool implements ProcessPool {
	readonly server: StdioServer;
	readonly #deps: PoolDeps;
	readonly #starter: Starter;
	readonly #warm: Warm;
	readonly #legacy: SharedProcesses;
	readonly #modern: SharedProcesses;
	readonly #leases: Leases;
	/** Seats of sessions. */
	readonly #sessions = new Set<Seat>();
	readonly #waiting = new Set<object>();
	/** Opens the process of many: the first client's revision is that of all who share it. */
	#firstInitialize: Message | undefined;
	/** Until then the server is known not to speak 2026-07-28. */
	#legacyUntil = 0;
	/** A process of it does. */
	#modernKnown = false;
	#refill: NodeJS.Timeout | undefined;
	/** Ends the waits of those that came before the pool was retired. */
	readonly #closed = new AbortController();

	constructor(server: StdioServer, deps: PoolDeps) {
		const { mode, idleTimeoutMs, startTimeoutMs } = server.pool;
		this.server = server;
		this.#deps = deps;
		this.#starter = new Starter({ ...deps, server, slots: deps.processSlots, onChange: () => this.#maintain() });
		this.#warm = new Warm(this.#starter);
		const shared = {
			starter: this.#starter,
			start: (signal: AbortSignal, queue: boolean) => this.#process(signal, queue),
			max: deps.maxShared ?? server.pool.maxShared,
			min: mode === "shared" ? deps.min : 0,
			idleTimeoutMs,
			startTimeoutMs,
			wanted: () => deps.processSlots.wanted,
		};
		this.#legacy = new SharedProcesses({
			...shared,
			open: async (process, timeoutMs) =>
				this.#firstInitialize === undefined ? unavailable : openLegacy(process, this.#firstInitialize, timeoutMs),
		});
		this.#modern = new SharedProcesses({
			...shared,
			open: (process, timeoutMs) => this.#openModern(process, timeoutMs),
		});
		this.#leases = new Leases(idleTimeoutMs, (connection) => void this.#starter.stop(connection));
		deps.processSlots.onWanted = () => this.#giveUpOne();
		deps.processSlots.onFree = () => this.#maintain();
		this.#maintain();
	}

	async openSession(initialize: Message, listener: SeatListener, signal: AbortSignal): Promise<OpenedSession> {
		if (this.#retired) return unavailable;
		const slot = (await this.#deps.sessionSlots?.acquire(signal, false)) ?? "ok";
		if (slot !== "ok") {
			return { ok: false, reason: "too_many_sessions", detail: `pool.maxSessions is ${this.server.pool.maxSessions}.` };
		}
		const shared = this.server.pool.mode === "shared" && !declaresCapabilities(initialize);
		let held = true;
		// A seat that was taken for a session which did not come about has given it back already.
		const release = () => {
			if (held) this.#deps.sessionSlots?.release();
			held = false;
		};
		const opened = await (shared
			? this.#shareSession(initialize, listener, signal, release)
			: this.#ownSession(initialize, listener, signal, release));
		if (opened.ok !== true) release();
		return opened;
	}

	async takeSeat(listener: SeatListener, signal: AbortSignal): Promise<TakenSeat> {
		if (this.#retired) return unavailable;
		if (performance.now() < this.#legacyUntil) return { ok: "legacy" };
		if (this.server.pool.mode === "session") return this.#lease(listener, signal);
		const taken = await this.#wait(() => this.#modern.take(signal));
		if (taken === "aborted") return { ok: false, reason: "session_lost", detail: undefined };
		if (taken.ok === "refused") return unavailable;
		if (taken.ok === "legacy") return { ok: "legacy" };
		if (taken.ok !== true) return taken;
		const { shared } = taken;
		return { ok: true, seat: shared.connection.seat(listener, () => this.#modern.left(shared)) };
	}

	status(): PoolStatus {
		const processes = [...this.#starter.processes].map(([connection, state]) => ({
			pid: connection.pid,
			state: this.#stateOf(connection, state),
			startedAt: new Date(connection.startedAt).toISOString(),
			seats: connection.seats,
			calls: connection.calls,
		}));
		const waitMs = this.#starter.waitMs;
		const next = waitMs === undefined || this.#deps.min === 0 ? undefined : new Date(Date.now() + waitMs).toISOString();
		return {
			sessions: this.#sessions.size,
			processes,
			waiting: this.#waiting.size,
			...(waitMs !== undefined && { unhealthy: next === undefined ? {} : { nextTryAt: next } }),
		};
	}

	/**
	 * Takes nobody any more. `grace`: sessions go on until they end by themselves or `graceMs` have passed; `quiet`: they
	 * end once no call is in flight, after `graceMs` at the latest. Resolves when no process is left.
	 */
	async retire(graceMs: number, when: "quiet" | "grace"): Promise<void> {
		this.#closed.abort();
		for (const part of [this.#warm, this.#legacy, this.#modern, this.#leases]) part.close();
		const busy = (connection: Connection) => (when === "grace" ? connection.seats : connection.calls) > 0;
		const all = () => [...this.#starter.processes.keys()];
		const deadline = performance.now() + graceMs;
		const ended = new Map<Connection, Promise<void>>();
		while (all().some((connection) => !ended.has(connection))) {
			const late = performance.now() >= deadline;
			for (const connection of all()) {
				if (!ended.has(connection) && (late || !busy(connection)))
					ended.set(connection, this.#starter.stop(connection));
			}
			await Promise.race([sleep(20), Promise.all(ended.values())]);
			if (all().every((connection) => ended.has(connection))) break;
			await sleep(20);
		}
		await Promise.all(ended.values());
	}

	/** A session with a process of its own. */
	async #ownSession(
		initialize: Message,
		listener: SeatListener,
		signal: AbortSignal,
		release: () => void,
	): Promise<OpenedSession> {
		const started = await this.#start(signal);
		if (!started.ok) return started;
		const seat = (connection: Connection, heard: SeatListener, onLeave: () => void) =>
			this.#sessionSeat(connection, heard, () => {
				onLeave();
				void this.#starter.stop(connection);
			});
		const opened = await this.#orTryAgain(started.process, signal, (process, timeoutMs) =>
			openOwn(process, timeoutMs, { initialize, listener, signal, seat, onOver: release }),
		);
		if (opened.ok === true) this.#deps.log.info({ server: this.server.id, pid: opened.seat.pid }, "session started");
		return opened;
	}

	/** A session at a process of many. */
	async #shareSession(
		initialize: Message,
		listener: SeatListener,
		signal: AbortSignal,
		release: () => void,
	): Promise<OpenedSession> {
		this.#firstInitialize = initialize;
		const taken = await this.#wait(() => this.#legacy.take(signal));
		if (taken === "aborted") return { ok: false, reason: "session_lost", detail: undefined };
		if (taken.ok === "legacy") return unavailable;
		if (!taken.ok) return taken;
		const given = taken.ok === "refused" ? taken.answer : taken.shared.answer;
		if (given?.id === undefined) return unavailable;
		const answer = replaceSpans(given.bytes, [{ span: given.id, text: idOf(initialize) }]);
		if (taken.ok === "refused") return { ok: "refused", answer, errorCode: given.errorCode };
		const { shared } = taken;
		const seat = this.#sessionSeat(shared.connection, listener, () => {
			release();
			this.#legacy.left(shared);
		});
		return { ok: true, seat, answer };
	}

	/** Remembers whether the server speaks 2026-07-28. */
	async #openModern(process: StartedProcess, timeoutMs: number): Promise<Opened> {
		const opened = await openModern(process, timeoutMs, this.#modernKnown);
		if (opened.ok === true) this.#modernKnown = true;
		else if (opened.ok === "legacy")
			this.#legacyUntil = opened.ended ? performance.now() + legacyMs : Number.POSITIVE_INFINITY;
		return opened;
	}

	/** A process for one stateless request alone. */
	async #lease(listener: SeatListener, signal: AbortSignal): Promise<TakenSeat> {
		const lease = (connection: Connection): TakenSeat => ({
			ok: true,
			seat: connection.seat(listener, () => this.#leases.giveBack(connection, this.#deps.processSlots.wanted)),
		});
		const idle = this.#leases.take();
		if (idle !== undefined) return lease(idle);
		const enough = new AbortController();
		const signals = AbortSignal.any([signal, enough.signal]);
		const start = this.#start(signals);
		const next = this.#leases.next(signals);
		const first = await Promise.race([start, next]);
		enough.abort();
		if (!("ok" in first)) {
			// The start may have come about all the same.
			void start.then((late) => {
				if (late.ok) void this.#starter.stop(late.process.connection);
			});
			return lease(first);
		}
		// Both may have come in one turn.
		void next.then((connection) => this.#leases.giveBack(connection, this.#deps.processSlots.wanted));
		if (!first.ok) return first;
		const opened = await this.#orTryAgain(first.process, signal, (...of) => this.#openModern(...of));
		if (opened.ok === true) return lease(opened.shared.connection);
		if (opened.ok === "refused") return unavailable;
		return opened.ok === "legacy" ? { ok: "legacy" } : opened;
	}

	get #retired(): boolean {
		return this.#closed.signal.aborted;
	}

	#sessionSeat(connection: Connection, listener: SeatListener, onLeave: () => void): Seat {
		const seat = connection.seat(listener, () => {
			this.#sessions.delete(seat);
			onLeave();
		});
		this.#sessions.add(seat);
		return seat;
	}

	/** {@link openOrTryAgain} for one client, which waits. */
	#orTryAgain<T extends { readonly ok: unknown }>(
		process: StartedProcess,
		signal: AbortSignal,
		open: (process: StartedProcess, timeoutMs: number) => Promise<T | Failure>,
	): Promise<T | Failure> {
		const { startTimeoutMs: timeoutMs } = this.server.pool;
		return openOrTryAgain(process, { starter: this.#starter, timeoutMs, open, start: () => this.#start(signal) });
	}

	/** A process for one client, which waits. */
	#start(signal: AbortSignal): Promise<Started> {
		return this.#wait(() => this.#process(signal, true));
	}

	/** One that was started ahead, else a new one. */
	async #process(signal: AbortSignal, queue: boolean): Promise<Started> {
		const process = this.#warm.take();
		if (process !== undefined) this.#refillSoon();
		if (process !== undefined) return { ok: true, process };
		const started = await this.#starter.start(AbortSignal.any([signal, this.#closed.signal]), queue);
		if (!this.#retired) return started;
		if (started.ok) void this.#starter.stop(started.process.connection);
		return unavailable;
	}

	/** Not at once: a start stops this process for some milliseconds and takes a core, and somebody waits just now. */
	#refillSoon(): void {
		this.#refill ??= setTimeout(() => this.#maintain(), refillMs).unref();
	}

	/** Starts ahead what is to be kept started. */
	#maintain(): void {
		clearTimeout(this.#refill);
		this.#refill = undefined;
		if (this.#retired) return;
		const { mode } = this.server.pool;
		const used = mode === "shared" ? this.#legacy.connections.length + this.#modern.connections.length : 0;
		this.#warm.keep(Math.max(0, this.#deps.min - used));
	}

	/** Somebody waits for a slot, maybe in another worker. */
	#giveUpOne(): void {
		if (!this.#leases.giveUpOne() && !this.#modern.giveUpOne() && !this.#legacy.giveUpOne()) this.#warm.giveUpOne();
	}

	async #wait<T>(work: () => Promise<T>): Promise<T> {
		const ticket = {};
		this.#waiting.add(ticket);
		try {
			return await work();
		} finally {
			this.#waiting.delete(ticket);
		}
	}

	#stateOf(connection: Connection, state: "starting" | "answered" | "stopping"): ProcessState {
		if (state === "stopping" || (state === "starting" && connection.seats > 0)) return state;
		return connection.seats > 0 ? "ready" : "idle";
	}
}
