import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { startGateway } from "../support/gateway.ts";
import { startLoad, startUpstream } from "./child.ts";
import { endpoint } from "./envoy-config.ts";
import { openStream } from "./event-stream.ts";
import { callInSession } from "./mcp-request.ts";
import { isAt, isServed, isUnknown, Poll } from "./poll.ts";
import { quietChanges } from "./quiet-changes.ts";
import { RegistryFile } from "./registry-edit.ts";
import { type ReloadFindings, reloadSection } from "./reload-report.ts";
import type { BenchOptions, Section } from "./report.ts";
import { joinEnvoy } from "./second-envoy.ts";
import { stagesOf } from "./stages.ts";

/** Servers that nothing changes, under load. */
const unchanged = [0, 1, 2, 3, 4].map((index) => `server-${index}`);
const connectionsEach = 4;
/** 20 connections, a request every 20 ms each: 1,000 requests/s. */
const everyMs = 20;
/** How long a change is watched once it shows. */
const afterMs = 30;

interface ReloadOptions {
	readonly servers: number;
	/** Rounds of three to four changes. */
	readonly cycles: number;
	/** The gateway's own, and one that has joined it. */
	readonly envoys: 1 | 2;
}

/** Additions, changes and removals by file at 300 servers, under load and with open streams. */
export function reload(options: BenchOptions): Promise<Section> {
	return changesUnderLoad({ servers: 300, cycles: options.quick ? 20 : 100, envoys: 1 }, options);
}

/** The same at 1,000 servers, with two Envoys that share the port. */
export function reloadTwo(options: BenchOptions): Promise<Section> {
	return changesUnderLoad({ servers: 1000, cycles: options.quick ? 30 : 150, envoys: 2 }, options);
}

async function changesUnderLoad(
	{ servers, cycles, envoys }: ReloadOptions,
	{ quick, progress }: BenchOptions,
): Promise<Section> {
	const closing: (() => unknown)[] = [];
	try {
		const upstream = await startUpstream(2);
		closing.push(upstream.close);
		const [one, two] = upstream.ports as [number, number];
		const load = startLoad();
		closing.push(load.close);
		const all = Array.from({ length: servers }, (_, index) => [`server-${index}`, endpoint(one, "/mcp")] as const);
		const gateway = await startGateway({
			registry: Object.fromEntries(all),
			args: ["--access-log", "off"],
			env: { LOG_LEVEL: "debug" },
		});
		closing.push(async () => {
			await gateway.stop();
			await rm(gateway.tempDir, { recursive: true, force: true });
		});
		if (envoys === 2) {
			const second = await joinEnvoy(gateway);
			closing.push(second.close);
		}
		const port = Number(new URL(gateway.url).port);
		const file = new RegistryFile(gateway.registryFile, all);
		const streams = await Promise.all(unchanged.slice(0, 2).map((id) => openStream(`${gateway.url}/${id}`)));
		closing.push(() => streams.map((stream) => stream.close()));
		const requests = await Promise.all(unchanged.map((id) => callInSession(port, `/${id}`)));
		const connections = requests.flatMap((request) =>
			Array.from({ length: connectionsEach }, () => ({ port, request: request.toString("base64") })),
		);
		const loaded = load.run({ connections, ms: 600_000, everyMs });
		const poll = new Poll(port);
		closing.push(() => poll.close());

		const times: ReloadFindings["times"] = {
			added: [],
			"re-added": [],
			"endpoint moved": [],
			"path changed": [],
			removed: [],
		};
		const windows: [number, number][] = [];
		const missing: string[] = [];
		const step = async (
			kind: keyof ReloadFindings["times"],
			id: string,
			entry: ReturnType<typeof endpoint> | undefined,
			wanted: Parameters<Poll["until"]>[1],
		) => {
			const before = kind === "added" || kind === "re-added" ? isUnknown : isServed;
			await poll.until(id, before, 0);
			// A connection that is opened anew may reach the Envoy that has not heard of the change yet.
			const watched = poll.until(id, wanted, afterMs, envoys === 1 ? "must stay" : "may go back");
			await sleep(Math.random() * 20);
			const renamedAt = file.change(id, entry);
			const shownAt = await watched;
			if (shownAt === undefined) missing.push(`${kind} ${id}`);
			else {
				times[kind].push(shownAt - renamedAt);
				if (kind === "added") windows.push([renamedAt, shownAt]);
			}
		};
		let flips = 0;
		/** Removed and back at once: nobody may see more of it than a 404. */
		const flip = async (id: string) => {
			const entry = file.entries.get(id);
			const watched = poll.until(id, isServed, 100, "may go back");
			file.change(id, undefined);
			await sleep(Math.random() * 15);
			file.change(id, entry);
			await watched;
			if ((await poll.until(id, isServed, 0)) === undefined) missing.push(`removed and back: ${id}`);
			flips += 1;
		};
		for (let cycle = 0; cycle < cycles; cycle++) {
			progress(`reload: ${cycle + 1} of ${cycles} additions, changes and removals`);
			await step("added", `added-${cycle}`, endpoint(one, "/mcp"), isServed);
			if (cycle % 2 === 0)
				await step("endpoint moved", `server-${cycle + 100}`, endpoint(two, "/mcp"), isAt(two, "/mcp"));
			else await step("path changed", `server-${cycle + 100}`, endpoint(one, "/v2"), isAt(one, "/v2"));
			await step("removed", `added-${cycle}`, undefined, isUnknown);
			if (cycle % 10 === 5) await flip(`server-${200 + cycle}`);
			if (cycle % 4 === 0) await step("re-added", `added-${cycle}`, endpoint(two, "/v3"), isAt(two, "/v3"));
		}
		load.stop();
		const loadResult = await loaded;
		const cut = streams.map((stream) => stream.cut).filter((why) => why !== undefined);
		const streamGap = Math.max(...streams.map(({ longestGap }) => longestGap));
		for (const stream of streams) stream.close();
		progress("reload: changes without traffic");
		const costs = envoys === 1 ? await quietChanges(gateway, file, upstream.ports, quick ? 20 : 50) : [];
		const events = gateway.events();
		const stages = windows.flatMap(([from, to]) => stagesOf(events, from, to) ?? []);
		return reloadSection({
			servers,
			envoys,
			times,
			flips,
			load: loadResult,
			changing: poll.statuses,
			cut,
			streamGap,
			missing,
			costs,
			stages,
		});
	} finally {
		for (const close of closing.reverse()) await close();
	}
}
