import type { Exit } from "./child.ts";

/** How a process ended, and the last it had to say, in one sentence or two. */
export function describeExit({ code, signal, stderrTail }: Exit): string {
	const how =
		signal !== null
			? `The process was ended by ${signal}.`
			: code !== null
				? `The process exited with code ${code}.`
				: "The process closed its stdout.";
	const tail = stderrTail.trim();
	return tail === "" ? `${how} It wrote nothing to stderr.` : `${how} Its stderr ended with: ${tail}`;
}
