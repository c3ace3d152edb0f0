import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { stringify } from "yaml";
import { createRegistryParser } from "../../control-plane/registry/parse.ts";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { startUpstream } from "./child.ts";
import { endpoint } from "./envoy-config.ts";
import { median, quantile } from "./numbers.ts";
import { isServed, isUnknown, Poll } from "./poll.ts";
import { type ChangeCost, quietChanges } from "./quiet-changes.ts";
import { RegistryFile } from "./registry-edit.ts";
import type { Bar, BenchOptions, Section } from "./report.ts";

const sizes = [1000, 10_000] as const;

type Entries = (readonly [string, ReturnType<typeof endpoint>])[];

interface Measured {
	readonly servers: number;
	/** Milliseconds from the request's or the rename's beginning to the first 200. */
	readonly api: readonly number[];
	readonly file: readonly number[];
	/** Milliseconds of the whole `PUT`. */
	readonly put: readonly number[];
	readonly costs: readonly ChangeCost[];
}

/** One change at a time, by the admin API and by file, from its beginning to the first request that is served. */
export async function changes({ quick, progress }: BenchOptions): Promise<Section> {
	const upstream = await startUpstream(2);
	const measured: Measured[] = [];
	const parsed: string[][] = [];
	try {
		for (const servers of sizes) {
			const entries: Entries = Array.from({ length: servers }, (_, index) => [
				`server-${index}`,
				endpoint(upstream.ports[0]!, "/mcp"),
			]);
			progress(`changes: parses ${servers} servers`);
			parsed.push(...parseRows(entries));
			progress(`changes: starts with ${servers} servers`);
			const gateway = await startGateway({ registry: Object.fromEntries(entries), args: ["--access-log", "off"] });
			try {
				measured.push(await measure(gateway, entries, upstream.ports, quick ? 20 : 150, progress));
			} finally {
				await gateway.stop();
				await rm(gateway.tempDir, { recursive: true, force: true });
			}
		}
	} finally {
		upstream.close();
	}
	return section(measured, parsed);
}

async function measure(
	gateway: Gateway,
	entries: Entries,
	ports: readonly number[],
	count: number,
	progress: BenchOptions["progress"],
): Promise<Measured> {
	const poll = new Poll(Number(new URL(gateway.url).port));
	const file = new RegistryFile(gateway.registryFile, entries);
	const entry = endpoint(ports[0]!, "/mcp");
	const put: number[] = [];
	const addition = async (id: string, change: () => number | Promise<number>) => {
		const watched = poll.until(id, isServed, 0);
		await sleep(Math.random() * 20);
		const began = await change();
		const shown = await watched;
		if (shown === undefined) throw new Error(`${id} was never served\n${gateway.output().slice(-4000)}`);
		return shown - began;
	};
	const removed = async (id: string) => {
		file.change(id, undefined);
		await poll.until(id, isUnknown, 0);
	};
	try {
		const api: number[] = [];
		const byFile: number[] = [];
		for (let index = 0; index < count; index++) {
			progress(`changes: ${index + 1} of ${count} at ${entries.length} servers`);
			const one = `by-api-${index}`;
			api.push(
				await addition(one, async () => {
					const began = performance.now();
					const response = await fetch(`${gateway.adminUrl}/v1/servers/${one}`, {
						method: "PUT",
						headers: { "content-type": "application/json" },
						body: JSON.stringify(entry),
					});
					if (!response.ok) throw new Error(`PUT: ${response.status} ${await response.text()}`);
					put.push(performance.now() - began);
					return began;
				}),
			);
			await removed(one);
			const other = `by-file-${index}`;
			byFile.push(await addition(other, () => file.change(other, entry)));
			await removed(other);
		}
		progress(`changes: without traffic at ${entries.length} servers`);
		const costs = await quietChanges(gateway, file, ports, Math.min(count, 40));
		return { servers: entries.length, api, file: byFile, put, costs };
	} finally {
		poll.close();
	}
}

/** A registry read as a whole, and read again with one entry changed. */
function parseRows(entries: Entries): string[][] {
	const [, ...rest] = entries;
	const changed = (port: number) => [["server-0", endpoint(port, "/changed")] as const, ...rest];
	return (["json", "yaml"] as const).map((format) => {
		const text = (all: Entries) =>
			format === "json" ? JSON.stringify(Object.fromEntries(all), null, 2) : stringify(Object.fromEntries(all));
		const others = Array.from({ length: 6 }, (_, index) => text(changed(index + 1)));
		const parser = createRegistryParser();
		const parse = (registry: string) => {
			const began = performance.now();
			if (!parser.parse(registry, `registry.${format}`).ok) throw new Error("the bench's registry is faulty");
			return performance.now() - began;
		};
		const whole = parse(text(entries));
		const again = others.map(parse);
		return [`${entries.length} servers, ${format}`, whole.toFixed(1), median(again).toFixed(1)];
	});
}

function section(measured: readonly Measured[], parsed: readonly string[][]): Section {
	const ms = (value: number) => value.toFixed(1);
	const times = (name: string, values: readonly number[]) => [
		name,
		...[0.5, 0.9, 0.99, 1].map((q) => ms(quantile(values, q))),
		String(values.length),
	];
	const [small, large] = measured as [Measured, Measured];
	const limits = (what: string, values: readonly number[], p50: number, p99: number): Bar[] =>
		(
			[
				["p50", 0.5, p50],
				["p99", 0.99, p99],
			] as const
		).map(([name, q, limit]) => ({
			name: `${what}, ${name}`,
			measured: `${ms(quantile(values, q))} ms`,
			bar: `≤ ${limit} ms`,
			met: quantile(values, q) <= limit,
		}));
	const bytes = Math.max(...measured.flatMap(({ costs }) => costs.map((cost) => cost.bytes)));
	const added = (one: Measured) => one.costs[0]!.envoy;
	const growth = added(large) / added(small);
	return {
		title: "changes: one at a time, from its beginning to the first request that is served",
		rows: [
			["to the first answer, ms", "p50", "p90", "p99", "max", "count"],
			...measured.flatMap(({ servers, api, file, put }) => [
				times(`by API at ${servers} servers`, api),
				times(`… until the API has answered`, put),
				times(`by JSON file at ${servers} servers`, file),
			]),
			[],
			["reading a registry, ms", "whole", "one entry changed"],
			...parsed,
			[],
			["one change without traffic", "bytes", "Envoy ms", "control plane ms"],
			...measured.flatMap(({ servers, costs }) =>
				costs.map(({ kind, bytes: sent, envoy, controlPlane }) => [
					`${kind} at ${servers}`,
					sent.toFixed(0),
					ms(envoy),
					ms(controlPlane),
				]),
			),
		],
		bars: [
			...limits("by API at 1000 servers", small.api, 30, 60),
			...limits("by JSON file at 1000 servers", small.file, 30, 60),
			...limits("by API at 10000 servers", large.api, 60, 150),
			{ name: "bytes of a change", measured: bytes.toFixed(0), bar: "≤ 2000", met: bytes <= 2000 },
			{
				name: "Envoy's CPU for an addition, 10000 against 1000",
				measured: `${growth.toFixed(1)} times`,
				bar: "< 10 times",
				met: growth < 10,
			},
		],
		data: { measured, parsed },
	};
}
