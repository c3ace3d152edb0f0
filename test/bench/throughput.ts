import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { startLoad, startUpstream } from "./child.ts";
import { startEnvoy } from "./envoy.ts";
import { bareRoute, endpoint, staticRoute } from "./envoy-config.ts";
import { callBytes, callInSession } from "./mcp-request.ts";
import { countsText, median } from "./numbers.ts";
import type { Bar, BenchOptions, Section } from "./report.ts";
import { type Measured, measureRounds, ratio, type Target } from "./rounds.ts";

const path = "/server-0";

/** The gateway against the same Envoy with one hand-written route, and against a bare route. */
export async function throughput({ quick, progress }: BenchOptions): Promise<Section> {
	const folder = await mkdtemp(join(tmpdir(), "bench-"));
	const closing: (() => unknown)[] = [() => rm(folder, { recursive: true })];
	try {
		const upstream = await startUpstream(1);
		closing.push(upstream.close);
		const port = upstream.ports[0]!;
		const load = startLoad();
		closing.push(load.close);
		const gateway = async (servers: number) => {
			const started = await gatewayOf(servers, port, join(folder, `${servers}.log`));
			closing.push(() => started.stop());
			return { pid: (await started.children())["envoy"] ?? 0, port: Number(new URL(started.url).port) };
		};
		const envoy = async (config: Parameters<typeof startEnvoy>[1]) => {
			const started = await startEnvoy(folder, config);
			closing.push(started.close);
			return started;
		};
		const all = [
			["gateway, 1 server", await gateway(1)],
			["gateway, 300 servers", await gateway(300)],
			["static route, same filters", await envoy((own) => staticRoute(own, port, join(folder, "static.log")))],
			["bare route", await envoy((own) => bareRoute(own, port))],
		] as const;
		const targets: Target[] = [];
		for (const kind of ["session", "no session"]) {
			for (const [name, { pid, port }] of all) {
				const request = kind === "session" ? await callInSession(port, path) : callBytes(path);
				targets.push({ name: `${name}; ${kind}`, pid, port, request });
			}
		}
		const measured = await measureRounds(load, targets, {
			rounds: quick ? 8 : 30,
			ms: 500,
			connections: 32,
			progress: (line) => progress(`throughput: ${line}`),
		});
		return section(measured);
	} finally {
		for (const close of closing.reverse()) await close();
	}
}

function gatewayOf(servers: number, port: number, accessLog: string): Promise<Gateway> {
	const ids = Array.from({ length: servers }, (_, index) => `server-${index}`);
	return startGateway({
		registry: Object.fromEntries(ids.map((id) => [id, endpoint(port, "/mcp")])),
		args: ["--concurrency", "1", "--access-log", accessLog],
	});
}

function section(measured: readonly Measured[]): Section {
	const groups = [measured.slice(0, 4), measured.slice(4)] as const;
	const rows = groups.flatMap((group) => {
		const [, , same, bare] = group;
		return group.map(({ name, perSecond, micros, statuses }) => [
			name,
			median(perSecond).toFixed(0),
			ratio(perSecond, same!.perSecond).toFixed(3),
			median(micros).toFixed(1),
			ratio(micros, bare!.micros).toFixed(2),
			countsText(statuses),
		]);
	});
	const bars = groups.flatMap(([one, many, same, bare]): Bar[] =>
		[one!, many!].flatMap((gateway) => {
			const speed = ratio(gateway.perSecond, same!.perSecond);
			const cost = ratio(gateway.micros, bare!.micros);
			return [
				{
					name: `requests/s, ${gateway.name}`,
					measured: speed.toFixed(3),
					bar: "≥ 0.95 of static",
					met: speed >= 0.95,
				},
				{ name: `CPU, ${gateway.name}`, measured: cost.toFixed(2), bar: "≤ 1.4 of bare", met: cost <= 1.4 },
			];
		}),
	);
	return {
		title: "throughput: 32 connections, tools/call, one Envoy worker each; medians of rounds side by side",
		rows: [["target", "requests/s", "of static", "CPU µs/request", "of bare", "statuses"], ...rows],
		bars,
		data: measured,
	};
}
