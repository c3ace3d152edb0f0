import { existsSync } from "node:fs";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { mainFile } from "../../../control-plane/cli/paths.ts";
import { startNode } from "../../support/process.ts";
import { alive, folder, pidsIn, until } from "./setup.ts";
import { entry, processesOf, startWorkers } from "./start-workers.ts";

describe("the bridge's workers", () => {
	it("listen on private sockets of their own, each a bridge that knows its place", async () => {
		const { sockets, statuses, dir } = await startWorkers({ s: entry() });
		for (const socket of sockets) expect((await stat(socket)).mode & 0o777).toBe(0o600);
		const all = await statuses();
		expect(all.map(({ worker }) => worker)).toEqual([
			{ index: 0, count: 2 },
			{ index: 1, count: 2 },
		]);
		expect(new Set(all.map(({ pid }) => pid)).size).toBe(2);
		expect((await readdir(dir)).sort()).toEqual(["bridge-0.sock", "bridge-1.sock", "registry.json"]);
	});

	it("one alone is the command's own process, at the path as it was given", async () => {
		const { parent, status, dir } = await startWorkers({ s: entry() }, 1);
		expect((await status(0)).pid).toBe(parent.pid);
		expect(existsSync(join(dir, "bridge.sock"))).toBe(true);
	});

	it("a killed one is started again; the others' sessions go on, its processes do not", async () => {
		const { open, call, status, statuses } = await startWorkers({ s: entry({ mode: "session" }) });
		const [lost, kept] = [await open(0, "s"), await open(1, "s")];
		const { pid, guardPid = 0 } = await status(0);
		const [child] = processesOf([await status(0)], "s");
		process.kill(pid, "SIGKILL");
		await until(
			async () => (await statuses()).some((now) => now.worker.index === 0 && now.pid !== pid),
			"a new worker",
		);
		expect((await call(0, "s", lost.session, "echo")).status).toBe(404);
		expect((await call(1, "s", kept.session, "echo")).status).toBe(200);
		expect((await open(0, "s")).status).toBe(200);
		for (const gone of [child?.pid ?? 0, guardPid]) await until(async () => !(await alive(gone)), `${gone} is gone`);
	});

	it("end with a parent that is killed, and so do their processes", async () => {
		const pidFile = join(await folder(), "pids");
		const { parent, open, statuses } = await startWorkers({ s: entry({ mode: "session" }, "grandchild", pidFile) });
		await Promise.all([open(0, "s"), open(1, "s")]);
		const workers = (await statuses()).flatMap(({ pid, guardPid = 0 }) => [pid, guardPid]);
		const pids = [...workers, ...(await pidsIn(pidFile, 4))];
		for (const pid of pids) expect(await alive(pid)).toBe(true);
		process.kill(parent.pid, "SIGKILL");
		for (const pid of pids) await until(async () => !(await alive(pid)), `${pid} is gone`, 20_000);
	});

	it("end when they are told to, and leave no socket", async () => {
		const { parent, dir, open, statuses } = await startWorkers({ s: entry({ mode: "session" }) });
		await Promise.all([open(0, "s"), open(1, "s")]);
		const pids = (await statuses()).map(({ pid }) => pid);
		process.kill(parent.pid, "SIGTERM");
		expect(await parent.exited).toMatchObject({ code: 0 });
		for (const pid of pids) expect(await alive(pid)).toBe(false);
		expect(await readdir(dir)).toEqual(["registry.json"]);
	});

	it("all take up a changed registry, are told of SIGHUP, and go on", async () => {
		const { parent, dir, status, statuses } = await startWorkers({ s: entry() });
		const before = (await statuses()).map(({ pid }) => pid);
		await writeFile(join(dir, "registry.json"), JSON.stringify({ s: entry(), added: entry() }));
		process.kill(parent.pid, "SIGHUP");
		for (const worker of [0, 1]) {
			await until(async () => (await status(worker)).servers["added"] !== undefined, `worker ${worker} knows`);
		}
		expect((await statuses()).map(({ pid }) => pid)).toEqual(before);
	});

	it("that cannot listen are given up, with the reason", async () => {
		const dir = await folder();
		const registry = join(dir, "registry.json");
		await writeFile(registry, "{}");
		await writeFile(join(dir, "b-1.sock"), "no socket");
		const listen = `unix:${join(dir, "b.sock")}`;
		const parent = await startNode(mainFile, [
			...["bridge", "--registry", registry, "--listen", listen, "--workers", "2", "--json"],
		]);
		expect(await parent.exited).toMatchObject({ code: 1 });
		expect(parent.output()).toContain("b-1.sock exists and is not a socket");
		expect(existsSync(join(dir, "b-0.sock"))).toBe(false);
	});
});
