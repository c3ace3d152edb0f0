/** `docs/reference/cli.md`: the help of every command, as it prints it. */
import { commandSet } from "../../../control-plane/cli/main.ts";
import { parserOf } from "../../../control-plane/cli/run-cli.ts";
import { block, code, head, page } from "./markdown.ts";

/** Columns: what a page has room for. */
const WIDTH = 92;

/** The whole page. */
export async function cliPage(): Promise<string> {
	const { commands, groups } = commandSet;
	const sections = [
		...commands.map(({ name }) => [name]),
		...groups.flatMap(({ name, commands: own }) => [[name], ...own.map((one) => one.name.split(" "))]),
	];
	return page(
		head("Command line", "the command line's own help; `mcp-gateway COMMAND --help` prints it"),
		block("text", await help([])),
		...(await Promise.all(sections.map(async (words) => page(heading(words), block("text", await help(words)))))),
	);
}

const heading = (words: readonly string[]) =>
	`${"#".repeat(words.length + 1)} ${code(`mcp-gateway ${words.join(" ")}`)}`;

async function help(words: readonly string[]): Promise<string> {
	const text = await parserOf(words, commandSet, () => {}, WIDTH).getHelp();
	// Each page of help has these, and says the exit codes.
	return text.replace(/^ +--version +Show version number.*\n/m, "");
}
