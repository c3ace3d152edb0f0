import type { ArgumentsCamelCase, Argv, CommandModule, InferredOptionTypes, Options, PositionalOptions } from "yargs";
import { usage } from "./errors.ts";

type OptionSet = Readonly<Record<string, Options>>;
type PositionalSet = Readonly<Record<string, PositionalOptions>>;

/** The parsed arguments of a command, and what stood behind `--`. */
export type Args<O extends OptionSet, P extends PositionalSet> = ArgumentsCamelCase<
	InferredOptionTypes<O> & { [K in keyof P]: P[K] extends { demandOption: true } ? string : string | undefined }
>;

/** One command: what help tells about it and what it does. */
export interface CommandSpec<O extends OptionSet, P extends PositionalSet> {
	/** Name and positionals in yargs' notation, as in `call <server> [tool]`. */
	readonly usage: string;
	readonly summary: string;
	readonly options: O;
	readonly positionals: P;
	/** Pairs of a command line, without the program's name, and what it does. */
	readonly examples: readonly (readonly [string, string])[];
	/** Returns the exit code. */
	readonly run: (args: Args<O, P>) => Promise<number>;
}

/** A command as the command line knows it. */
export interface Command {
	readonly name: string;
	readonly optionNames: readonly string[];
	/** The yargs module; `done` gets the exit code. */
	module(done: (exitCode: number) => void): CommandModule;
}

/** Defines a command. An option that is no list may be given once: the last of two would win silently. */
export function command<O extends OptionSet, P extends PositionalSet>(spec: CommandSpec<O, P>, group = ""): Command {
	const full = group === "" ? spec.usage : `${group} ${spec.usage}`;
	return {
		name: full.split(/ [<[]/)[0] ?? full,
		optionNames: Object.keys(spec.options).filter((name) => spec.options[name]?.hidden !== true),
		module: (done) => ({
			command: spec.usage,
			describe: spec.summary,
			builder: (y: Argv) => {
				// yargs' builders change themselves; what they return has the same options under another type.
				const built = y.usage(`$0 ${full}\n\n${spec.summary}`).options({ ...spec.options });
				for (const [name, options] of Object.entries(spec.positionals)) built.positional(name, options);
				for (const [line, does] of spec.examples) built.example(`$0 ${line}`, does);
				return built;
			},
			handler: async (args) => {
				for (const [name, { array, type }] of Object.entries(spec.options)) {
					if (array !== true && Array.isArray(args[name])) throw usage(`--${name} is given more than once.`);
					if (type === "number" && args[name] !== undefined && !(Number(args[name]) >= 0)) {
						throw usage(`--${name} takes a number from 0 on.`);
					}
				}
				// yargs infers the types from the same options, but not through a generic.
				done(await spec.run(args as Args<O, P>));
			},
		}),
	};
}
