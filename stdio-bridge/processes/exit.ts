import type { Exit } from "./child.ts";

/** What runtimes say when they get no more memory. */
const outOfMemory = /out of memory|MemoryError|cannot allocate memory|bad_alloc|ENOMEM/i;

/** How a process ended, and the last it had to say, in a few sentences. */
export function describeExit(exit: Exit): string {
	const tail = exit.stderrTail.trim();
	const said = tail === "" ? "It wrote nothing to stderr." : `Its stderr ended with: ${tail}`;
	return `${howItEnded(exit)} ${said}`;
}

function howItEnded({ code, signal, stderrTail, limits }: Exit): string {
	if (signal === "SIGXCPU" && limits?.cpuTimeMs !== undefined) {
		return "The process used up its CPU time (`limits.cpuTime`).";
	}
	const how =
		signal !== null
			? `The process was ended by ${signal}.`
			: code !== null
				? `The process exited with code ${code}.`
				: "The process closed its stdout.";
	const starved = limits?.memoryBytes !== undefined && code !== 0 && outOfMemory.test(stderrTail);
	return starved ? `${how} It seems to have used up its memory (\`limits.memory\`).` : how;
}
