import { rm } from "node:fs/promises";
import { startGateway } from "../support/gateway.ts";
import { startUpstream } from "./child.ts";
import { endpoint } from "./envoy-config.ts";
import { median } from "./numbers.ts";
import { rssMegabytes } from "./process-usage.ts";
import type { BenchOptions, Section } from "./report.ts";

const sizes = [1, 300, 1000];
const processes = ["control-plane", "envoy", "bridge"] as const;

interface Started {
	/** From the spawn of `up` to its `ready` event. */
	readonly ms: number;
	/** MB of each process right after. */
	readonly rss: Readonly<Record<string, number>>;
}

/** How long `up` takes until traffic is served, and what memory its processes hold then. */
export async function start({ quick, progress }: BenchOptions): Promise<Section> {
	const upstream = await startUpstream(1);
	const measured = new Map<number, Started[]>(sizes.map((size) => [size, []]));
	const rounds = quick ? 1 : 5;
	try {
		for (let round = 0; round < rounds; round++) {
			for (const size of sizes) {
				progress(`start: ${size} servers, round ${round + 1} of ${rounds}`);
				measured.get(size)!.push(await once(size, upstream.ports[0]!));
			}
		}
	} finally {
		upstream.close();
	}
	const rows = sizes.map((size) => {
		const runs = measured.get(size)!;
		const memory = processes.map((name) => median(runs.map(({ rss }) => rss[name] ?? Number.NaN)).toFixed(0));
		return [String(size), median(runs.map(({ ms }) => ms)).toFixed(0), ...memory];
	});
	return {
		title: "start: from the spawn of `up` to its event `ready`, and memory then; medians",
		rows: [["servers", "ready, ms", ...processes.map((name) => `${name}, MB`)], ...rows],
		bars: [],
		data: Object.fromEntries(measured),
	};
}

async function once(size: number, port: number): Promise<Started> {
	const entries = Array.from({ length: size }, (_, index) => [`server-${index}`, endpoint(port, "/mcp")] as const);
	const startedAt = performance.now();
	const gateway = await startGateway({ registry: Object.fromEntries(entries), args: ["--access-log", "off"] });
	try {
		const ms = performance.now() - startedAt;
		const pids = await gateway.children();
		const rss = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, rssMegabytes(pid)]));
		return { ms, rss };
	} finally {
		await gateway.stop();
		await rm(gateway.tempDir, { recursive: true, force: true });
	}
}
