import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it, onTestFinished } from "vitest";
import { signalGroup } from "../../../stdio-bridge/processes/process-group.ts";
import { fixture, ownChildren, start, testGuard } from "./children.ts";
import { alive, folder, pidsIn, until } from "./setup.ts";

const kinds = ["plain", "stubborn", "cleared", "daemon", "successor"];

async function pidFile(): Promise<string> {
	const file = join(await folder(), "pids");
	onTestFinished(async () => {
		for (const pid of await pidsIn(file, 0)) if (await alive(pid)) process.kill(pid, "SIGKILL");
	});
	return file;
}

const strays = (file: string, ...which: readonly string[]) => [process.execPath, fixture("strays"), file, ...which];

/** Whether none of the processes that wrote their pid is left. */
async function allGone(file: string): Promise<void> {
	await until(async () => {
		const living = await Promise.all((await pidsIn(file, 1)).map(alive));
		return !living.includes(true);
	}, `the processes of ${file} are gone`);
}

describe("processes that leave their group", () => {
	it.each(kinds)("go with their child: %s", async (kind) => {
		const file = await pidFile();
		const { child } = await start(testGuard(), strays(file, kind, kind));
		const pids = await pidsIn(file, 3);
		expect(await Promise.all(pids.map(alive))).toEqual([true, true, true]);
		await child.stop();
		const left = await Promise.all((await pidsIn(file, 3)).map(alive));
		expect(left).not.toContain(true);
	});

	it("go when their child is killed", async () => {
		const file = await pidFile();
		const { child } = await start(testGuard(), strays(file, "plain", "stubborn", "daemon", "successor"));
		await pidsIn(file, 5);
		process.kill(child.pid, "SIGKILL");
		await child.gone;
		await allGone(file);
	});

	it("go when the bridge is killed", async () => {
		const [one, two] = [await pidFile(), await pidFile()];
		const commands = [strays(one, ...kinds), strays(two, "stubborn")].map((command) => JSON.stringify(command));
		const bridge = spawn(process.execPath, [fixture("children"), ...commands], { stdio: "inherit" });
		onTestFinished(() => void bridge.kill("SIGKILL"));
		await pidsIn(one, 6);
		await pidsIn(two, 2);
		bridge.kill("SIGKILL");
		await once(bridge, "exit");
		await allGone(one);
		await allGone(two);
	});

	it("are told from those of other children, of other bridges and of people who copied the mark", async () => {
		const [one, two, three] = [await pidFile(), await pidFile(), await pidFile()];
		const guard = testGuard();
		const first = await start(guard, strays(one, ...kinds));
		await start(guard, strays(two, "plain", "daemon"));
		await start(testGuard(), strays(three, "plain", "daemon"));
		const person = spawn("/bin/sh", ["-c", `MCP_GATEWAY_PROCESS=${guard.families.prefix}.1 sleep 1000 & wait`], {
			detached: true,
			stdio: "ignore",
		});
		onTestFinished(() => void signalGroup(person.pid ?? 0, "SIGKILL"));
		await pidsIn(one, 6);
		const others = [...(await pidsIn(two, 3)), ...(await pidsIn(three, 3))];
		await first.child.stop();
		await allGone(one);
		expect(await Promise.all(others.map(alive))).toEqual(others.map(() => true));
	});

	it("of 20 children that stop at once are found by few looks", async () => {
		const guard = testGuard();
		const files = await Promise.all(Array.from({ length: 20 }, pidFile));
		const script = 'setsid sh -c \'echo $$ >>"$0"; sleep 1000\' "$0" & cat';
		const started = await Promise.all(files.map((file) => start(guard, ["/bin/sh", "-c", script, file])));
		await Promise.all(files.map((file) => pidsIn(file, 1)));
		await Promise.all(started.map(({ child }) => child.stop()));
		for (const file of files) await allGone(file);
	});
});

describe("200 children, started and stopped", () => {
	const collect = (() => {
		setFlagsFromString("--expose-gc");
		return runInNewContext("gc") as () => void;
	})();
	const openFiles = async () => (await readdir("/proc/self/fd")).length;

	it("leave no process, no zombie, no descriptor and no memory", async () => {
		const guard = testGuard();
		const round = async (count: number) => {
			const started = await Promise.all(Array.from({ length: count }, () => start(guard, ["cat"])));
			for (const { child } of started) child.send(Buffer.from('{"hello":1}'));
			for (const { lines } of started) await until(() => lines[0] === '{"hello":1}', "the echo");
			await Promise.all(started.map(({ child }) => child.stop()));
		};
		await round(50);
		const before = { files: await openFiles(), children: await ownChildren() };
		collect();
		const heap = process.memoryUsage().heapUsed;
		for (let rounds = 0; rounds < 4; rounds++) await round(50);
		expect(await ownChildren()).toEqual(before.children);
		expect(await openFiles()).toBeLessThanOrEqual(before.files);
		collect();
		expect(process.memoryUsage().heapUsed - heap).toBeLessThan(4 * 1024 * 1024);
	});
});

describe("what is sent to a child", () => {
	it("goes out in one write for all messages of a turn, whichever task sent them", async () => {
		const script = "process.stdin.on('data', (chunk) => console.log(chunk.length)); console.log('ready')";
		const { child, lines } = await start(testGuard(), [process.execPath, "-e", script]);
		await until(() => lines.length === 1, "the process reads");
		for (let task = 0; task < 50; task++) process.nextTick(() => child.send(Buffer.from("hello")));
		await until(() => lines.length > 1, "the messages have arrived");
		expect(lines).toEqual(["ready", String(50 * "hello\n".length)]);
	});

	it("goes out before the turn ends where it shall, in its order with the rest", async () => {
		const seen = join(await folder(), "seen");
		const script = 'read -r line; echo "$line"; touch "$0"; exec cat';
		const { child, lines } = await start(testGuard(), ["sh", "-c", script, seen]);
		child.send(Buffer.from("alone"), true);
		const late = performance.now() + 10_000;
		// This turn does not end until the process has read it.
		while (!existsSync(seen)) if (performance.now() > late) throw new Error("the message has not arrived");
		child.send(Buffer.from("gathered"));
		child.send(Buffer.from("behind it"), true);
		child.send(Buffer.from(`large ${"x".repeat(100_000)}`), true);
		child.send(Buffer.from("last"), true);
		await until(() => lines.length === 5, "all lines came back");
		expect(lines.map((line) => line.slice(0, 9))).toEqual(["alone", "gathered", "behind it", "large xxx", "last"]);
	});

	it("keeps its order whatever the sizes", async () => {
		const { child, lines } = await start(testGuard(), ["cat"]);
		const sizes = Array.from({ length: 500 }, (_, index) => (index % 50 === 49 ? 300_000 : index % 7));
		for (const [index, size] of sizes.entries()) {
			if (!child.send(Buffer.from(`${index} ${"x".repeat(size)}`))) await child.drained();
		}
		await until(() => lines.length === sizes.length, "all lines came back");
		expect(lines).toEqual(sizes.map((size, index) => `${index} ${"x".repeat(size)}`));
	});

	it("waits for a process that does not read, and no longer once that has ended", async () => {
		const { child } = await start(testGuard(), ["sleep", "1000"]);
		const message = Buffer.alloc(1024 * 1024, "x");
		expect([child.send(message), child.send(message)]).toEqual([false, false]);
		const drained = child.drained();
		await child.stop();
		await drained;
		expect(child.send(message)).toBe(false);
	});
});
