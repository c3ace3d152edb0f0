import yargs from "yargs";
import { suggest } from "../registry/suggest.ts";
import type { Command } from "./command.ts";
import { CliError, usage } from "./errors.ts";
import { surviveClosedOutput } from "./output.ts";
import { coloursFor } from "./text.ts";
import { version } from "./version.ts";

/** Commands that share a first word. */
export interface CommandGroup {
	readonly name: string;
	readonly summary: string;
	readonly commands: readonly Command[];
	/** A command line, without the program's name, and what it does. */
	readonly example: readonly [string, string];
}

/** What a program can do. */
export interface CommandSet {
	/** A sentence for help. */
	readonly summary: string;
	/** In the order in which help lists them. */
	readonly commands: readonly Command[];
	readonly groups: readonly CommandGroup[];
	/** Pairs of a command line, without the program's name, and what it does. */
	readonly examples: readonly (readonly [string, string])[];
	/** What help says before it tells the exit codes. */
	readonly epilog?: string;
}

const wordsOf = ({ name, commands }: CommandGroup) => commands.map((command) => command.name.slice(name.length + 1));

/**
 * The parser of a command line, which knows all commands and their help; `done` gets a command's exit code.
 * @param width Columns of its help.
 */
export function parserOf(argv: readonly string[], set: CommandSet, done: (exitCode: number) => void, width: number) {
	const { commands, groups } = set;
	const cli = yargs([...argv])
		.scriptName("mcp-gateway")
		.usage(`$0 COMMAND\n\n${set.summary}`)
		.parserConfiguration({
			"populate--": true,
			"greedy-arrays": false,
			"dot-notation": false,
			"parse-positional-numbers": false,
		})
		.strict()
		.demandCommand(1, "Name a command; `mcp-gateway --help` lists them.")
		.completion("completion", "Print a script for the shell: add `source <(mcp-gateway completion)` to ~/.bashrc")
		.version(version())
		.help()
		.alias("help", "h")
		.wrap(width)
		.epilog(
			`${set.epilog === undefined ? "" : `${set.epilog}\n`}Exit codes: 0 done, 1 what was asked for is faulty or failed, 2 wrong usage.`,
		)
		.exitProcess(false)
		.fail((message, error) => {
			throw error ?? usage(explain(message, argv, set));
		});
	for (const [line, does] of set.examples) cli.example(`$0 ${line}`, does);
	for (const command of commands) cli.command(command.module(done));
	for (const group of groups) {
		cli.command(`${group.name} <command>`, group.summary, (y) => {
			y.usage(`$0 ${group.name} COMMAND`).demandCommand(1, `Name one of: ${wordsOf(group).join(", ")}.`);
			for (const command of group.commands) y.command(command.module(done));
			const [line, does] = group.example;
			return y.example(`$0 ${line}`, does);
		});
	}
	return cli;
}

/** Runs the command line and resolves with its exit code: 0 well, 1 what was asked for is faulty, 2 wrong usage. */
export async function runCli(argv: readonly string[], set: CommandSet): Promise<number> {
	let exitCode = 0;
	const done = (code: number) => {
		exitCode = code;
	};
	const cli = parserOf(argv, set, done, Math.min(110, process.stdout.columns ?? 100));
	try {
		await cli.parseAsync();
		return exitCode;
	} catch (error) {
		if (!(error instanceof CliError)) throw error;
		process.stderr.write(`${coloursFor(process.stderr).red("mcp-gateway:")} ${error.message}\n`);
		return error.exitCode;
	}
}

/** Runs the process's command line and ends it. */
export async function startCli(set: CommandSet): Promise<void> {
	surviveClosedOutput();
	endWithLauncher();
	const code = await runCli(process.argv.slice(2), set);
	// Not at once: what is still on its way to a pipe would be lost.
	process.exitCode = code;
	process.stdout.write("", () => {
		const lost: NodeJS.ErrnoException | null = process.stdout.errored;
		if (lost === null || lost.code === "EPIPE") return process.exit(code);
		process.stderr.write(`mcp-gateway: The output could not be written: ${lost.message}.\n`);
		process.exit(1);
	});
}

/** Under a launcher that had to start a newer Node, its death is ours; the guards of our children see to the rest. */
function endWithLauncher(): void {
	if (process.env["MCP_GATEWAY_LAUNCHED"] === undefined) return;
	delete process.env["MCP_GATEWAY_LAUNCHED"];
	process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
}

/** yargs' sentence with the word that was probably meant. */
function explain(message: string, argv: readonly string[], set: CommandSet): string {
	const { groups } = set;
	const sub = argv[1];
	const group = groups.find(({ name }) => name === argv[0]);
	if (group !== undefined && !wordsOf(group).includes(sub ?? "")) {
		const best = sub === undefined || sub.startsWith("-") ? undefined : suggest(sub, wordsOf(group));
		return best === undefined
			? `Name one of: ${group.commands.map(({ name }) => name).join(", ")}.`
			: `There is no command "${group.name} ${sub}"; did you mean \`${group.name} ${best}\`?`;
	}
	const unknown = /^Unknown (?:argument|command)s?: (.*)$/s.exec(message)?.[1];
	if (unknown === undefined) return message;
	const command = findCommand(argv, set);
	const parts = [...new Set(unknown.split(", "))].map((word) => {
		const option = argv.some(
			(given) => given === `--${word}` || given.startsWith(`--${word}=`) || given === `-${word}`,
		);
		if (option) {
			const best = suggest(word, command?.optionNames ?? ["help", "version"]);
			return `There is no option --${word}${best === undefined ? "" : `; did you mean --${best}?`}`;
		}
		if (command !== undefined) return `\`${command.name}\` does not take "${word}"`;
		const best = suggest(word, allNames(set));
		return `There is no command "${word}"${best === undefined ? "" : `; did you mean \`${best}\`?`}`;
	});
	const help = command === undefined ? "mcp-gateway --help" : `mcp-gateway ${command.name} --help`;
	return `${parts.join(". ")}. \`${help}\` shows what there is.`.replaceAll("?.", "?");
}

function findCommand(argv: readonly string[], { commands, groups }: CommandSet): Command | undefined {
	const group = groups.find(({ name }) => name === argv[0]);
	if (group !== undefined) return group.commands.find(({ name }) => name === `${argv[0]} ${argv[1]}`);
	return commands.find(({ name }) => name === argv[0]);
}

function allNames({ commands, groups }: CommandSet): string[] {
	return [...commands.map(({ name }) => name), ...groups.map(({ name }) => name), "completion"];
}
