import { readdirSync, readFileSync } from "node:fs";

/**
 * CPU time that the living threads of a process have used, in microseconds. From schedstat, which counts nanoseconds;
 * /proc/<pid>/stat counts hundredths of a second, a fortieth of a round.
 */
export function cpuMicros(pid: number): number {
	const tasks = `/proc/${pid}/task`;
	return readdirSync(tasks)
		.map((task) => Number(readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ")[0]) / 1000)
		.reduce((sum, micros) => sum + micros, 0);
}

/** Resident memory in MB. */
export function rssMegabytes(pid: number): number {
	const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
	return Number(kilobytes) / 1024;
}
