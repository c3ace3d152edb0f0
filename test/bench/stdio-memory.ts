import { addCounts, countsText, median } from "./numbers.ts";
import { rssMegabytesOf } from "./process-tree.ts";
import type { Bar, BenchOptions, Section } from "./report.ts";
import { type StdioGateway, startBridge, startPeer, startWholeGateway } from "./stdio-gateways.ts";
import { type StdioLoad, startStdioLoad } from "./stdio-load.ts";
import { mcpProxyNpm, mcpProxyPypi, type Peer, supergateway } from "./stdio-peers.ts";

const sessions = 200;
const steps = 4;
const pools = {
	session: { mode: "session", max: sessions + 10 },
	shared: { mode: "shared" },
};

/** Something that sessions are opened on. */
interface Subject {
	readonly name: string;
	readonly kind: keyof typeof pools;
	readonly path: string;
	readonly peer: boolean;
	start(): Promise<StdioGateway>;
}

/** What sessions took of the gateway's own processes, a value a round. */
interface Taken {
	readonly subject: Subject;
	/** MB without a session, after some have come and gone. */
	readonly empty: number[];
	/** MB with all sessions. */
	readonly full: number[];
	/** KB a session: the slope of a straight line through all steps. */
	readonly perSession: number[];
	readonly failures: Record<string, number>;
	problem?: string;
}

/** Memory that a session takes of each stdio gateway, the stdio servers apart: each session is open and has made a call. */
export async function stdioMemory({ quick, progress }: BenchOptions): Promise<Section> {
	const load = startStdioLoad();
	try {
		const ours = (kind: Subject["kind"]): Subject[] => [
			{ name: "bridge, TCP", kind, path: `/${kind}`, peer: false, start: () => startBridge("TCP", pools) },
			{ name: "whole gateway", kind, path: `/${kind}`, peer: false, start: () => startWholeGateway(pools) },
		];
		const theirs = (peer: Peer, kind: Subject["kind"]): Subject => ({
			name: peer.name,
			kind,
			path: "/mcp",
			peer: true,
			start: () => startPeer(peer),
		});
		const subjects = [
			theirs(supergateway, "session"),
			...ours("session"),
			theirs(mcpProxyNpm, "shared"),
			theirs(mcpProxyPypi, "shared"),
			...ours("shared"),
		];
		const taken = subjects.map((subject): Taken => ({ subject, empty: [], full: [], perSession: [], failures: {} }));
		const rounds = quick ? 1 : 2;
		for (let round = 0; round < rounds; round++) {
			for (const into of taken) {
				progress(`stdio-memory: ${into.subject.name}, ${into.subject.kind}, round ${round + 1} of ${rounds}`);
				await measure(load, into).catch((error: Error) => {
					into.problem = error.message;
				});
			}
		}
		return section(taken);
	} finally {
		load.stop();
	}
}

async function measure(load: StdioLoad, into: Taken): Promise<void> {
	const { subject } = into;
	const gateway = await subject.start();
	try {
		const open = async (clients: number) => {
			const order = {
				do: "open",
				to: gateway.to(subject.kind),
				path: subject.path,
				era: "legacy",
				clients,
				atOnce: 4,
			} as const;
			const { group, failures } = await load.open(order);
			addCounts(into.failures, failures);
			return group;
		};
		// The first sessions bring what is loaded and compiled once.
		await load.close(await open(20));
		const values = [rssMegabytesOf(gateway.processes().gateway)];
		for (let step = 0; step < steps; step++) {
			await open(sessions / steps);
			values.push(rssMegabytesOf(gateway.processes().gateway));
		}
		into.empty.push(values[0]!);
		into.full.push(values.at(-1)!);
		into.perSession.push((slope(values) / (sessions / steps)) * 1024);
	} finally {
		// Not one by one: the gateway's end is the end of all its sessions.
		await gateway.close();
	}
}

/** Of the straight line through values that lie one apart, by least squares. */
function slope(values: readonly number[]): number {
	const middle = (values.length - 1) / 2;
	const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
	const above = values.reduce((sum, value, index) => sum + (index - middle) * (value - mean), 0);
	return above / values.reduce((sum, _, index) => sum + (index - middle) ** 2, 0);
}

function section(taken: readonly Taken[]): Section {
	const rows = taken.map(({ subject, empty, full, perSession, failures, problem }) => [
		subject.name,
		subject.kind,
		text(empty),
		text(full),
		text(perSession),
		[problem?.split("\n", 1) ?? [], countsText(failures)].flat().join("; "),
	]);
	const bars = taken.flatMap((one): Bar[] => {
		// The npm peer comes first of its kind.
		const peer = taken.find(({ subject }) => subject.peer && subject.kind === one.subject.kind);
		if (one.subject.peer || peer === undefined || peer.perSession.length === 0) return [];
		const [own, theirs] = [median(one.perSession), median(peer.perSession)];
		const name = `memory a session, ${one.subject.name}, ${one.subject.kind}`;
		return [
			{
				name,
				measured: text(one.perSession),
				bar: `< ${text(peer.perSession)} KB of ${peer.subject.name}`,
				met: own < theirs && Object.keys(one.failures).length === 0,
			},
		];
	});
	return {
		title: `stdio-memory: resident memory of the gateway's own processes with 0 to ${sessions} sessions, stdio servers apart`,
		rows: [["gateway", "mode", "empty, MB", `${sessions} sessions, MB`, "KB a session", "failed"], ...rows],
		bars,
		data: taken.map(({ subject: { name, kind }, ...values }) => ({ name, kind, ...values })),
	};
}

function text(values: readonly number[]): string {
	return values.length === 0 ? "" : median(values).toFixed(1);
}
