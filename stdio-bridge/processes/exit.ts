import type { Exit } from "./child.ts";

const exceededText = {
	memory: "The process was ended: it used more memory than `limits.memory` allows.",
	cpuTime: "The process used up its CPU time (`limits.cpuTime`).",
};

/** How a process ended, and the last it had to say, in one sentence or two. */
export function describeExit({ code, signal, stderrTail, exceeded }: Exit): string {
	const how =
		exceeded !== undefined
			? exceededText[exceeded]
			: signal !== null
				? `The process was ended by ${signal}.`
				: code !== null
					? `The process exited with code ${code}.`
					: "The process closed its stdout.";
	const tail = stderrTail.trim();
	return tail === "" ? `${how} It wrote nothing to stderr.` : `${how} Its stderr ended with: ${tail}`;
}
