import { readFileSync } from "node:fs";

/** USER_HZ: the unit of /proc/<pid>/stat is 1/100 s on every Linux that Envoy has binaries for. */
const TICK_US = 10_000;

/** CPU time that a process and its threads have used, in microseconds: utime + stime of proc_pid_stat(5). */
export function cpuMicros(pid: number): number {
	const text = readFileSync(`/proc/${pid}/stat`, "utf8");
	// The command's name is in brackets and may hold spaces.
	const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
	return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/** Resident memory in MB. */
export function rssMegabytes(pid: number): number {
	const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
	return Number(kilobytes) / 1024;
}
