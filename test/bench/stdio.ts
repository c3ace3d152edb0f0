import { addCounts, countsText, median } from "./numbers.ts";
import type { Bar, BenchOptions, Section } from "./report.ts";
import { ratio } from "./rounds.ts";
import { type StdioGateway, startBridge, startPeer, startWholeGateway } from "./stdio-gateways.ts";
import { type StdioLoad, startStdioLoad } from "./stdio-load.ts";
import type { Era } from "./stdio-load-job.ts";
import { mcpProxyNpm, mcpProxyPypi, supergateway } from "./stdio-peers.ts";
import { measurePipe, measureStdio, medianText, type StdioMeasured, type StdioTarget } from "./stdio-rounds.ts";
import { type NewSessions, newSessions } from "./stdio-sessions.ts";

/** As the tables have them. */
const counts = [1, 16, 64];
/** One client comes last: what is compiled as it is used has been used by then. */
const measuringOrder = [16, 64, 1];
const warm = 4;
const pools = {
	session: { mode: "session", max: 100 },
	shared: { mode: "shared" },
	warm: { mode: "session", min: warm, max: 100 },
};

/** Ours and the peers that do the same. */
interface Kind {
	readonly name: string;
	readonly era: Era;
	/** Of ours. */
	readonly path: string;
	/** The npm peer that the bars speak of, then others. */
	readonly peers: readonly [string, ...string[]];
	readonly hasBars: boolean;
}

const kinds: readonly Kind[] = [
	{ name: "session", era: "legacy", path: "/session", peers: [supergateway.name], hasBars: true },
	{ name: "shared", era: "legacy", path: "/shared", peers: [mcpProxyNpm.name, mcpProxyPypi.name], hasBars: true },
	{ name: "2026-07-28", era: "modern", path: "/shared", peers: [mcpProxyNpm.name], hasBars: false },
];

interface Group {
	readonly kind: Kind;
	readonly clients: number;
	readonly measured: readonly StdioMeasured[];
}

/** The stdio bridge, alone and with the whole gateway around it, beside other bridges in front of the same server. */
export async function stdio({ quick, progress }: BenchOptions): Promise<Section> {
	const load = startStdioLoad();
	const closing: (() => unknown)[] = [load.stop];
	try {
		const { ours, peers } = await startAll(closing, progress);
		const rounds = quick ? 2 : 5;
		const ms = quick ? 300 : 500;
		const groups: Group[] = [];
		for (const kind of kinds) {
			const targets = [
				...kind.peers.map((name) => target(peers, name, "/mcp", kind.era)),
				...[...ours.keys()].map((name) => target(ours, name, kind.path, kind.era)),
			];
			const ofKind: Group[] = [];
			for (const clients of measuringOrder) {
				const say = (line: string) => progress(`stdio: ${kind.name}, ${clients} clients: ${line}`);
				const measured = await measureStdio(load, targets, { rounds, ms, clients, progress: say });
				ofKind.push({ kind, clients, measured });
			}
			groups.push(...ofKind.sort((a, b) => a.clients - b.clients));
		}
		const pipes: StdioMeasured[] = [];
		for (const clients of counts) pipes.push(await measurePipe(load, clients, rounds, ms));
		const sessions = await measureSessions(load, ours, peers, quick ? 5 : 20, progress);
		return section(groups, pipes, sessions);
	} finally {
		for (const close of closing.reverse()) await close();
	}
}

type Started = ReadonlyMap<string, StdioTarget["gateway"]>;

async function startAll(closing: (() => unknown)[], progress: (line: string) => void) {
	const kept = async (starting: Promise<StdioGateway>): Promise<StdioGateway> => {
		const gateway = await starting;
		closing.push(() => gateway.close());
		return gateway;
	};
	progress("stdio: starts gateways");
	const ours = new Map<string, StdioTarget["gateway"]>();
	for (const starting of [startBridge("TCP", pools), startBridge("Unix socket", pools), startWholeGateway(pools)]) {
		const gateway = await kept(starting);
		ours.set(gateway.name, gateway);
	}
	const peers = new Map<string, StdioTarget["gateway"]>();
	for (const peer of [supergateway, mcpProxyNpm, mcpProxyPypi]) {
		progress(`stdio: starts ${peer.name}`);
		// Without it the bench goes on: its rows say why there is nothing in them.
		peers.set(peer.name, await kept(startPeer(peer)).catch((error: Error) => ({ problem: error.message })));
	}
	return { ours, peers };
}

function target(started: Started, name: string, path: string, era: Era): StdioTarget {
	return { name, gateway: started.get(name)!, path, era };
}

async function measureSessions(
	load: StdioLoad,
	ours: Started,
	peers: Started,
	count: number,
	progress: (line: string) => void,
): Promise<NewSessions[]> {
	const result: NewSessions[] = [];
	const measure = async (what: string, one: StdioTarget, warmProcesses: number) => {
		progress(`stdio: ${what}, ${one.name}`);
		const name = `${one.name}: ${what}`;
		result.push(await newSessions(load, { ...one, name }, { count, warm: warmProcesses }));
	};
	for (const name of peers.keys()) await measure("new session", target(peers, name, "/mcp", "legacy"), 0);
	for (const name of ours.keys()) {
		await measure("new session, cold", target(ours, name, "/session", "legacy"), 0);
		await measure(warmSession, target(ours, name, "/warm", "legacy"), warm);
		await measure("new session, shared", target(ours, name, "/shared", "legacy"), 0);
	}
	return result;
}

const warmSession = "new session, warm";

function section(groups: readonly Group[], pipes: readonly StdioMeasured[], sessions: readonly NewSessions[]): Section {
	const head = ["gateway", "mode", "clients", "calls/s", "of npm peer", "p50 ms", "p99 ms", "CPU µs/call"];
	const rows = groups.flatMap(({ kind, measured }) => measured.map((one) => row(kind.name, one, measured[0]!)));
	return {
		title:
			"stdio: tools/call of the same stdio server behind each gateway; CPU of the gateway's own processes; medians of rounds side by side",
		rows: [
			[...head, "of npm peer", "server µs", "load µs", "failed or wrong"],
			...rows,
			...pipes.map((one) => row("", one, one)),
			...sessions.map(sessionRow),
		],
		bars: [...groups.flatMap(barsOf), ...sessions.flatMap(warmBar)],
		data: { groups, pipes, sessions },
	};
}

function row(mode: string, one: StdioMeasured, peer: StdioMeasured): string[] {
	const of = peer === one || one.problem || peer.problem ? undefined : one;
	return [
		one.name,
		mode,
		String(one.clients),
		medianText(one.perSecond, 0),
		of === undefined ? "" : ratio(of.perSecond, peer.perSecond).toFixed(2),
		medianText(one.p50, 2),
		medianText(one.p99, 2),
		medianText(one.micros, 0),
		of === undefined ? "" : ratio(of.micros, peer.micros).toFixed(2),
		medianText(one.serverMicros, 0),
		medianText(one.loadMicros, 0),
		[one.problem?.split("\n", 1) ?? [], countsText(one.failures)].flat().join("; "),
	];
}

function sessionRow({ name, ms, failures, problem }: NewSessions): string[] {
	const p99 = ms.length === 0 ? "" : Math.max(...ms).toFixed(2);
	return [
		name,
		"",
		"1",
		"",
		"",
		medianText(ms, 2),
		p99,
		"",
		"",
		"",
		[problem?.split("\n", 1) ?? [], countsText(failures)].flat().join("; "),
	];
}

function barsOf({ kind, clients, measured }: Group): Bar[] {
	const peers = measured.slice(0, kind.peers.length);
	const ours = measured.slice(kind.peers.length);
	const failures: Record<string, number> = {};
	for (const one of ours) addCounts(failures, one.failures);
	const where = `${kind.name}, ${clients} client${clients === 1 ? "" : "s"}`;
	const right: Bar = {
		name: `failed or wrong, ours, ${where}`,
		measured: countsText(failures),
		bar: "none",
		met: Object.keys(failures).length === 0 && ours.every(({ problem }) => problem === undefined),
	};
	const [peer] = peers;
	if (!kind.hasBars || peer === undefined || peer.problem !== undefined) return [right];
	return [...ours.flatMap((one) => (one.problem === undefined ? [speedBar(one, peer, where)] : [])).flat(), right];
}

/** Calls per second with many clients; with one the whole gateway's latency. */
function speedBar(one: StdioMeasured, peer: StdioMeasured, where: string): Bar[] {
	const whole = one.name === "whole gateway";
	if (one.clients === 1) {
		if (!whole) return [];
		const times = ratio(one.p50, peer.p50);
		const measured = `${times.toFixed(2)}: ${median(one.p50).toFixed(2)} ms`;
		const bar = `≤ 1 times ${peer.name}`;
		return [{ name: `p50, ${one.name}, ${where}`, measured, bar, met: times <= 1 }];
	}
	const wanted = whole ? 1.3 : 3;
	const times = ratio(one.perSecond, peer.perSecond);
	const bar = `≥ ${wanted} times ${peer.name}`;
	return [{ name: `calls/s, ${one.name}, ${where}`, measured: times.toFixed(2), bar, met: times >= wanted }];
}

function warmBar({ name, ms, problem }: NewSessions): Bar[] {
	if (!name.endsWith(warmSession)) return [];
	const p50 = median(ms);
	const measured = problem ?? `${p50.toFixed(1)} ms`;
	return [{ name: `p50, ${name}`, measured, bar: "≤ 10 ms", met: problem === undefined && p50 <= 10 }];
}
