import { stripVTControlCharacters, styleText } from "node:util";

/** Text in colours, or plain text where colours do not belong. */
export interface Colours {
	bold(text: string): string;
	cyan(text: string): string;
	green(text: string): string;
	red(text: string): string;
	yellow(text: string): string;
	dim(text: string): string;
}

/** Colours for a stream: only a terminal gets them, and none while NO_COLOR is set. */
export function coloursFor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Colours {
	const on = stream.isTTY === true && !env["NO_COLOR"];
	const style = (format: Parameters<typeof styleText>[0]) => (text: string) =>
		on ? styleText(format, text, { validateStream: false }) : text;
	return {
		bold: style("bold"),
		cyan: style("cyan"),
		green: style("green"),
		red: style("red"),
		yellow: style("yellow"),
		dim: style("dim"),
	};
}

/** Text of others for a terminal: whatever could take it over is left out; line ends and tabs stay. */
export function harmless(text: string): string {
	return stripVTControlCharacters(text).replace(/\r(?!\n)|[^\P{Cc}\r\n\t]/gu, "");
}

/** Lines with the cells of each column under each other; colours do not count as width. */
export function table(rows: readonly (readonly string[])[]): string[] {
	const width = (cell: string) => stripVTControlCharacters(cell).length;
	const widths: number[] = [];
	for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, width(cell));
	return rows.map((row) =>
		row
			.map((cell, i) => cell + " ".repeat((widths[i] ?? 0) - width(cell)))
			.join("  ")
			.trimEnd(),
	);
}
