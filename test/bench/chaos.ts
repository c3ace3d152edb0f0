import { readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually, type Gateway, startGateway } from "../support/gateway.ts";
import { type Load, startLoad, startUpstream, type Upstream } from "./child.ts";
import { Connection } from "./connection.ts";
import { openStream } from "./event-stream.ts";
import type { Failure, LoadResult } from "./load-job.ts";
import { modernCallBytes } from "./mcp-request.ts";
import { addCounts, countsText, quantile } from "./numbers.ts";
import { rssMegabytes } from "./process-usage.ts";
import type { Bar, BenchOptions, Section } from "./report.ts";
import { startSessionClient } from "./session-client.ts";

const replicas = 3;
const path = "/replicated";
/** 16 connections with a request every 20 ms each: 800 requests/s. */
const connections = 16;
const everyMs = 20;
const sessionClients = 6;
/** A process that has run for five seconds is started again at once; see `control-plane/cli/child.ts`. */
const apartMs = 6000;

type Victim = "replica" | "control plane" | "Envoy";

/** What one kind of process' kills did. */
interface Findings {
	readonly victim: Victim;
	readonly load: LoadResult;
	/** For each kill: milliseconds until the last failed call that it caused; 0 where none failed. */
	readonly windows: readonly number[];
	readonly sessionCalls: number;
	readonly sessionFailures: Readonly<Record<string, number>>;
	readonly sessionsBegunAnew: number;
	readonly streamsCut: number;
	/** Share of each replica in 300 calls at the end. */
	readonly shares: readonly number[];
	/** MB that survivors hold after the last kill beyond what they held after the first, and descriptors likewise. */
	readonly growth: Readonly<Record<string, { readonly mb: number; readonly files: number }>>;
}

/** `kill -9` of a replica, of the control plane and of Envoy, in turn, under load. */
export async function chaos({ quick, progress }: BenchOptions): Promise<Section> {
	const closing: (() => unknown)[] = [];
	try {
		const upstreams: Upstream[] = [];
		for (let index = 0; index < replicas; index++) upstreams.push(await startUpstream(1));
		closing.push(() => upstreams.map((upstream) => upstream.close()));
		const steady = await startUpstream(1);
		closing.push(steady.close);
		const url = ({ ports }: Upstream) => `http://127.0.0.1:${ports[0]}/mcp`;
		const gateway = await startGateway({
			registry: {
				replicated: { type: "http", endpoints: upstreams.map(url) },
				steady: { type: "http", endpoint: url(steady) },
			},
			args: ["--access-log", "off"],
		});
		closing.push(async () => {
			await gateway.stop();
			await rm(gateway.tempDir, { recursive: true, force: true });
		});
		const load = startLoad();
		closing.push(load.close);
		const kills: Record<Victim, (round: number) => Promise<void>> = {
			async replica(round) {
				const index = round % replicas;
				const port = upstreams[index]!.ports[0]!;
				process.kill(upstreams[index]!.pid, "SIGKILL");
				await sleep(500);
				upstreams[index] = await startUpstream(1, port);
			},
			"control plane": () => killChild(gateway, "control-plane"),
			Envoy: () => killChild(gateway, "envoy"),
		};
		const rounds = quick ? 3 : 10;
		const findings: Findings[] = [];
		for (const victim of Object.keys(kills) as Victim[]) {
			const kill = async (round: number) => {
				progress(`chaos: kill -9 of ${victim}, ${round + 1} of ${rounds}`);
				await kills[victim](round);
			};
			findings.push(await underLoad(gateway, load, victim, rounds, kill));
		}
		return section(findings, rounds);
	} finally {
		for (const close of closing.reverse()) await close();
	}
}

async function killChild(gateway: Gateway, name: "control-plane" | "envoy"): Promise<void> {
	const pid = (await gateway.children())[name];
	if (pid === undefined) throw new Error(`no process ${name}`);
	process.kill(pid, "SIGKILL");
	await eventually(`${name} is back`, async () => isBack(gateway, name, pid), 30_000);
}

async function isBack(gateway: Gateway, name: string, before: number): Promise<boolean> {
	try {
		const now = (await gateway.children())[name];
		if (now === undefined || now === before) return false;
		return (await fetch(`${gateway.adminUrl}/readyz`)).ok;
	} catch {
		return false;
	}
}

async function underLoad(
	gateway: Gateway,
	load: Load,
	victim: Victim,
	rounds: number,
	kill: (round: number) => Promise<void>,
): Promise<Findings> {
	const port = Number(new URL(gateway.url).port);
	const request = modernCallBytes(path).toString("base64");
	const sessions = Array.from({ length: sessionClients }, () => startSessionClient(port, path, everyMs));
	const done = load.run({
		connections: Array.from({ length: connections }, () => ({ port, request })),
		ms: 3_600_000,
		everyMs,
	});
	const killedAt: number[] = [];
	let streamsCut = 0;
	let first: Record<string, { mb: number; files: number }> | undefined;
	let last: Record<string, { mb: number; files: number }> = {};
	for (let round = 0; round < rounds; round++) {
		const stream = await openStream(`${gateway.url}/steady`);
		await sleep(500);
		killedAt.push(performance.timeOrigin + performance.now());
		await kill(round);
		await sleep(apartMs);
		if (stream.cut !== undefined) streamsCut++;
		stream.close();
		last = await held(gateway, victim);
		first ??= last;
	}
	load.stop();
	const loaded = await done;
	await Promise.all(sessions.map((session) => session.close()));
	const sessionFailures: Record<string, number> = {};
	for (const { failures } of sessions) for (const { status } of failures) addCounts(sessionFailures, { [status]: 1 });
	const failures = [...loaded.failures, ...sessions.flatMap((session) => session.failures)];
	return {
		victim,
		load: loaded,
		windows: killedAt.map((at, index) => lastFailure(failures, at, killedAt[index + 1] ?? Number.POSITIVE_INFINITY)),
		sessionCalls: sessions.reduce((sum, { calls }) => sum + calls, 0),
		sessionFailures,
		sessionsBegunAnew: sessions.reduce((sum, { restarts }) => sum + Math.max(0, restarts), 0),
		streamsCut,
		shares: await shares(port),
		growth: Object.fromEntries(
			Object.entries(last).map(([name, now]) => {
				const then = first?.[name] ?? now;
				return [name, { mb: now.mb - then.mb, files: now.files - then.files }];
			}),
		),
	};
}

function lastFailure(failures: readonly Failure[], from: number, to: number): number {
	return failures.reduce((longest, { at }) => (at >= from && at < to ? Math.max(longest, at - from) : longest), 0);
}

/** What the processes that were not killed hold. */
async function held(gateway: Gateway, victim: Victim): Promise<Record<string, { mb: number; files: number }>> {
	const killed = { replica: "", "control plane": "control-plane", Envoy: "envoy" }[victim];
	const all = { up: gateway.pid, ...(await gateway.children()) };
	return Object.fromEntries(
		Object.entries(all).flatMap(([name, pid]) =>
			name === killed ? [] : [[name, { mb: rssMegabytes(pid), files: readdirSync(`/proc/${pid}/fd`).length }]],
		),
	);
}

/** Calls of 300 that each replica answers, least first. */
async function shares(port: number): Promise<number[]> {
	const connection = new Connection(port);
	const counts: Record<string, number> = {};
	for (let index = 0; index < 300; index++) {
		const answer = await connection.request(modernCallBytes(path));
		addCounts(counts, { [/"at":"(\d+)/.exec(answer?.body.toString() ?? "")?.[1] ?? String(answer?.status)]: 1 });
	}
	connection.close();
	return Object.values(counts).sort((a, b) => a - b);
}

function section(all: readonly Findings[], rounds: number): Section {
	const rows = all.map((one) => [
		one.victim,
		countsText(one.load.statuses),
		`${quantile(one.windows, 0.5).toFixed(0)} / ${Math.max(...one.windows).toFixed(0)}`,
		one.load.max.toFixed(0),
		`${one.sessionCalls}: ${countsText(one.sessionFailures)}`,
		String(one.sessionsBegunAnew),
		`${one.streamsCut} of ${rounds}`,
		one.shares.join("/"),
		Object.entries(one.growth)
			.map(([name, { mb, files }]) => `${name} ${mb.toFixed(1)}/${files}`)
			.join(", "),
	]);
	const bars = all.flatMap(({ victim, load, shares: each, growth }): Bar[] => {
		const worst = Math.max(...Object.values(growth).map(({ mb }) => mb));
		return [
			{
				name: `calls that hang after kills of ${victim}`,
				measured: String(load.hanging),
				bar: "0",
				met: load.hanging === 0,
			},
			{
				name: `replicas that get their share again, ${victim}`,
				measured: each.join("/"),
				bar: "3 of 90 to 110",
				met: each.length === replicas && each.every((count) => count >= 90 && count <= 110),
			},
			{
				name: `memory of the survivors, ${victim}`,
				measured: `${worst.toFixed(1)} MB more`,
				bar: "≤ 10 MB more",
				met: worst <= 10,
			},
		];
	});
	return {
		title: `chaos: ${rounds} × kill -9 each, under 800 stateless calls/s and ${sessionClients} sessions`,
		rows: [
			[
				"killed",
				"stateless calls",
				"last failure after, ms p50 / max",
				"longest call, ms",
				"calls in sessions: failed",
				"sessions begun anew",
				"streams cut",
				"shares of 300 then",
				"growth of survivors, MB/files",
			],
			...rows,
		],
		bars,
		data: all.map(({ load: { failures: _, ...load }, ...rest }) => ({ ...rest, load })),
	};
}
