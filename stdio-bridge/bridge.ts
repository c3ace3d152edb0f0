import { createServer } from "node:http";
import { isDeepStrictEqual } from "node:util";
import { share } from "../control-plane/ir/placement.ts";
import { type StdioServer, stdioPart } from "../control-plane/registry/model.ts";
import type { RegistrySource, SourceState } from "../control-plane/sources/registry-source.ts";
import { type Listen, listen } from "./listen.ts";
import type { Log } from "./log.ts";
import type { OpenSlots } from "./pool/contract.ts";
import { Pool } from "./pool/pool.ts";
import { LocalSlots } from "./pool/slots.ts";
import { slotsKey } from "./pool/slots-key.ts";
import { probeStdio } from "./probe.ts";
import type { StopTimes } from "./processes/child.ts";
import { allOf, type Expand, resolveCommand } from "./processes/command.ts";
import { noGuard, startGuard } from "./processes/guard.ts";
import { describeLimits } from "./processes/limits.ts";
import { type BridgeStatus, type Counters, counted, createCounters, mergePools, type ServerStatus } from "./status.ts";
import { requestIdOf, sendError } from "./transports/answer.ts";
import { type HandlerDeps, handle } from "./transports/http.ts";
import { WebSockets } from "./transports/websocket.ts";

export interface BridgeOptions {
	readonly source: RegistrySource;
	readonly listen: Listen;
	readonly log: Log;
	/** Where the children's harmless variables come from; nothing else of it reaches them. */
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly expand: Expand;
	/**
	 * The bridge is the main process of a container that is there for its servers alone: all variables are theirs, and no
	 * guard is started, since nothing outlives the container. Default: false.
	 */
	readonly contained?: boolean;
	/** Largest HTTP body and largest message of a process. Default 64 MiB. */
	readonly maxBodyBytes?: number;
	/** Default: 2 s from the end of stdin to SIGTERM, 3 s to SIGKILL. */
	readonly stop?: StopTimes;
	/** Time that calls in flight have when their server is removed. Default 5 s. */
	readonly removedGraceMs?: number;
	/** Time that sessions go on with the process they have when their server is changed. Default 30 s. */
	readonly changedGraceMs?: number;
	/** Which one of how many workers this bridge is. Default: the only one. */
	readonly worker?: { readonly index: number; readonly count: number };
	/** Counts processes and sessions over all workers. Default: of this bridge alone. */
	readonly slots?: OpenSlots;
	/** Where another worker is reached. Default: there is none. */
	readonly peer?: (worker: number) => Listen | undefined;
}

export interface Bridge {
	/** The socket's path, or host and port. */
	readonly address: Listen;
	status(): BridgeStatus;
	/** Takes no new session, lets calls in flight finish for `graceMs` (default 5000), and leaves no process. */
	close(options?: { readonly graceMs?: number }): Promise<void>;
}

/** A probe's bound where the registry sets none to the start of a process. */
const endlessMs = 600_000;

/** Starts the bridge: Streamable HTTP, HTTP+SSE and WebSocket in front of the stdio servers of a registry. */
export async function startBridge(options: BridgeOptions): Promise<Bridge> {
	const { source, log, env, expand } = options;
	const maxBodyBytes = options.maxBodyBytes ?? 64 * 1024 * 1024;
	const stop = options.stop ?? { stdinMs: 2000, termMs: 3000 };
	const removedGraceMs = options.removedGraceMs ?? 5000;
	const changedGraceMs = options.changedGraceMs ?? 30_000;
	const worker = options.worker ?? { index: 0, count: 1 };

	const startedAt = new Date().toISOString();
	const pools = new Map<string, Pool>();
	const retired = new Set<Pool>();
	const counters = new Map<string, Counters>();
	const guard = options.contained ? noGuard() : startGuard(log);
	const inheritance = options.contained ? { inherit: allOf } : {};
	const probesEnd = new AbortController();
	const openSlots: OpenSlots = options.slots ?? ((_key, bounds) => new LocalSlots(bounds));
	let loaded = false;
	let closing: Promise<void> | undefined;

	const poolOf = (server: StdioServer, own: Counters) => {
		const { min, max, maxShared, maxSessions, maxQueue, queueTimeoutMs } = server.pool;
		const sessions = maxSessions === undefined ? undefined : { max: maxSessions, maxQueue: 0, queueTimeoutMs: 0 };
		return new Pool(server, {
			log,
			expand,
			env,
			...inheritance,
			child: { stop, guard, maxLineBytes: maxBodyBytes },
			counters: own,
			processSlots: openSlots(slotsKey(server, "processes"), { max, maxQueue, queueTimeoutMs }),
			...(sessions && { sessionSlots: openSlots(slotsKey(server, "sessions"), sessions) }),
			min: share(min, server, worker),
			// A server whose own worker is down is served by any other.
			maxShared: Math.max(1, share(maxShared, server, worker)),
		});
	};

	const retire = (pool: Pool, when: "quiet" | "grace") => {
		retired.add(pool);
		pool
			.retire(when === "quiet" ? removedGraceMs : changedGraceMs, when)
			.catch((error) => log.error({ server: pool.server.id, err: error }, "retiring a server's sessions failed"))
			.finally(() => retired.delete(pool));
	};

	const take = ({ registry }: SourceState) => {
		if (!registry || closing) return;
		loaded = true;
		for (const [id, pool] of pools) {
			const now = stdioPart(registry.servers.get(id));
			if (isDeepStrictEqual(now, pool.server)) continue;
			pools.delete(id);
			const stays = now !== undefined;
			if (!stays) counters.delete(id);
			log.info({ server: id }, stays ? "server changed" : "server removed");
			retire(pool, stays ? "grace" : "quiet");
		}
		for (const [id, entry] of registry.servers) {
			const server = stdioPart(entry);
			if (server === undefined || pools.has(id)) continue;
			const own = counters.get(id) ?? createCounters();
			counters.set(id, own);
			pools.set(id, poolOf(server, own));
		}
	};

	const status = (): BridgeStatus => ({
		pid: process.pid,
		startedAt,
		guardPid: guard.pid,
		worker,
		servers: Object.fromEntries([...pools].map(([id, pool]) => [id, serverStatus(pool, retired, counters.get(id))])),
	});

	const probe = async (id: string, signal: AbortSignal) => {
		const server = pools.get(id)?.server;
		if (server === undefined || closing) return undefined;
		const [label] = server.command;
		const resolved = await resolveCommand(server, expand, env, inheritance.inherit);
		if (!resolved.ok) return { tried: [{ what: label, outcome: resolved.problem }] };
		return probeStdio({
			command: resolved.command,
			label,
			guard,
			stop,
			timeoutMs: server.pool.startTimeoutMs || endlessMs,
			signal: AbortSignal.any([signal, probesEnd.signal]),
			onStderrLine: (line, pid) => log.info({ server: id, pid, stream: "stderr" }, line),
		});
	};

	const server = createServer({ maxHeaderSize: 128 * 1024, keepAlive: true }, (request, response) => {
		handle(request, response, handlerDeps).catch((error) => {
			if (request.destroyed && !request.complete) return;
			// Without the query: of HTTP+SSE it holds the session's id.
			log.error({ err: error, path: request.url?.split("?", 1)[0] }, "a request failed");
			if (response.headersSent) response.destroy();
			else sendError(response, "internal", { requestId: requestIdOf(request) });
		});
	});
	// Envoy ends idle connections itself: one closed here in the moment that Envoy sends on it is a failed request.
	server.keepAliveTimeout = 0;
	// Node counts this until the last byte of the body, which a slow client may take long for.
	server.requestTimeout = 0;
	const handlerDeps: HandlerDeps = {
		log,
		maxBodyBytes,
		serving: () => loaded && !closing,
		pool: (id) => pools.get(id),
		sessions: new Map(),
		sseSessions: new Map(),
		worker: worker.index,
		peer: options.peer ?? (() => undefined),
		status,
		probe,
	};

	const webSockets = new WebSockets(handlerDeps);
	server.on("upgrade", (request, socket, head) => webSockets.upgrade(request, socket, head));

	const address = await listen(server, options.listen).catch(async (error: unknown) => {
		await guard.close();
		throw error;
	});
	take(source.state);
	const unsubscribe = source.subscribe(take);

	const close = async (graceMs: number) => {
		unsubscribe();
		probesEnd.abort();
		const all = [...pools.values(), ...retired];
		// The socket stays open meanwhile: calls in flight may need answers from their clients.
		await Promise.all(all.map((pool) => pool.retire(graceMs, "quiet")));
		const closed = new Promise<void>((resolve) => server.close(() => resolve()));
		server.closeIdleConnections();
		// Answers that were just written get a moment to leave.
		const late = setTimeout(() => {
			server.closeAllConnections();
			webSockets.terminate();
		}, 200);
		await closed;
		clearTimeout(late);
		await guard.close();
	};
	return {
		address,
		status,
		close: (closeOptions) => {
			closing ??= close(closeOptions?.graceMs ?? 5000);
			return closing;
		},
	};
}

function serverStatus(pool: Pool, retired: ReadonlySet<Pool>, counters: Counters = createCounters()): ServerStatus {
	const { id, pool: bounds } = pool.server;
	const older = [...retired].filter(({ server }) => server.id === id);
	return {
		...mergePools([pool.status(), ...older.map((each) => each.status())]),
		mode: bounds.mode ?? "auto",
		max: bounds.max,
		...(bounds.maxSessions !== undefined && { maxSessions: bounds.maxSessions }),
		...counted(counters),
		limits: describeLimits(pool.server),
	};
}
