import { addCounts, median } from "./numbers.ts";
import { cpuMicrosOf } from "./process-tree.ts";
import { type StdioGateway, serverCommand } from "./stdio-gateways.ts";
import type { StdioLoad } from "./stdio-load.ts";
import type { Era } from "./stdio-load-job.ts";

/** A gateway and where in it the load goes, or why there is none. */
export interface StdioTarget {
	readonly name: string;
	readonly gateway: StdioGateway | { readonly problem: string };
	readonly path: string;
	readonly era: Era;
}

/** What one target did with so many clients, a value a round; CPU time in microseconds a call. */
export interface StdioMeasured {
	readonly name: string;
	readonly clients: number;
	readonly perSecond: number[];
	/** Milliseconds. */
	readonly p50: number[];
	readonly p99: number[];
	/** Of the gateway's own processes. */
	readonly micros: number[];
	/** Of the stdio servers. */
	readonly serverMicros: number[];
	readonly loadMicros: number[];
	/** Calls and sessions that failed, by what came instead. */
	readonly failures: Record<string, number>;
	/** Why there are no values. */
	readonly problem?: string;
}

export interface StdioRoundsOptions {
	readonly rounds: number;
	readonly ms: number;
	readonly clients: number;
	readonly progress: (line: string) => void;
}

/** Opens sessions on all targets, then puts load on them in turn, round for round, and ends the sessions. */
export async function measureStdio(
	load: StdioLoad,
	targets: readonly StdioTarget[],
	{ rounds, ms, clients, progress }: StdioRoundsOptions,
): Promise<StdioMeasured[]> {
	const measured: StdioMeasured[] = [];
	const runs: { group: number; round(): Promise<void> }[] = [];
	for (const target of targets) {
		progress(`${target.name} opens ${clients} sessions`);
		const into = nothingYet(target.name, clients);
		if ("problem" in target.gateway) {
			measured.push({ ...into, problem: target.gateway.problem });
			continue;
		}
		const { to, processes } = target.gateway;
		const { path, era } = target;
		const opened = await load.open({ do: "open", to: to(path.slice(1)), path, era, clients, atOnce: 8 });
		addCounts(into.failures, opened.failures);
		if (opened.clients < clients) {
			measured.push({ ...into, problem: `${opened.clients} of ${clients} clients got a session` });
			await load.close(opened.group);
			continue;
		}
		measured.push(into);
		await load.run(opened.group, ms);
		const { gateway, servers } = processes();
		runs.push({
			group: opened.group,
			round: () => oneRound(load, into, { group: opened.group, ms, gateway, servers }),
		});
	}
	for (let round = 0; round < rounds; round++) {
		progress(`round ${round + 1} of ${rounds}`);
		// Each round begins with another one, so that none always follows the same neighbour's load.
		for (let turn = 0; turn < runs.length; turn++) await runs[(turn + round) % runs.length]!.round();
	}
	for (const { group } of runs) await load.close(group);
	return measured;
}

/** The server alone, with callers on its own pipe. */
export async function measurePipe(
	load: StdioLoad,
	clients: number,
	rounds: number,
	ms: number,
): Promise<StdioMeasured> {
	const measured = nothingYet("bare stdio pipe", clients);
	const { group } = await load.open({ do: "open pipe", command: serverCommand, clients });
	await load.run(group, ms);
	for (let round = 0; round < rounds; round++) {
		await oneRound(load, measured, { group, ms, gateway: [], servers: [] });
	}
	await load.close(group);
	return measured;
}

interface Run {
	readonly group: number;
	readonly ms: number;
	readonly gateway: readonly number[];
	readonly servers: readonly number[];
}

async function oneRound(load: StdioLoad, into: StdioMeasured, { group, ms, gateway, servers }: Run): Promise<void> {
	const before = [cpuMicrosOf(gateway), cpuMicrosOf(servers)] as const;
	const { calls, allCalls, seconds, p50, p99, micros, failures } = await load.run(group, ms);
	into.perSecond.push(calls / seconds);
	into.p50.push(p50);
	into.p99.push(p99);
	into.micros.push((cpuMicrosOf(gateway) - before[0]) / allCalls);
	into.serverMicros.push((cpuMicrosOf(servers) - before[1]) / allCalls);
	into.loadMicros.push(micros / allCalls);
	addCounts(into.failures, failures);
}

function nothingYet(name: string, clients: number): StdioMeasured {
	const none = () => [] as number[];
	return {
		name,
		clients,
		perSecond: none(),
		p50: none(),
		p99: none(),
		micros: none(),
		serverMicros: none(),
		loadMicros: none(),
		failures: {},
	};
}

/** The median as text; empty where nothing was measured. */
export function medianText(values: readonly number[], digits: number): string {
	return values.length === 0 ? "" : median(values).toFixed(digits);
}
