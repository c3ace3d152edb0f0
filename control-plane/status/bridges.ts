import { z } from "zod";
import { type BridgeStatus, processStates } from "../../stdio-bridge/status.ts";
import { formatAddress } from "../cli/address.ts";
import type { Address } from "../ir/model.ts";
import { askJson } from "./http-get.ts";

const count = z.int().min(0);
const histogram = z.object({
	buckets: z.array(z.object({ le: z.number(), count })),
	sum: z.number(),
	count,
});
const failure = z.object({
	at: z.string().describe("ISO 8601."),
	reason: z.string().describe("As in the errors of clients: `error.data.reason`."),
	detail: z.string(),
	stderr: z.string().exactOptional().describe("Last lines of stderr, where there were any."),
});
const processFields = {
	pid: z.int(),
	state: z
		.enum(processStates)
		.describe("`ready`: clients use it; `idle`: nobody does; `stopping`: told to end and not gone yet."),
	startedAt: z.string().describe("ISO 8601."),
	seats: count.describe("Clients that have a place at it: sessions, and requests without a session."),
	calls: count.describe("Requests that it has not answered."),
};
const poolFields = {
	mode: z.enum(["session", "shared", "auto"]).describe("`auto`: the entry leaves it to the client's revision."),
	sessions: count.describe("Open ones."),
	maxSessions: count.exactOptional(),
	max: count.describe("Processes at the most."),
	waiting: count.describe("Sessions and requests that wait for a process."),
	starts: count.describe("Processes started, since the bridge was."),
	restarts: count.describe("Those of them that took the place of one that died."),
	startFailures: count.describe("Starts that gave no process that answers."),
	deaths: count.describe("Processes that ended by themselves after they had started."),
	startSeconds: histogram.describe("From the start of a process to its first answer."),
	unhealthy: z
		.object({
			nextTryAt: z.string().exactOptional().describe("ISO 8601; left out: with the next request."),
		})
		.exactOptional()
		.describe("There while the server cannot be started: its last start failed, and no process of it works."),
	lastFailure: failure.exactOptional().describe("The last start that failed, be it long ago."),
	limits: z
		.record(z.string(), z.string())
		.describe('By each of the entry\'s `limits`: what enforces it, or "none: " and why nothing does.'),
};

const bridgeAnswer = z.object({
	pid: z.int(),
	startedAt: z.string(),
	worker: z.object({ index: count, count }),
	servers: z.record(z.string(), z.object({ ...poolFields, processes: z.array(z.object(processFields)) })),
}) satisfies z.ZodType<Omit<BridgeStatus, "guardPid">>;

/** What `/v1/servers` tells of a stdio server's processes, over all workers of the bridge. */
export const poolSchema = z.object({
	...poolFields,
	processes: z.array(
		z.object({ ...processFields, worker: count.describe("The worker of the bridge that it belongs to.") }),
	),
});

/** A stdio server, over all workers of the bridge. */
export type PoolStatus = z.infer<typeof poolSchema>;

/** What `/v1/status` tells of a worker of the bridge. */
export const bridgeSchema = z.object({
	address: z.string().describe("`HOST:PORT` or `unix:PATH`."),
	worker: count.exactOptional().describe("Its number; left out where it does not answer."),
	pid: z.int().exactOptional(),
	startedAt: z.string().exactOptional().describe("ISO 8601."),
	problem: z.string().exactOptional().describe("Why nothing is known of it."),
});
export type BridgeSummary = z.infer<typeof bridgeSchema>;

/** One worker of the bridge, and what it told. */
export type AskedBridge =
	| { readonly address: Address; readonly answer: z.infer<typeof bridgeAnswer> }
	| { readonly address: Address; readonly problem: string };

/** A worker that is busy answers in milliseconds; one that is stuck must not hold up what is known of the others. */
const waitMs = 1000;

/** Asks every worker of the bridge at once. Never throws. */
export function readBridges(bridges: readonly Address[]): Promise<AskedBridge[]> {
	return Promise.all(
		bridges.map(async (address): Promise<AskedBridge> => {
			const signal = AbortSignal.timeout(waitMs);
			try {
				return { address, answer: bridgeAnswer.parse(await askJson(address, "/~bridge/status", { signal })) };
			} catch (error) {
				if (signal.aborted) return { address, problem: `no answer within ${waitMs} ms` };
				if (error instanceof z.ZodError) return { address, problem: "it is no bridge of this version" };
				return { address, problem: error instanceof Error ? error.message : String(error) };
			}
		}),
	);
}

export function summarizeBridge(asked: AskedBridge): BridgeSummary {
	const address = formatAddress(asked.address);
	if ("problem" in asked) return { address, problem: asked.problem };
	const { pid, startedAt, worker } = asked.answer;
	return { address, worker: worker.index, pid, startedAt };
}

/** The servers that the bridges tell of, each put together of what all workers say. */
export function poolStatuses(asked: readonly AskedBridge[]): ReadonlyMap<string, PoolStatus> {
	const pools = new Map<string, [PoolStatus, ...PoolStatus[]]>();
	for (const one of asked) {
		if ("problem" in one) continue;
		for (const [id, server] of Object.entries(one.answer.servers)) {
			const processes = server.processes.map((process) => ({ ...process, worker: one.answer.worker.index }));
			const own = { ...server, processes };
			const others = pools.get(id);
			if (others === undefined) pools.set(id, [own]);
			else others.push(own);
		}
	}
	return new Map([...pools].map(([id, all]) => [id, combined(all)]));
}

function combined(all: readonly [PoolStatus, ...PoolStatus[]]): PoolStatus {
	const [first] = all;
	const sum = (count: (pool: PoolStatus) => number) => all.reduce((total, pool) => total + count(pool), 0);
	const [latest] = all.toSorted((a, b) => (b.lastFailure?.at ?? "").localeCompare(a.lastFailure?.at ?? ""));
	const { unhealthy: _, lastFailure: __, ...same } = first;
	const unhealthy = all.some(works) ? undefined : (latest?.unhealthy ?? all.find((pool) => pool.unhealthy)?.unhealthy);
	return {
		...same,
		sessions: sum(({ sessions }) => sessions),
		waiting: sum(({ waiting }) => waiting),
		starts: sum(({ starts }) => starts),
		restarts: sum(({ restarts }) => restarts),
		startFailures: sum(({ startFailures }) => startFailures),
		deaths: sum(({ deaths }) => deaths),
		processes: all.flatMap(({ processes }) => processes),
		startSeconds: {
			buckets: first.startSeconds.buckets.map(({ le }, index) => ({
				le,
				count: sum(({ startSeconds }) => startSeconds.buckets[index]?.count ?? 0),
			})),
			sum: sum(({ startSeconds }) => startSeconds.sum),
			count: sum(({ startSeconds }) => startSeconds.count),
		},
		...(unhealthy !== undefined && { unhealthy }),
		...(latest?.lastFailure !== undefined && { lastFailure: latest.lastFailure }),
	};
}

/** One that nobody uses yet may be the next that does not start, where the last one has not. */
function works({ unhealthy, processes }: PoolStatus): boolean {
	return processes.some(({ state }) => state === "ready" || (state === "idle" && unhealthy === undefined));
}

/** Why a server cannot be started; undefined where it can. */
export function poolProblem({ unhealthy, lastFailure }: PoolStatus): string | undefined {
	return unhealthy && (lastFailure?.detail ?? "its last start failed");
}
