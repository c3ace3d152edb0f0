import { coloursFor, table } from "../../control-plane/cli/text.ts";

/** One bar of the project and what was measured against it. */
export interface Bar {
	readonly name: string;
	readonly measured: string;
	readonly bar: string;
	readonly met: boolean;
}

/** What a section of the bench came to. */
export interface Section {
	readonly title: string;
	/** The first row is the head. */
	readonly rows: readonly (readonly string[])[];
	readonly bars: readonly Bar[];
	/** Everything that was measured, for the JSON file. */
	readonly data: unknown;
}

/** How thorough a section is to be. */
export interface BenchOptions {
	readonly quick: boolean;
	/** Takes a line on how far it has come. */
	readonly progress: (line: string) => void;
}

/** The section's tables as text. */
export function sectionText(section: Section): string {
	const colours = coloursFor(process.stdout);
	const [head = [], ...body] = section.rows;
	const bars = section.bars.map(({ name, measured, bar, met }) => [
		name,
		measured,
		bar,
		met ? colours.green("met") : colours.red("MISSED"),
	]);
	const barLines = bars.length === 0 ? [] : ["", ...indented([["bar", "measured", "wanted", ""], ...bars])];
	return [colours.bold(section.title), "", ...indented([head, ...body]), ...barLines, ""].join("\n");
}

function indented(rows: readonly (readonly string[])[]): string[] {
	return table(rows).map((line) => `  ${line}`);
}
