import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startLoad, startUpstream } from "./child.ts";
import { startEnvoy } from "./envoy.ts";
import { bareRoute, type ConnectionManager, staticRoute } from "./envoy-config.ts";
import { callInSession } from "./mcp-request.ts";
import { median } from "./numbers.ts";
import type { BenchOptions, Section } from "./report.ts";
import { measureRounds, type Target } from "./rounds.ts";

const path = "/server-0/sdk";

type Change = (manager: ConnectionManager) => void;

const without =
	(...names: string[]): Change =>
	(manager) => {
		manager.http_filters = manager.http_filters.filter(({ name }) => !names.includes(name.split(".").at(-1) ?? ""));
	};

/** The gateway's filters with one thing taken off each; the difference is what it costs. */
const variants: Readonly<Record<string, Change>> = {
	"all filters": () => {},
	"without access log": (manager) => {
		manager.access_log = [];
	},
	"without refusals and rbac": without("refusals", "rbac"),
	"without buffer": without("buffer"),
	"without json_to_metadata": without("json_to_metadata"),
	"without early headers": (manager) => {
		delete manager["early_header_mutation_extensions"];
	},
	"without cors": without("cors"),
	"without stateful_session": without("stateful_session"),
	"without error mappers": (manager) => {
		delete manager["local_reply_config"];
	},
	"without any filter or log": (manager) => {
		manager.http_filters = manager.http_filters.slice(-1);
		manager.access_log = [];
	},
};

/** What each filter costs. Not among the usual sections: for whoever looks into a missed bar. */
export async function filters({ quick, progress }: BenchOptions): Promise<Section> {
	const folder = await mkdtemp(join(tmpdir(), "bench-"));
	const closing: (() => unknown)[] = [() => rm(folder, { recursive: true })];
	try {
		const upstream = await startUpstream(1);
		closing.push(upstream.close);
		const load = startLoad();
		closing.push(load.close);
		const port = upstream.ports[0]!;
		const targets: Target[] = [];
		const configs = Object.entries(variants).map(([name, change]) => {
			const log = join(folder, `${targets.length}.log`);
			return [name, (own: number) => staticRoute(own, port, log, change)] as const;
		});
		for (const [name, config] of [...configs, ["bare route", (own: number) => bareRoute(own, port)] as const]) {
			const envoy = await startEnvoy(folder, config);
			closing.push(envoy.close);
			// Only with the session filter are ids wrapped, so each target needs one of its own.
			targets.push({ name, pid: envoy.pid, port: envoy.port, request: await callInSession(envoy.port, path) });
		}
		const measured = await measureRounds(load, targets, {
			rounds: quick ? 8 : 30,
			ms: 300,
			connections: 32,
			progress: (line) => progress(`filters: ${line}`),
		});
		const all = measured[0]!.micros;
		const rows = measured.map(({ name, micros, perSecond }) => [
			name,
			median(micros).toFixed(1),
			median(all.map((value, round) => value - micros[round]!)).toFixed(1),
			median(perSecond).toFixed(0),
		]);
		return {
			title: "filters: CPU of Envoy with one thing taken off; medians of rounds side by side",
			rows: [["variant", "CPU µs/request", "saves", "requests/s"], ...rows],
			bars: [],
			data: measured,
		};
	} finally {
		for (const close of closing.reverse()) await close();
	}
}
