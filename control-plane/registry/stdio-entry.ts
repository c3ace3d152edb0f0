// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are placeholders of the registry
/** Schema of a stdio server's entry. */
import { z } from "zod";
import { duration, positiveDuration } from "./duration.ts";
import { templateProblem } from "./expand.ts";
import { problemCheck } from "./http-entry.ts";
import type { StdioServer } from "./model.ts";
import { envNameProblem } from "./names.ts";
import { memorySize } from "./size.ts";

const nul = (text: string) => (text.includes("\0") ? "must not hold NUL." : undefined);
const text = (rule: string) =>
	z.string({ error: rule }).superRefine(problemCheck((value) => nul(value) ?? templateProblem(value)));

const IN_QUOTES = "must be text. Put it into quotes.";
const CMD_RULE = 'must be a list such as `["program", "--option", "value"]`, with the program first.';
const COMMAND_RULE = "must be the name or path of a program; its arguments go into `args`.";

const cmd = z
	.array(text(IN_QUOTES), { error: CMD_RULE })
	.min(1, { error: CMD_RULE })
	.superRefine(([program], ctx) => {
		if (program === "") ctx.addIssue({ code: "custom", path: [0], message: "must be the name or path of a program." });
	})
	.transform(([program, ...args]): StdioServer["command"] => [program ?? "", ...args]);

const env = z
	.record(z.string().superRefine(problemCheck(envNameProblem)), text(IN_QUOTES), {
		error: "must be a map from variable to value.",
	})
	.default({})
	.describe("Environment variables of the process. Write secrets as `${NAME}` or `${file:/path}`.");

const countFrom = (least: number) => {
	const error = `must be a whole number from ${least} to 100000.`;
	return z.int({ error }).min(least, { error }).max(100_000, { error });
};
const defaultMax = 100;
/** The keys of a pool as the file has them. */
export const poolFields = z
	.strictObject(
		{
			mode: z
				.enum(["session", "shared"], { error: "must be `session` or `shared`." })
				.optional()
				.describe(
					"`session`: a process serves one client at a time. `shared`: a process serves many clients. Left out: a process for each session of revisions up to 2025-11-25, one shared process for all requests from 2026-07-28 on.",
				),
			min: countFrom(0)
				.default(0)
				.describe("Processes that are kept started, so that a client waits for no cold start."),
			max: countFrom(1)
				.optional()
				.describe(
					"Processes at the most; left out: 100. With `shared`, clients share so many, and just one (or `min`) where it is left out.",
				),
			maxSessions: countFrom(1).optional().describe("Sessions at the most; left out: as many as the processes take."),
			maxQueue: countFrom(0)
				.default(100)
				.describe("Sessions and requests that may wait for a process once there are `max`. 0 is none."),
			queueTimeout: duration.prefault("10s").describe("So long they wait before they get a 503. 0 is for ever."),
			idleTimeout: duration
				.prefault("30m")
				.describe(
					"A session without a request for this long is ended, an open GET stream or not; a shared process is stopped. 0 is never.",
				),
			startTimeout: duration.prefault("60s").describe("Time a process may take to answer its first request. 0 is off."),
		},
		{ error: "must be a map such as `{max: 20, idleTimeout: 10m}`." },
	)
	.superRefine(({ min, max = defaultMax }, ctx) => {
		if (min > max)
			ctx.addIssue({ code: "custom", path: ["min"], message: `must not be over \`max\`, which is ${max}.` });
	});

const pool = poolFields.transform(
	({ mode, max, maxSessions, queueTimeout, idleTimeout, startTimeout, ...counts }): StdioServer["pool"] => ({
		...(mode !== undefined && { mode }),
		...counts,
		max: max ?? defaultMax,
		maxShared: (mode === "shared" ? max : undefined) ?? Math.max(1, counts.min),
		...(maxSessions !== undefined && { maxSessions }),
		queueTimeoutMs: queueTimeout,
		idleTimeoutMs: idleTimeout,
		startTimeoutMs: startTimeout,
	}),
);

// Made once: most entries have none.
const DEFAULT_POOL = pool.parse({});

const limits = z
	.strictObject(
		{
			memory: memorySize
				.optional()
				.describe("Memory that a process and all that it started may hold, such as `512MiB`."),
			processes: countFrom(1)
				.optional()
				.describe("Processes and threads that the server's user may have, all of the pool together; needs `uid`."),
			cpuTime: positiveDuration
				.optional()
				.describe("CPU time that each process may use from its start to its end, in whole seconds."),
		},
		{ error: "must be a map such as `{memory: 512MiB, cpuTime: 10m}`." },
	)
	.transform(
		({ memory, processes, cpuTime }): NonNullable<StdioServer["limits"]> => ({
			...(memory !== undefined && { memoryBytes: memory }),
			...(processes !== undefined && { processes }),
			...(cpuTime !== undefined && { cpuTimeMs: cpuTime }),
		}),
	);

// The number after the last one is that of no user.
const ID_RULE = "must be a number from 0 to 4294967294; names are not looked up.";
const userId = z.int({ error: ID_RULE }).min(0, { error: ID_RULE }).max(0xfffffffe, { error: ID_RULE });

/** The keys of a stdio entry as the file has them. */
export const stdioFields = z.strictObject({
	type: z.enum(["stdio"]).optional().describe("Kind of the server; may be left out."),
	cmd: cmd.optional().describe("Program and arguments, run without a shell. May hold placeholders."),
	command: text(COMMAND_RULE)
		.refine((program) => program !== "", { error: COMMAND_RULE })
		.optional()
		.describe("The program, as other tools write it; its arguments are in `args`."),
	args: z
		.array(text(IN_QUOTES), { error: 'must be a list of texts such as `["--option", "value"]`.' })
		.optional()
		.describe("Arguments of `command`. May hold placeholders."),
	env,
	cwd: text("must be the path of a folder.")
		.refine((path) => path !== "", { error: "must be the path of a folder." })
		.optional()
		.describe("Folder in which the process runs; left out: the gateway's own."),
	pool: pool.optional().describe("Bounds of the server's processes."),
	limits: limits.optional().describe("Bounds of each process, on Linux; `status` tells which are in force."),
	uid: userId.optional().describe("User id that the processes run as; needs a gateway that runs as root."),
	gid: userId.optional().describe("Group id that the processes run as; left out: the number of `uid`."),
});

/** The checked keys of a stdio entry as the model has them. */
export function toStdio(entry: Omit<z.output<typeof stdioFields>, "type">): Omit<StdioServer, "id"> {
	// The gateway's own group would be root's.
	const gid = entry.gid ?? entry.uid;
	return {
		type: "stdio",
		command: entry.cmd ?? [entry.command ?? "", ...(entry.args ?? [])],
		env: entry.env,
		...(entry.cwd !== undefined && { cwd: entry.cwd }),
		pool: entry.pool ?? DEFAULT_POOL,
		...(entry.limits !== undefined && { limits: entry.limits }),
		...(entry.uid !== undefined && { uid: entry.uid }),
		...(gid !== undefined && { gid }),
	};
}

/** A stdio entry, parsed into the model (without its id). */
export const stdioEntry = stdioFields
	.transform(toStdio)
	.describe("An MCP server that speaks over stdin and stdout; the gateway runs it.");
