import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startGateway } from "../support/gateway.ts";
import { NODE } from "../support/process.ts";
import { startUpstream } from "./child.ts";
import { httpSession, postSender, type Sender, stdioSession } from "./echo-client.ts";
import { startEnvoy } from "./envoy.ts";
import { bareRoute, endpoint } from "./envoy-config.ts";
import { toolCall } from "./mcp-request.ts";
import { median, quantile } from "./numbers.ts";
import type { BenchOptions, Section } from "./report.ts";

const stdioServer = fileURLToPath(new URL("../fixtures/stdio/server.ts", import.meta.url));

interface Path {
	readonly name: string;
	readonly send: Sender;
	/** Milliseconds, a list a round. */
	readonly rounds: number[][];
}

/** How long one client waits for an answer, directly and through the gateway, to an HTTP and to a stdio server. */
export async function latency({ quick, progress }: BenchOptions): Promise<Section> {
	const folder = await mkdtemp(join(tmpdir(), "bench-"));
	const closing: (() => unknown)[] = [() => rm(folder, { recursive: true })];
	try {
		const upstream = await startUpstream(1);
		closing.push(upstream.close);
		const port = upstream.ports[0]!;
		const bare = await startEnvoy(folder, (own) => bareRoute(own, port));
		closing.push(bare.close);
		const gateway = await startGateway({
			registry: { "server-0": endpoint(port, "/mcp"), stdio: { type: "stdio", cmd: [NODE, stdioServer] } },
			args: ["--concurrency", "1", "--access-log", join(folder, "access.log")],
		});
		closing.push(() => gateway.stop());
		const child: ChildProcess = spawn(NODE, [stdioServer], { stdio: ["pipe", "pipe", "inherit"] });
		closing.push(() => child.kill("SIGKILL"));

		const path = (name: string, send: Sender): Path => ({ name, send, rounds: [] });
		const http = (origin: string) => postSender(`${origin}/server-0`, toolCall);
		const paths = [
			path("HTTP, direct", http(`http://127.0.0.1:${port}`)),
			path("HTTP, bare Envoy", http(`http://127.0.0.1:${bare.port}`)),
			path("HTTP, gateway", http(gateway.url)),
			path("stdio, direct", await stdioSession(child)),
			path("stdio, gateway and bridge", await httpSession(`${gateway.url}/stdio`)),
		];
		const rounds = quick ? 3 : 7;
		const calls = quick ? 200 : 500;
		for (const { send } of paths) for (let call = 0; call < 100; call++) await send();
		for (let round = 0; round < rounds; round++) {
			progress(`latency: round ${round + 1} of ${rounds}`);
			for (const { send, rounds } of paths) rounds.push(await timed(send, calls));
		}
		const rows = paths.map(({ name, rounds }) => [
			name,
			...[0.5, 0.9, 0.99].map((q) => median(rounds.map((values) => quantile(values, q))).toFixed(3)),
		]);
		return {
			title: "latency: one client, one call after the other, milliseconds; medians of rounds side by side",
			rows: [["path", "p50", "p90", "p99"], ...rows],
			bars: [],
			data: Object.fromEntries(paths.map(({ name, rounds }) => [name, rounds.map((values) => quantile(values, 0.5))])),
		};
	} finally {
		for (const close of closing.reverse()) await close();
	}
}

async function timed(send: Sender, calls: number): Promise<number[]> {
	const values: number[] = [];
	for (let call = 0; call < calls; call++) {
		const sentAt = performance.now();
		await send();
		values.push(performance.now() - sentAt);
	}
	return values;
}
