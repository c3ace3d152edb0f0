import { spawn } from "node:child_process";
import { once } from "node:events";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { alive, bridgeWith, folder, initialize, overSocket, pidsIn, stdio, until } from "./setup.ts";

const standalone = fileURLToPath(new URL("../../fixtures/stdio/bridge.ts", import.meta.url));

describe("the bridge on a Unix socket", () => {
	it("is private to its user, and the socket goes with the bridge", async () => {
		const path = join(await folder(), "bridge.sock");
		const { bridge } = await bridgeWith([stdio("s", "raw")], { listen: { path } });
		expect((await stat(path)).mode & 0o777).toBe(0o600);
		expect((await overSocket(path, "/s", "POST", initialize)).session).toBeTruthy();
		await expect(bridgeWith([], { listen: { path } })).rejects.toThrow("another process is listening");
		await bridge.close({ graceMs: 0 });
		await expect(stat(path)).rejects.toThrow("ENOENT");
	});

	it("does not take the place of a file that is not a socket", async () => {
		const path = join(await folder(), "precious");
		await writeFile(path, "data");
		await expect(bridgeWith([], { listen: { path } })).rejects.toThrow("is not a socket");
	});

	it("killed with SIGKILL, leaves neither process nor guard; the next one takes the stale socket", async () => {
		const dir = await folder();
		const path = join(dir, "bridge.sock");
		const pidFile = join(dir, "pids");
		const server = stdio("s", "raw", ["grandchild", pidFile]);
		const bridge = spawn(process.execPath, [standalone, path, JSON.stringify([server])], {
			stdio: ["ignore", "pipe", "inherit"],
		});
		await once(bridge.stdout, "data");
		await overSocket(path, "/s", "POST", initialize);
		const pids = await pidsIn(pidFile, 2);
		const status: { guardPid: number } = JSON.parse((await overSocket(path, "/~bridge/status")).text);
		for (const pid of [...pids, status.guardPid]) expect(await alive(pid)).toBe(true);
		bridge.kill("SIGKILL");
		await once(bridge, "exit");
		for (const pid of [...pids, status.guardPid])
			await until(async () => !(await alive(pid)), `process ${pid} is gone`);
		expect((await stat(path)).isSocket()).toBe(true);
		await bridgeWith([stdio("s", "raw")], { listen: { path } });
		expect((await overSocket(path, "/~bridge/healthz")).status).toBe(200);
	});
});
