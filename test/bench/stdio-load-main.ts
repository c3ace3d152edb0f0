import { setTimeout as sleep } from "node:timers/promises";
import { addCounts, quantile } from "./numbers.ts";
import { type Caller, StdioClient } from "./stdio-client.ts";
import type { CallsResult, LoadOrder, Opened } from "./stdio-load-job.ts";
import { openPipe } from "./stdio-pipe.ts";

/** The load on stdio bridges: a process of its own that follows one order after another and ends with its channel. */

/** Latencies that are kept; beyond that they overwrite the oldest. */
const kept = 100_000;
const openTimeoutMs = 30_000;
const lastAnswersMs = 5000;

const groups = new Map<number, readonly Caller[]>();
let nextGroup = 0;

process.on("message", (order: LoadOrder) => {
	follow(order).then((result) => process.send?.(result));
});
process.on("disconnect", () => process.exit());

async function follow(order: LoadOrder): Promise<Opened | CallsResult | null> {
	switch (order.do) {
		case "open":
			return open(order);
		case "open pipe":
			return keep(openPipe(order.command, order.clients), [], {});
		case "run":
			return run(groups.get(order.group) ?? [], order.ms);
		case "close": {
			const closed = Promise.all((groups.get(order.group) ?? []).map((caller) => caller.close()));
			await Promise.race([closed, sleep(openTimeoutMs)]);
			groups.delete(order.group);
			return null;
		}
	}
}

async function open({ to, path, era, clients, atOnce }: LoadOrder & { do: "open" }): Promise<Opened> {
	const opened: Caller[] = [];
	const ms: number[] = [];
	const failures: Record<string, number> = {};
	let next = 0;
	const opener = async () => {
		while (next < clients) {
			const number = next++;
			const client = new StdioClient(to[number % to.length]!, path, era, `client ${10_000 + number}`);
			const late = sleep(openTimeoutMs, "no answer", { ref: false }).then((why) => Promise.reject(new Error(why)));
			try {
				ms.push(await Promise.race([client.open(), late]));
				opened.push(client);
			} catch (error) {
				client.drop();
				addCounts(failures, { [(error as Error).message]: 1 });
			}
		}
	};
	await Promise.all(Array.from({ length: atOnce }, opener));
	return keep(opened, ms, failures);
}

function keep(callers: readonly Caller[], ms: readonly number[], failures: Readonly<Record<string, number>>): Opened {
	const group = nextGroup++;
	groups.set(group, callers);
	return { group, clients: callers.length, ms, failures };
}

async function run(callers: readonly Caller[], ms: number): Promise<CallsResult> {
	const latencies: number[] = [];
	const failures: Record<string, number> = {};
	let calls = 0;
	let lateCalls = 0;
	let over = false;
	let working = callers.length;
	let drained = () => {};
	const allDrained = new Promise<void>((resolve) => {
		drained = resolve;
	});
	const cpuBefore = process.cpuUsage();
	const started = performance.now();
	for (const caller of callers) {
		const next = () => {
			if (over) {
				if (--working === 0) drained();
				return;
			}
			const sentAt = performance.now();
			caller.call((outcome) => {
				if (outcome !== "ok") {
					addCounts(failures, { [outcome]: 1 });
					setTimeout(next, 10);
					return;
				}
				if (over) lateCalls++;
				else latencies[calls++ % kept] = performance.now() - sentAt;
				next();
			});
		};
		next();
	}
	await sleep(ms);
	over = true;
	const seconds = (performance.now() - started) / 1000;
	const end = new AbortController();
	await Promise.race([allDrained, sleep(lastAnswersMs, undefined, { signal: end.signal }).catch(() => {})]);
	end.abort();
	if (working > 0) addCounts(failures, { "no answer": working });
	const { user, system } = process.cpuUsage(cpuBefore);
	return {
		calls,
		seconds,
		allCalls: calls + lateCalls,
		failures,
		p50: quantile(latencies, 0.5),
		p99: quantile(latencies, 0.99),
		micros: user + system,
	};
}
