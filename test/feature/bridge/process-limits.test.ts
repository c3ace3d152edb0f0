import { describe, expect, it } from "vitest";
import { describeExit } from "../../../stdio-bridge/processes/exit.ts";
import { start, testGuard } from "./children.ts";
import { alive, until } from "./setup.ts";

const mib = 1024 * 1024;
const root = process.getuid?.() === 0;
const nobody = 65534;

describe("limits of a child", () => {
	it("end a process that takes too much memory, and say so", async () => {
		const script = "const held = []; setInterval(() => held.push(Buffer.alloc(16 << 20, 1)), 20)";
		const { child, exit } = await start(testGuard(), [process.execPath, "-e", script], {
			limits: { memoryBytes: 256 * mib },
		});
		expect(describeExit(await exit)).toContain("used more memory than `limits.memory` allows");
		await child.gone;
	});

	it("count what a process has started, wherever that has gone", async () => {
		const script = "held = [bytearray(b'x' * (16 << 20)) for _ in range(8)]; print(flush=True); input()";
		const python = `setsid python3 -c "${script}" <&3 &`;
		const { child, exit } = await start(testGuard(), ["/bin/sh", "-c", `exec 3<&0; ${python} ${python} wait`], {
			limits: { memoryBytes: 200 * mib },
		});
		expect((await exit).exceeded).toBe("memory");
		await child.gone;
	});

	it("leave a process alone that keeps to them", async () => {
		const { child, lines } = await start(testGuard(), ["cat"], {
			limits: { memoryBytes: 16 * mib, cpuTimeMs: 1000 },
		});
		for (let seconds = 0; seconds < 3; seconds++) {
			child.send(Buffer.from(String(seconds)));
			await until(() => lines.length > seconds, "the echo");
			await new Promise((resolve) => setTimeout(resolve, 600));
		}
		expect(await alive(child.pid)).toBe(true);
	});

	it("end a process that uses up its CPU time, and say so", async () => {
		const guard = testGuard();
		const limits = { cpuTimeMs: 1000 };
		const loop = await start(guard, [process.execPath, "-e", "for (;;);"], { limits });
		expect(describeExit(await loop.exit)).toContain("used up its CPU time (`limits.cpuTime`)");
		const below = await start(guard, ["/bin/sh", "-c", "sh -c 'while :; do :; done'; exit $?"], { limits });
		expect((await below.exit).exceeded).toBe("cpuTime");
	});

	it("hide neither a program that is not there nor an exit of another kind", async () => {
		const guard = testGuard();
		const limits = { cpuTimeMs: 1000, memoryBytes: 256 * mib };
		const missing = await start(guard, ["/no/such/program"], { limits });
		expect(describeExit(await missing.exit)).toMatch(/\/no\/such\/program.*No such file/);
		const failing = await start(guard, ["/bin/sh", "-c", "echo gone >&2; exit 3"], { limits });
		expect(describeExit(await failing.exit)).toBe("The process exited with code 3. Its stderr ended with: gone");
	});

	it("run it as another user where the gateway is root, and say why not otherwise", async () => {
		const as = { uid: nobody, gid: nobody };
		const command = ["/bin/sh", "-c", "id -u; id -G; ulimit -u"];
		if (!root) {
			await expect(start(testGuard(), command, as)).rejects.toThrow("only root may set `uid` and `gid`");
			return;
		}
		const { lines, exit } = await start(testGuard(), command, { ...as, limits: { processes: 40 } });
		await exit;
		expect(lines.slice(0, 2)).toEqual([String(nobody), String(nobody)]);
	});

	it("bound the processes of a user of its own", async () => {
		// Some user that nothing else runs as.
		const uid = root ? 54_321 : undefined;
		const fork = "i=0; while [ $i -lt 40 ]; do sleep 30 & i=$((i + 1)); done; echo all";
		const { lines, stderr, exit } = await start(testGuard(), ["/bin/sh", "-c", fork], {
			limits: { processes: 20 },
			...(uid !== undefined && { uid, gid: uid }),
		});
		await exit;
		expect([lines.includes("all"), stderr.some((line) => /fork/i.test(line))]).toEqual(
			root ? [false, true] : [true, false],
		);
	});
});
