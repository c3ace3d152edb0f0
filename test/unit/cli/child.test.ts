import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import type { ProcessState } from "../../../control-plane/cli/child.ts";
import { createSupervisor } from "../../../control-plane/cli/supervisor.ts";
import { spawnGuarded } from "../../../envoy/guard.ts";
import { eventually } from "../../support/gateway.ts";

const log = pino({ level: "silent" });
const backoff = { firstMs: 20, maxMs: 80, resetMs: 60_000 };

function sh(name: string, script: string) {
	return { name, start: () => spawnGuarded({ command: "/bin/sh", args: ["-c", script] }) };
}

test("a process that fails is restarted ever more slowly, and given up before all is settled", async () => {
	let hopeless = "";
	const starts: number[] = [];
	const supervisor = createSupervisor({
		log,
		backoff,
		changed: () => {},
		hopeless: (name) => {
			hopeless = name;
		},
	});
	const spec = sh("bad", "exit 1");
	supervisor.add({
		name: "bad",
		start: () => {
			starts.push(Date.now());
			return spec.start();
		},
	});
	await eventually("given up", () => hopeless === "bad");
	await eventually("a fifth start all the same: the caller decides", () => starts.length >= 5);
	const waits = starts.slice(1).map((start, i) => start - starts[i]!);
	expect(waits[0]).toBeGreaterThanOrEqual(19);
	expect(waits[2]).toBeGreaterThanOrEqual(79);
	await supervisor.stop("bad", 1000);
	expect(supervisor.processes[0]).toMatchObject({ state: "stopped", pid: undefined });
});

test("a killed process comes back with a new pid, and one that ignores SIGTERM is killed at the end", async () => {
	const seen: ProcessState[] = [];
	const supervisor = createSupervisor({ log, backoff, changed: (all) => seen.push(...all), hopeless: () => {} });
	const folder = await mkdtemp(join(tmpdir(), "child-"));
	onTestFinished(() => rm(folder, { recursive: true }));
	const child = supervisor.add(sh("stubborn", `trap '' TERM; : > ${folder}/$$; while :; do sleep 0.05; done`));
	const first = child.state.pid ?? 0;
	process.kill(first, "SIGKILL");
	await eventually("it is back", () => child.state.pid !== undefined && child.state.pid !== first);
	expect(child.state).toMatchObject({ state: "running", restarts: 1 });
	await eventually("it ignores SIGTERM", () => existsSync(join(folder, String(child.state.pid))));
	const before = Date.now();
	await supervisor.stop("none", 200);
	expect(Date.now() - before).toBeGreaterThanOrEqual(190);
	expect(seen.map(({ state }) => state)).toEqual(expect.arrayContaining(["running", "waiting", "stopped"]));
});
