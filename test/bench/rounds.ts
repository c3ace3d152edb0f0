import type { Load } from "./child.ts";
import { addCounts, median } from "./numbers.ts";
import { cpuMicros } from "./process-usage.ts";

/** Something that load is put on: an Envoy and the request that it gets. */
export interface Target {
	readonly name: string;
	/** Its CPU time is what is measured. */
	readonly pid: number;
	readonly port: number;
	readonly request: Buffer;
}

/** What one target did, a value a round. */
export interface Measured {
	readonly name: string;
	readonly perSecond: number[];
	/** CPU microseconds of the Envoy per request. */
	readonly micros: number[];
	readonly statuses: Record<string, number>;
}

export interface RoundsOptions {
	readonly rounds: number;
	readonly ms: number;
	readonly connections: number;
	readonly progress: (line: string) => void;
}

/** Puts load on the targets in turn, round for round, so that whatever else the machine does meets all alike. */
export async function measureRounds(
	load: Load,
	targets: readonly Target[],
	{ rounds, ms, connections, progress }: RoundsOptions,
): Promise<Measured[]> {
	const measured = targets.map(({ name }): Measured => ({ name, perSecond: [], micros: [], statuses: {} }));
	const put = ({ port, request }: Target, time: number) => {
		const connection = { port, request: request.toString("base64") };
		return load.run({ connections: Array.from({ length: connections }, () => connection), ms: time, everyMs: 0 });
	};
	for (const target of targets) await put(target, 300);
	for (let round = 0; round < rounds; round++) {
		progress(`round ${round + 1} of ${rounds}`);
		for (let turn = 0; turn < targets.length; turn++) {
			// Each round begins with another one, so that none always follows the same neighbour's load.
			const index = (turn + round) % targets.length;
			const target = targets[index]!;
			const before = cpuMicros(target.pid);
			const result = await put(target, ms);
			const into = measured[index]!;
			into.perSecond.push(result.requests / result.seconds);
			into.micros.push((cpuMicros(target.pid) - before) / result.requests);
			addCounts(into.statuses, result.statuses);
		}
	}
	return measured;
}

/** Median over the rounds of the quotient within each round. */
export function ratio(a: readonly number[], b: readonly number[]): number {
	return median(a.map((value, round) => value / b[round]!));
}

/** Puts the rounds of processes of the same kind behind one another, so that the n-th ones stay pairs. */
export function mergedByName(measured: readonly Measured[]): Measured[] {
	const merged = new Map<string, Measured>();
	for (const one of measured) {
		const into = merged.get(one.name) ?? { name: one.name, perSecond: [], micros: [], statuses: {} };
		into.perSecond.push(...one.perSecond);
		into.micros.push(...one.micros);
		addCounts(into.statuses, one.statuses);
		merged.set(one.name, into);
	}
	return [...merged.values()];
}
