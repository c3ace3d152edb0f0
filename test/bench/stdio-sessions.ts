import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/gateway.ts";
import { addCounts } from "./numbers.ts";
import { cpuMicrosOf } from "./process-tree.ts";
import type { StdioGateway } from "./stdio-gateways.ts";
import type { StdioLoad } from "./stdio-load.ts";
import type { StdioTarget } from "./stdio-rounds.ts";

/** How long new sessions took. */
export interface NewSessions {
	readonly name: string;
	/** Milliseconds from `initialize` to its answer. */
	readonly ms: number[];
	readonly failures: Record<string, number>;
	readonly problem?: string;
}

/** Opens and ends sessions one after the other; before each `warm` processes are there and at rest. */
export async function newSessions(
	load: StdioLoad,
	{ name, gateway, path, era }: StdioTarget,
	{ count, warm }: { readonly count: number; readonly warm: number },
): Promise<NewSessions> {
	const result: NewSessions = { name, ms: [], failures: {} };
	if ("problem" in gateway) return { ...result, problem: gateway.problem };
	const to = gateway.to(path.slice(1));
	for (let opened = 0; opened < count; opened++) {
		try {
			await eventually(`${warm} processes are there and at rest`, () => atRest(gateway, warm));
		} catch (error) {
			return { ...result, problem: (error as Error).message };
		}
		const { group, ms, failures } = await load.open({ do: "open", to, path, era, clients: 1, atOnce: 1 });
		result.ms.push(...ms);
		addCounts(result.failures, failures);
		await load.close(group);
	}
	return result;
}

/** So many servers run, the same ones for a while, and have used no CPU time meanwhile. */
async function atRest({ processes }: StdioGateway, warm: number): Promise<boolean> {
	const { servers } = processes();
	const before = cpuMicrosOf(servers);
	await sleep(30);
	const { servers: still } = processes();
	return servers.length >= warm && String(servers) === String(still) && cpuMicrosOf(still) === before;
}
