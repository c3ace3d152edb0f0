import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startLoad, startUpstream } from "./child.ts";
import { callBytes } from "./mcp-request.ts";
import { countsText, median } from "./numbers.ts";
import { pin } from "./pin.ts";
import { cpuMicros, rssMegabytes } from "./process-usage.ts";
import type { BenchOptions, Section } from "./report.ts";
import { measureRounds, mergedByName, ratio, type Target } from "./rounds.ts";
import { gatewayOf } from "./throughput.ts";

const many = 10_000;

/** Whether the number of servers costs a request anything: the only one against the first and the last of many. */
export async function scale({ quick, progress }: BenchOptions): Promise<Section> {
	const folder = await mkdtemp(join(tmpdir(), "bench-"));
	const closing: (() => unknown)[] = [() => rm(folder, { recursive: true })];
	// Children begin where their parent is: load, upstream and control planes here, the Envoys go elsewhere.
	pin(process.pid, "load");
	try {
		const upstream = await startUpstream(1);
		closing.push(upstream.close);
		const load = startLoad();
		closing.push(load.close);
		const start = async (servers: number) => {
			progress(`scale: starts with ${servers} servers`);
			const startedAt = performance.now();
			const gateway = await gatewayOf(servers, upstream.ports[0]!, join(folder, `${servers}.log`));
			closing.push(() => gateway.stop());
			const readyMs = performance.now() - startedAt;
			const { envoy = 0, "control-plane": plane = 0 } = await gateway.children();
			const usage = (pid: number) => ({ seconds: cpuMicros(pid) / 1e6, mb: rssMegabytes(pid) });
			const atReady = { envoy: usage(envoy), plane: usage(plane) };
			return { pid: envoy, plane, port: Number(new URL(gateway.url).port), readyMs, atReady };
		};
		// Two processes of each: what one's place in memory does to it is a tenth either way.
		const targets: Target[] = [];
		const larges: Awaited<ReturnType<typeof start>>[] = [];
		for (let instance = 0; instance < 2; instance++) {
			const small = await start(1);
			const large = await start(many);
			larges.push(large);
			for (const { pid } of [small, large]) pin(pid, "measured");
			targets.push(
				{ name: "the only server", ...small, request: callBytes("/server-0") },
				{ name: `first of ${many}`, ...large, request: callBytes("/server-0") },
				{ name: `last of ${many}`, ...large, request: callBytes(`/server-${many - 1}`) },
			);
		}
		const large = larges[0]!;
		const rounds = await measureRounds(load, targets, {
			rounds: quick ? 6 : 16,
			ms: 500,
			connections: 32,
			progress: (line) => progress(`scale: ${line}`),
		});
		const measured = mergedByName(rounds);
		const only = measured[0]!;
		const last = ratio(measured[2]!.perSecond, only.perSecond);
		const rows = measured.map(({ name, perSecond, micros, statuses }) => [
			name,
			median(perSecond).toFixed(0),
			ratio(perSecond, only.perSecond).toFixed(3),
			median(micros).toFixed(1),
			countsText(statuses),
		]);
		const { readyMs, atReady } = large;
		const used = (name: string, { seconds, mb }: { seconds: number; mb: number }, pid: number) => [
			name,
			seconds.toFixed(1),
			mb.toFixed(0),
			rssMegabytes(pid).toFixed(0),
		];
		const mb = { envoy: rssMegabytes(large.pid), plane: rssMegabytes(large.plane) };
		return {
			title: `scale: ${many} servers, ready after ${(readyMs / 1000).toFixed(1)} s`,
			rows: [
				["target", "requests/s", "of the only one", "CPU µs/request", "statuses"],
				...rows,
				[],
				["process", "CPU until ready, s", "MB when ready", "MB after the load"],
				used("Envoy", atReady.envoy, large.pid),
				used("control plane", atReady.plane, large.plane),
			],
			bars: [
				{ name: `last of ${many}`, measured: last.toFixed(3), bar: "≥ 0.9 of the only one", met: last >= 0.9 },
				{
					name: "ready",
					measured: `${(readyMs / 1000).toFixed(1)} s`,
					bar: "≤ 15 s",
					met: readyMs <= 15_000,
				},
				{ name: "Envoy's memory", measured: `${mb.envoy.toFixed(0)} MB`, bar: "< 800 MB", met: mb.envoy < 800 },
				{
					name: "control plane's memory",
					measured: `${mb.plane.toFixed(0)} MB`,
					bar: "< 400 MB",
					met: mb.plane < 400,
				},
			],
			data: { measured, readyMs: large.readyMs },
		};
	} finally {
		for (const close of closing.reverse()) await close();
	}
}
