import { readFileSync } from "node:fs";
import { describeFinding, type Finding, type ProbeResult, type Tried } from "../../detection/finding.ts";
import type { Server, StdioServer } from "../../registry/model.ts";
import { command } from "../command.ts";
import { failure, usage } from "../errors.ts";
import { type RawEntry, rawEntry } from "../raw-entry.ts";
import { type Colours, coloursFor } from "../text.ts";

export const probe = command({
	usage: "probe [url..]",
	summary: "Find out whether and how a URL, or a command after --, speaks MCP; exits with 1 if it does not",
	options: {
		header: { type: "string", array: true, default: [], describe: "NAME: VALUE for requests to the URL; repeatable" },
		env: { type: "string", array: true, default: [], describe: "NAME=VALUE for the command; repeatable" },
		timeout: {
			type: "number",
			requiresArg: true,
			describe: "Seconds to wait for each answer of a URL [default: 3], or for a command to answer [default: 60]",
		},
		json: { type: "boolean", default: false, describe: "Print JSON" },
	},
	positionals: { url: { type: "string", array: true, describe: "URL of the server, with its path or without" } },
	examples: [
		["probe https://mcp.example.com", "where its endpoint is and which revisions it speaks"],
		[
			// biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of the registry
			"probe https://mcp.example.com/mcp --header 'Authorization: Bearer ${TOKEN}'",
			"with a secret from the environment",
		],
		["probe -- npx -y @modelcontextprotocol/server-filesystem /tmp", "a program that speaks over stdio"],
	],
	run: async (args) => {
		const given = [args.url ?? []].flat().map(String);
		const behind = Array.isArray(args["--"]) ? args["--"].map(String) : [];
		const isUrl = /^https?:\/\//i.test(given[0] ?? "");
		const urls = isUrl ? given : [];
		const words = [...(isUrl ? [] : given), ...behind];
		if (given.length + words.length === 0) throw usage("Give a URL, or a command after -- (`probe -- npx ...`).");
		if (!isUrl && /^[a-z]+:\/\//i.test(given[0] ?? "")) throw usage("A URL begins with http:// or https://.");
		if (urls.length > 1) throw usage("Give one URL.");
		const entry = rawEntry({ urls, command: words, headers: args.header, env: args.env });
		const server = await serverOf(entry);
		const colours = coloursFor(process.stdout);
		const onTried = (tried: Tried) => {
			if (!args.json) process.stdout.write(`  ${triedLine(tried, colours)}\n`);
		};
		if (!args.json) process.stdout.write(`Trying ${urls[0] ?? words.join(" ")}\n`);
		const result = await probeServer(server, { timeout: args.timeout, onTried });
		const add = result.finding && toAdd(result.finding, entry, urls[0]);
		if (args.json) process.stdout.write(`${JSON.stringify({ ...result, ...(add && { add }) }, null, 2)}\n`);
		else process.stdout.write(`\n${shown(result, add, colours)}`);
		return result.finding === undefined ? 1 : 0;
	},
});

interface How {
	readonly timeout: number | undefined;
	readonly onTried: (tried: Tried) => void;
}

async function serverOf(entry: RawEntry): Promise<Server | undefined> {
	const { parseEntry } = await import("../../registry/entry.ts");
	const parsed = parseEntry("probe", entry, undefined);
	if (!parsed.ok) throw usage(parsed.faults.map(({ message }) => message).join(" "));
	return parsed.server;
}

async function probeServer(server: Server | undefined, how: How): Promise<ProbeResult> {
	const { expand } = await import("../../registry/expand.ts");
	const expandHere = (template: string) => expand(template, { env: process.env, readFile });
	const signal = new AbortController().signal;
	if (server?.type === "stdio") return probeCommand(server, expandHere, { ...how, signal });
	const [{ buildServer }, { httpTarget, probeHttp }] = await Promise.all([
		import("../../ir/build.ts"),
		import("../../detection/probe-http.ts"),
	]);
	if (server?.type !== "http") throw usage("Give a URL or a command.");
	const detection = () => ({ state: "detecting" as const });
	const discover = () => ({ state: "missing" as const, problem: "not asked for" });
	const ir = buildServer(server, { expand: expandHere, readFile, bridges: [], detection, discover });
	if (ir.state !== "serving") throw failure(ir.problem);
	const target = httpTarget(
		ir,
		server.endpoints.map(({ url }) => url),
	);
	return probeHttp(target, { timeoutMs: (how.timeout ?? 3) * 1000, signal, onTried: how.onTried });
}

async function probeCommand(
	server: StdioServer,
	expand: (template: string) => { ok: true; value: string } | { ok: false; problem: string },
	{ timeout, onTried, signal }: How & { readonly signal: AbortSignal },
): Promise<ProbeResult> {
	const [{ resolveCommand }, { startGuard }, { probeStdio }] = await Promise.all([
		import("../../../stdio-bridge/processes/command.ts"),
		import("../../../stdio-bridge/processes/guard.ts"),
		import("../../../stdio-bridge/probe.ts"),
	]);
	const resolved = await resolveCommand(server, expand, process.env);
	if (!resolved.ok) throw failure(resolved.problem);
	const quiet = () => {};
	const guard = startGuard({ debug: quiet, info: quiet, warn: quiet, error: quiet });
	try {
		return await probeStdio({
			command: resolved.command,
			label: server.command[0],
			guard,
			stop: { stdinMs: 2000, termMs: 3000 },
			timeoutMs: (timeout ?? 60) * 1000,
			signal,
			onTried,
		});
	} finally {
		await guard.close();
	}
}

function triedLine({ what, outcome }: Tried, colours: Colours): string {
	return `${what}  ${colours.dim(outcome)}`;
}

function shown({ finding }: ProbeResult, add: Addition | undefined, colours: Colours): string {
	if (finding === undefined || add === undefined) return `${colours.red("Found nothing")} that speaks MCP.\n`;
	const { serverInfo } = finding;
	const lines = [`Found   ${colours.green(describeFinding(finding))}`];
	if (serverInfo !== undefined)
		lines.push(`Server  ${[serverInfo.name, serverInfo.version].filter(Boolean).join(" ")}`);
	lines.push(`Add it  ${colours.bold(add.command)}`, `or      ${JSON.stringify(add.entry)}`);
	if (add.hidden.length > 0) lines.push(`        with ${add.hidden.join(" and ")} set where the gateway is started`);
	return `${lines.join("\n")}\n`;
}

interface Addition {
	/** Entry of a registry, by its id. */
	readonly entry: Readonly<Record<string, RawEntry>>;
	/** The command line that writes it. */
	readonly command: string;
	/** Variables that stand for values that were given here. */
	readonly hidden: readonly string[];
}

/** What to write so that the gateway serves what was found; values of headers and variables are not repeated. */
function toAdd(finding: Finding, probed: RawEntry, url: string | undefined): Addition {
	const id =
		(finding.serverInfo?.name ?? "").replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[-.]+|-+$/g, "") || "my-server";
	const hidden: string[] = [];
	const hide = ([name, value]: [string, unknown]): [string, string] => {
		if (String(value).includes("${")) return [name, String(value)];
		const variable = name.toUpperCase().replace(/[^A-Z0-9]+/g, "_");
		hidden.push(variable);
		return [name, `\${${variable}}`];
	};
	const headers = Object.entries(probed["headers"] ?? {}).map(hide);
	const env = Object.entries(probed["env"] ?? {}).map(hide);
	const type = finding.transport === "sse" ? "sse" : probed["type"];
	const endpoint = url === undefined ? undefined : withPath(url, finding.path);
	const entry = {
		type,
		...(endpoint === undefined ? { cmd: probed["cmd"] } : { endpoint }),
		...(headers.length > 0 ? { headers: Object.fromEntries(headers) } : {}),
		...(env.length > 0 ? { env: Object.fromEntries(env) } : {}),
	};
	const words = [
		...["mcp-gateway", "servers", "add", id],
		...(endpoint === undefined ? [] : [endpoint]),
		...(type === "sse" ? ["--type", "sse"] : []),
		...headers.flatMap(([name, value]) => ["--header", `${name}: ${value}`]),
		...env.flatMap(([name, value]) => ["--env", `${name}=${value}`]),
		...(endpoint === undefined ? ["--", ...(probed["cmd"] as string[])] : []),
	];
	return { entry: { [id]: entry }, command: words.map(quoted).join(" "), hidden };
}

/** An address that names no path gets the one that was found; any other stands as it is. */
function withPath(url: string, path = "/"): string {
	return /^https?:\/\/[^/]*\/?$/i.test(url) && path !== "/" ? url.replace(/\/$/, "") + path : url;
}

/** A word for a POSIX shell. */
function quoted(word: string): string {
	return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function readFile(path: string): string {
	return readFileSync(path, "utf8");
}
