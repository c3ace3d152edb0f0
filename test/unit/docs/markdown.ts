/** Pieces of a page in Markdown. */

/** What a page that is made from the code begins with. */
export function head(title: string, source: string): string {
	return `# ${title}\n\n<!-- Made by \`npm run golden\`; a test fails where it is not what the code says. -->\n\nMade from ${source}.\n`;
}

/**
 * A table. A pipe would end its cell, and in code there is no way to escape one that all readers of Markdown share.
 * @throws Error for a pipe.
 */
export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
	const line = (cells: readonly string[]) => {
		const piped = cells.find((cell) => cell.includes("|"));
		if (piped !== undefined) throw new Error(`a cell of a table holds a pipe: ${piped}`);
		return `| ${cells.map((cell) => cell.replaceAll("\n", " ")).join(" | ")} |`;
	};
	return `${[line(columns), `|${columns.map(() => "---|").join("")}`, ...rows.map(line)].join("\n")}\n`;
}

export const code = (text: string) => `\`${text}\``;

/** A fenced block. */
export function block(language: string, text: string): string {
	return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\`\n`;
}

/** Parts with an empty line between them, those that are empty left out. */
export function page(...parts: readonly string[]): string {
	const trimmed = parts.map((part) => part.trim()).filter((part) => part !== "");
	return `${trimmed.join("\n\n")}\n`;
}
