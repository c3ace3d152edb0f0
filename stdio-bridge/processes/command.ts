import { stat } from "node:fs/promises";
import type { StdioServer, Template } from "../../control-plane/registry/model.ts";
import type { ChildCommand } from "./child.ts";

/** Puts values into a template's placeholders; the problem names the placeholder and never holds a value. */
export type Expand = (template: Template) => { ok: true; value: string } | { ok: false; problem: string };

/** What the official SDK's stdio client passes on; named here, since loading it for that costs 14 MB a worker. */
export const inheritedBySdk =
	process.platform === "win32"
		? [
				...["APPDATA", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PATH", "PROCESSOR_ARCHITECTURE"],
				...["SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "USERNAME", "USERPROFILE", "PROGRAMFILES"],
			]
		: ["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"];

/** What a child gets of the bridge's variables; `uid` is the child's where it has one of its own. */
export type Inherit = (env: Readonly<Record<string, string | undefined>>, uid?: number) => Record<string, string>;

/** Harmless variables that programs need for temporary files, text and time, beside those. */
const inherited = [...inheritedBySdk, "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "TZ"];

const ofUser = new Set(["HOME", "LOGNAME", "SHELL", "USER"]);

/** The command of a server with all placeholders expanded, or why it cannot be had. */
export async function resolveCommand(
	server: StdioServer,
	expand: Expand,
	env: Readonly<Record<string, string | undefined>>,
	inherit: Inherit = safeBase,
): Promise<{ ok: true; command: ChildCommand } | { ok: false; problem: string }> {
	const problems: string[] = [];
	const value = (template: Template): string => {
		const expanded = expand(template);
		if (expanded.ok) return expanded.value;
		problems.push(expanded.problem);
		return "";
	};
	const [program, ...args] = server.command;
	const own = Object.entries(server.env).map(([name, template]) => [name, value(template)] as const);
	const command: ChildCommand = {
		program: value(program),
		args: args.map(value),
		env: { ...inherit(env, server.uid), ...Object.fromEntries(own) },
		cwd: server.cwd === undefined ? undefined : value(server.cwd),
		...(server.limits && { limits: server.limits }),
		...(server.uid !== undefined && { uid: server.uid }),
		...(server.gid !== undefined && { gid: server.gid }),
	};
	// An empty program is what `${NAME:-}` may leave; spawn would throw at it.
	if (command.program === "" && problems.length === 0) problems.push("The program's name is empty");
	// spawn reports a missing folder as if the program were missing.
	if (command.cwd !== undefined && problems.length === 0 && !(await isDirectory(command.cwd))) {
		problems.push(`The working directory ${server.cwd} does not exist`);
	}
	return problems.length > 0 ? { ok: false, problem: problems.join("; ") } : { ok: true, command };
}

/**
 * Variables of the bridge that a child gets too. All others stay here: they may be secrets of other servers. Those
 * that tell of the gateway's user are wrong for another one.
 */
export const safeBase: Inherit = (env, uid) => {
	const base: Record<string, string> = {};
	const own = uid === undefined || uid === process.getuid?.();
	for (const name of inherited) {
		if (!own && ofUser.has(name)) continue;
		const value = env[name];
		// "()" begins an exported shell function, which an old bash would run.
		if (value !== undefined && !value.startsWith("()")) base[name] = value;
	}
	return base;
};

/** For a bridge whose variables are all the server's own: those of its image and its container. */
export const allOf: Inherit = (env) =>
	Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));

async function isDirectory(path: string): Promise<boolean> {
	return stat(path).then(
		(found) => found.isDirectory(),
		() => false,
	);
}
