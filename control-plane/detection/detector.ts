import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import type { StdioServer } from "../registry/model.ts";
import { type Detection, describeFinding, type ProbeResult } from "./finding.ts";
import type { Findings } from "./findings-file.ts";
import { createLimit } from "./limit.ts";
import type { HttpTarget } from "./probe-http.ts";

/** An entry whose type is to be found out. */
export interface Entry {
	readonly id: string;
	readonly http: HttpTarget;
	/** Tried where the endpoint does not answer. */
	readonly stdio?: StdioServer;
}

export interface DetectorDeps {
	readonly probeHttp: (target: HttpTarget, signal: AbortSignal) => Promise<ProbeResult>;
	readonly probeStdio: (server: StdioServer, signal: AbortSignal) => Promise<ProbeResult>;
	readonly log: Logger;
	/** At least one entry's detection is another one now. Several changes in a row are told once. */
	readonly onChange: () => void;
	/** What was found before this process began; probed again all the same. */
	readonly before?: Findings;
	/** Gets all that is found whenever that changes. */
	readonly keep?: (findings: Findings) => void;
	/** First wait after an answer that may become better, doubled each time up to a minute. */
	readonly retryMs?: number;
}

export interface Detector {
	/** Says which entries there are: what is new or has changed is probed, what is gone is forgotten. */
	setEntries(entries: readonly Entry[]): void;
	/** The same object until the detection is another one. */
	detection(id: string): Detection;
	/** Entries whose first probe is under way. */
	readonly detecting: number;
	/** Resolves when no first probe is under way any more, or after `timeoutMs`; never once it is closed. */
	firstRound(timeoutMs: number): Promise<void>;
	/** Probes everything again; meanwhile what was found stands. */
	again(): void;
	close(): void;
}

interface Tracked {
	entry: Entry;
	/** Hash of what is probed: the addresses, headers and command of the entry. */
	key: string;
	detection: Detection;
	/** The key that the finding belongs to. */
	foundKey: string | undefined;
	/** Answers in a row that may become better. */
	retries: number;
	timer: NodeJS.Timeout | undefined;
	probe: AbortController | undefined;
}

const detecting: Detection = { state: "detecting" };
const maxRetryMs = 60_000;
/** For servers that ask for credentials, most of which always will. */
const maxGuardedRetryMs = 600_000;
/** So many servers that are found one after the other are one change. */
const gatherMs = 50;

/**
 * The one place that knows what detection found. It can be rebuilt at any time by probing again, and never hears of
 * requests. An entry is probed when it is new or what is probed has changed, again with a growing wait for as long as
 * nothing was found or only the second choice was (the command, while the endpoint does not answer), and when
 * {@link Detector.again} asks. An endpoint that was found stays found: whether it answers now is Envoy's matter.
 */
export function createDetector(deps: DetectorDeps): Detector {
	const { log } = deps;
	const tracked = new Map<string, Tracked>();
	const httpSlot = createLimit(16);
	// A process costs more than a request: starting many at once would be felt.
	const stdioSlot = createLimit(2);
	/** Ids whose first probe is under way. */
	const first = new Set<string>();
	const waiting = new Set<() => void>();
	let gathering: NodeJS.Timeout | undefined;

	function notFirst(id: string): void {
		first.delete(id);
		if (first.size === 0) for (const done of waiting) done();
	}

	function changed(): void {
		gathering ??= setTimeout(() => {
			gathering = undefined;
			deps.onChange();
			deps.keep?.(found());
		}, gatherMs);
	}

	function found(): Findings {
		const all = [...tracked.values()];
		return new Map(
			all.flatMap(({ detection, foundKey }) =>
				detection.state === "found" && foundKey !== undefined ? [[foundKey, detection.finding] as const] : [],
			),
		);
	}

	function probe(one: Tracked): void {
		one.probe?.abort();
		clearTimeout(one.timer);
		const probe = new AbortController();
		one.probe = probe;
		run(one, probe.signal)
			.catch((error: unknown): ProbeResult => {
				log.error({ err: error, server: one.entry.id }, "a probe failed");
				return { tried: [{ what: "the probe", outcome: "failed by itself; the log has more" }] };
			})
			.then((result) => {
				if (!probe.signal.aborted) take(one, result);
			});
	}

	async function run({ entry, detection, key, foundKey }: Tracked, signal: AbortSignal): Promise<ProbeResult> {
		const { http, stdio } = entry;
		const none: ProbeResult = { tried: [] };
		const overHttp = await httpSlot(async () => (signal.aborted ? none : deps.probeHttp(http, signal)));
		// A command that was found is not started again only to hear the same.
		const knows = detection.state === "found" && foundKey === key;
		if (overHttp.finding !== undefined || stdio === undefined || knows) return overHttp;
		const overStdio = await stdioSlot(async () => (signal.aborted ? none : deps.probeStdio(stdio, signal)));
		return { ...overStdio, tried: [...overHttp.tried, ...overStdio.tried] };
	}

	function take(one: Tracked, { finding, tried }: ProbeResult): void {
		const { id } = one.entry;
		const keeps = one.detection.state === "found" && one.foundKey === one.key;
		const next: Detection = finding === undefined ? { state: "failed", tried } : { state: "found", finding };
		if (finding !== undefined) one.foundKey = one.key;
		// Who asks for credentials may be a proxy that does so for a moment.
		if (finding === undefined || finding.transport === "stdio" || finding.authorization) {
			const longestMs = finding?.authorization ? maxGuardedRetryMs : maxRetryMs;
			const waitMs = Math.min((deps.retryMs ?? 1000) * 2 ** one.retries, longestMs);
			one.retries += 1;
			one.timer = setTimeout(() => probe(one), waitMs).unref();
		} else one.retries = 0;
		if ((finding === undefined && keeps) || isDeepStrictEqual(next, one.detection)) return;
		one.detection = next;
		notFirst(id);
		if (finding !== undefined) {
			log.info({ event: "server_detected", server: id, ...finding }, `${id}: ${describeFinding(finding)}`);
		}
		changed();
	}

	return {
		setEntries(entries) {
			const ids = new Set(entries.map(({ id }) => id));
			for (const [id, one] of tracked) {
				if (ids.has(id)) continue;
				stop(one);
				tracked.delete(id);
				notFirst(id);
			}
			for (const entry of entries) {
				const known = tracked.get(entry.id);
				// Of ten thousand entries hardly one has changed: no hash for the others.
				if (known?.entry === entry) continue;
				const key = keyOf(entry);
				if (known?.key === key) {
					known.entry = entry;
					continue;
				}
				// What was found before is the better guess until the new answer is there: a replica more, or another
				// secret, must not take a server away.
				const remembered = known === undefined ? deps.before?.get(key) : undefined;
				const guess: Detection =
					remembered === undefined ? (known?.detection ?? detecting) : { state: "found", finding: remembered };
				const detection = stillFits(guess, entry) ? guess : detecting;
				if (detection === detecting) first.add(entry.id);
				const { timer, probe: running } = known ?? {};
				const foundKey = remembered === undefined ? known?.foundKey : key;
				const one: Tracked = { entry, key, detection, foundKey, retries: 0, timer, probe: running };
				tracked.set(entry.id, one);
				probe(one);
			}
		},
		detection: (id) => tracked.get(id)?.detection ?? detecting,
		get detecting() {
			return first.size;
		},
		firstRound(timeoutMs) {
			if (first.size === 0) return Promise.resolve();
			return new Promise((resolve) => {
				const done = () => {
					clearTimeout(timer);
					waiting.delete(done);
					resolve();
				};
				const timer = setTimeout(done, timeoutMs).unref();
				waiting.add(done);
			});
		},
		again() {
			for (const one of tracked.values()) {
				one.retries = 0;
				probe(one);
			}
		},
		close() {
			clearTimeout(gathering);
			for (const one of tracked.values()) stop(one);
			tracked.clear();
			waiting.clear();
		},
	};
}

function stillFits(detection: Detection, { stdio }: Entry): boolean {
	return detection.state === "found" && (detection.finding.transport !== "stdio" || stdio !== undefined);
}

function stop({ timer, probe }: Tracked): void {
	clearTimeout(timer);
	probe?.abort();
}

/** Headers and paths may be secrets, so only a hash of them is kept. */
function keyOf({ http, stdio }: Entry): string {
	const command = stdio && { command: stdio.command, env: stdio.env, cwd: stdio.cwd };
	return createHash("sha256").update(JSON.stringify({ http, command })).digest("base64url");
}
