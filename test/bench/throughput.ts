import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { startConformanceServer } from "../support/upstreams.ts";
import { startLoad, startUpstream } from "./child.ts";
import { startEnvoy } from "./envoy.ts";
import { bareRoute, endpoint, staticRoute } from "./envoy-config.ts";
import { callInSession, fixtureCall, modernCallBytes, type ToolCall, toolCall } from "./mcp-request.ts";
import { countsText, median } from "./numbers.ts";
import { pin } from "./pin.ts";
import type { Bar, BenchOptions, Section } from "./report.ts";
import { type Measured, measureRounds, mergedByName, ratio, type Target } from "./rounds.ts";

const path = "/server-0";

interface Kind {
	readonly upstream: string;
	readonly path: string;
	readonly call: ToolCall;
}

/** The gateway against the same Envoy with one hand-written route, and against a bare route: a real server answers. */
export async function throughput(options: BenchOptions): Promise<Section> {
	const server = await startConformanceServer();
	try {
		const kinds = [{ upstream: "SDK server", path, call: fixtureCall }];
		const groups = await measureKinds(server.port, kinds, options);
		return section("throughput: a server of the official SDK", groups, true);
	} finally {
		await server.close();
	}
}

/**
 * The same with canned answers that cost next to nothing, in the form of the official SDKs and in the shortest there is:
 * Envoy is the bottleneck, and every filter weighs the most.
 */
export async function saturation(options: BenchOptions): Promise<Section> {
	const canned = await startUpstream(1);
	try {
		const kinds = [
			{ upstream: "canned, SDK's form", path: `${path}/sdk`, call: toolCall },
			{ upstream: "canned, shortest", path, call: toolCall },
		];
		return section("saturation: canned answers", await measureKinds(canned.ports[0]!, kinds, options), false);
	} finally {
		canned.close();
	}
}

async function measureKinds(port: number, kinds: readonly Kind[], { quick, progress }: BenchOptions): Promise<Group[]> {
	const folder = await mkdtemp(join(tmpdir(), "bench-"));
	const closing: (() => unknown)[] = [() => rm(folder, { recursive: true })];
	// Children begin where their parent is: load, upstreams and control planes here, the Envoys go elsewhere.
	pin(process.pid, "load");
	try {
		const load = startLoad();
		closing.push(load.close);
		const started = await startTargets(port, folder, closing);
		const groups: Group[] = [];
		for (const kind of kinds) {
			for (const revision of ["2025-11-25", "2026-07-28"] as const) {
				const targets: Target[] = [];
				for (const [name, target] of started) {
					const request =
						revision === "2025-11-25"
							? await callInSession(target.port, kind.path, kind.call)
							: modernCallBytes(kind.path, kind.call);
					targets.push({ name, ...target, request });
				}
				for (const connections of [1, 32]) {
					const what = `${revision}, ${kind.upstream}, ${connections} connections`;
					const measured = await measureRounds(load, targets, {
						rounds: quick ? 6 : 12,
						ms: 400,
						connections,
						progress: (line) => progress(`throughput: ${what}, ${line}`),
					});
					groups.push({ what, measured: mergedByName(measured) });
				}
			}
		}
		return groups;
	} finally {
		for (const close of closing.reverse()) await close();
	}
}

/**
 * Two processes of each kind, on a core of their own: what one process' place in memory and on the cores does to it is a
 * tenth either way.
 */
async function startTargets(
	port: number,
	folder: string,
	closing: (() => unknown)[],
): Promise<[string, { pid: number; port: number }][]> {
	const gateway = async (servers: number) => {
		const up = await gatewayOf(servers, port, join(folder, `${servers}.log`));
		closing.push(() => up.stop());
		return { pid: (await up.children())["envoy"] ?? 0, port: Number(new URL(up.url).port) };
	};
	const envoy = async (config: Parameters<typeof startEnvoy>[1]) => {
		const one = await startEnvoy(folder, config);
		closing.push(one.close);
		return one;
	};
	const started: [string, { pid: number; port: number }][] = [];
	for (let instance = 0; instance < 2; instance++) {
		started.push(["gateway, 1 server", await gateway(1)]);
		started.push(["gateway, 300 servers", await gateway(300)]);
		started.push(["static route, same filters", await envoy((own) => staticRoute(own, port, `${folder}/static.log`))]);
		started.push(["bare route", await envoy((own) => bareRoute(own, port))]);
	}
	for (const [, { pid }] of started) pin(pid, "measured");
	return started;
}

/** A gateway with so many servers, `server-0` and on, that all have the same replica. */
export function gatewayOf(servers: number, port: number, accessLog: string): Promise<Gateway> {
	const ids = Array.from({ length: servers }, (_, index) => `server-${index}`);
	return startGateway({
		registry: Object.fromEntries(ids.map((id) => [id, endpoint(port, "/mcp")])),
		args: ["--concurrency", "1", "--access-log", accessLog],
	});
}

/** What all targets did with one kind of call and answer at one number of connections. */
interface Group {
	readonly what: string;
	readonly measured: readonly Measured[];
}

function section(title: string, groups: readonly Group[], withBars: boolean): Section {
	const rows = groups.flatMap(({ what, measured }) => {
		const [, , same, bare] = measured;
		return measured.map(({ name, perSecond, micros, statuses }) => [
			name,
			what,
			median(perSecond).toFixed(0),
			ratio(perSecond, same!.perSecond).toFixed(3),
			median(micros).toFixed(1),
			ratio(micros, bare!.micros).toFixed(2),
			countsText(statuses),
		]);
	});
	const bars = (withBars ? groups : []).flatMap(({ what, measured: [one, many, same, bare] }): Bar[] =>
		[one!, many!].flatMap((gateway) => {
			const speed = ratio(gateway.perSecond, same!.perSecond);
			const cost = ratio(gateway.micros, bare!.micros);
			const name = `${gateway.name}; ${what}`;
			return [
				{ name: `requests/s, ${name}`, measured: speed.toFixed(3), bar: "≥ 0.95 of static", met: speed >= 0.95 },
				{ name: `CPU, ${name}`, measured: cost.toFixed(2), bar: "≤ 1.4 of bare", met: cost <= 1.4 },
			];
		}),
	);
	return {
		title: `${title}; tools/call (2025-11-25 in a session), one Envoy worker each; medians of rounds side by side`,
		rows: [["target", "call", "requests/s", "of static", "CPU µs/request", "of bare", "statuses"], ...rows],
		bars,
		data: groups,
	};
}
