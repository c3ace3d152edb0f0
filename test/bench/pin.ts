import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";

/**
 * Puts all threads of a process on one core, where the machine can (Linux, `taskset`, two cores or more): what is
 * measured then has a core of its own, and the load beside it another one. Without it nothing changes but the noise.
 */
export function pin(pid: number, core: "measured" | "load"): void {
	if (process.platform !== "linux" || availableParallelism() < 2) return;
	try {
		execFileSync("taskset", ["-apc", core === "measured" ? "0" : "1", String(pid)], { stdio: "ignore" });
	} catch {
		// No taskset: the medians have to do.
	}
}
