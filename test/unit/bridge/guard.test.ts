import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { startGuard } from "../../../stdio-bridge/processes/guard.ts";
import { groupGone, signalGroup } from "../../../stdio-bridge/processes/process-group.ts";

const quiet = () => {};
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

function sleeper(env: NodeJS.ProcessEnv = process.env): number {
	const child = spawn("/bin/sh", ["-c", "trap '' TERM; while :; do sleep 1; done"], {
		detached: true,
		stdio: "ignore",
		env,
	});
	const pid = child.pid ?? 0;
	onTestFinished(() => void signalGroup(pid, "SIGKILL"));
	return pid;
}

describe("the guard", () => {
	it("stops the groups that were added, and not those that were removed again", async () => {
		const guard = startGuard(log);
		const [kept, stopped] = [sleeper(), sleeper()];
		for (const pgid of [kept, stopped]) guard.add(pgid);
		guard.remove(kept);
		await guard.close();
		expect(await groupGone(stopped, 30_000)).toBe(true);
		expect(signalGroup(kept, 0)).toBe(true);
	});

	it("stops what has the bridge's mark, though it never heard of it", async () => {
		const [guard, other] = [startGuard(log), startGuard(log)];
		const marked = ({ families }: typeof guard) =>
			sleeper({ ...process.env, MCP_GATEWAY_PROCESS: families.nextMark() });
		const [stopped, kept] = [marked(guard), marked(other)];
		await guard.close();
		expect(await groupGone(stopped, 30_000)).toBe(true);
		expect(signalGroup(kept, 0)).toBe(true);
		await other.close();
		expect(await groupGone(kept, 30_000)).toBe(true);
	});

	it("is started again when it dies, and knows the groups still", async () => {
		const guard = startGuard(log);
		const group = sleeper();
		guard.add(group);
		const first = guard.pid ?? 0;
		process.kill(first, "SIGKILL");
		while (guard.pid === first) await new Promise((resolve) => setTimeout(resolve, 20));
		await guard.close();
		expect(await groupGone(group, 30_000)).toBe(true);
	});

	it("ends at once when there is nothing to stop", async () => {
		const guard = startGuard(log);
		const child = spawn("true", { detached: true, stdio: "ignore" });
		guard.add(child.pid ?? 0);
		await once(child, "exit");
		guard.remove(child.pid ?? 0);
		await guard.close();
	});
});
