import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { RegistryEditError, removeServer, setServer } from "../../registry/edit.ts";
import { formatErrors } from "../../registry/format.ts";
import type { Registry, Server } from "../../registry/model.ts";
import { didYouMean } from "../../registry/suggest.ts";
import { writeFileAtomic } from "../../registry/write-file-atomic.ts";
import { command } from "../command.ts";
import { failure, usage } from "../errors.ts";
import { adminOption, registryOption } from "../options.ts";
import { askPods, formatPods } from "../pods.ts";
import { rawEntry } from "../raw-entry.ts";
import { type ChosenRegistry, chooseRegistry, defaultNames, readRegistry, readRegistryText } from "../registry-file.ts";
import { describeServed, readServed } from "../served.ts";
import { coloursFor, table } from "../text.ts";

export const id = {
	type: "string",
	demandOption: true,
	describe: "Id of the server: the first part of its path",
} as const;

export const serversList = command(
	{
		usage: "list",
		summary: "List the servers of the registry, and what the gateway that serves it made of them",
		options: { ...registryOption, ...adminOption, json: { type: "boolean", default: false, describe: "Print JSON" } },
		positionals: {},
		examples: [["servers list --json", "for scripts"]],
		run: async (args) => {
			const chosen = chooseRegistry(args.registry, process.cwd());
			const servers = [...goodRegistry(chosen).servers.values()];
			const served = await readServed(args, chosen.file);
			if (args.json) {
				const rows = servers.map((server) => {
					return { id: server.id, type: server.type, target: target(server), ...served.get(server.id) };
				});
				process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
				return 0;
			}
			const colours = coloursFor(process.stdout);
			const names = ["SERVER", "TYPE", "TARGET", ...(served.size > 0 ? ["IN THE GATEWAY"] : [])];
			const head = names.map((cell) => colours.dim(cell));
			const rows = servers.map((server) => {
				const known = served.get(server.id);
				const words = known === undefined ? [] : [describeServed(known)];
				return [colours.cyan(server.id), server.type, target(server), ...words];
			});
			process.stdout.write(`${table([head, ...rows]).join("\n")}\n`);
			return 0;
		},
	},
	"servers",
);

export const serversGet = command(
	{
		usage: "get <id>",
		summary: "Show one server with all defaults filled in, as JSON; secrets stay placeholders",
		options: { ...registryOption, ...adminOption },
		positionals: { id },
		examples: [["servers get everything", "everything the gateway knows of it"]],
		run: async (args) => {
			const chosen = chooseRegistry(args.registry, process.cwd());
			const registry = goodRegistry(chosen);
			const server = registry.servers.get(args.id);
			if (server === undefined) throw absent(args.id, registry);
			const served = (await readServed(args, chosen.file)).get(args.id);
			process.stdout.write(`${JSON.stringify({ ...server, ...served }, null, 2)}\n`);
			return 0;
		},
	},
	"servers",
);

export const serversPods = command(
	{
		usage: "pods <id>",
		summary: "Show the pods of a server on Kubernetes, and why one is not ready",
		options: { ...adminOption, json: { type: "boolean", default: false, describe: "Print JSON" } },
		positionals: { id },
		examples: [["servers pods github", "addresses, restarts, and the last words of a pod that crashed"]],
		run: async (args) => {
			const pods = await askPods(args, args.id);
			const text = args.json ? JSON.stringify(pods, null, 2) : formatPods(pods, coloursFor(process.stdout));
			process.stdout.write(`${text}\n`);
			return 0;
		},
	},
	"servers",
);

export const serversAdd = command(
	{
		usage: "add <id> [url..]",
		summary: "Add a server to the registry file: an HTTP server by its URLs, a stdio server by its command after --",
		options: {
			...registryOption,
			header: {
				type: "string",
				array: true,
				default: [],
				describe: "NAME: VALUE for requests to the URLs; repeatable",
			},
			env: { type: "string", array: true, default: [], describe: "NAME=VALUE for the process; repeatable" },
			type: {
				choices: ["http", "sse"] as const,
				requiresArg: true,
				describe: "What a server at a URL speaks: Streamable HTTP, or HTTP+SSE [default: http]",
			},
			force: { type: "boolean", default: false, describe: "Replace a server of this id" },
		},
		positionals: {
			id,
			url: { type: "string", array: true, describe: "URL of the MCP endpoint, one for each replica" },
		},
		examples: [
			["servers add docs https://mcp.example.com/mcp", "a remote server"],
			[
				// biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of the registry
				"servers add docs https://mcp.example.com/mcp --header 'Authorization: Bearer ${TOKEN}'",
				"a secret stays outside",
			],
			["servers add files -- npx -y @modelcontextprotocol/server-filesystem /data", "a program that speaks over stdio"],
		],
		run: async (args) => {
			const behind = args["--"];
			const entry = rawEntry({
				urls: [args.url ?? []].flat().map(String),
				command: Array.isArray(behind) ? behind.map(String) : [],
				headers: args.header,
				env: args.env,
				...(args.type === undefined ? {} : { type: args.type }),
			});
			const { file, isNew } = editableFile(args.registry);
			const text = isNew ? "" : readRegistryText(file);
			const had = isNew ? undefined : readRegistry(file)[0]?.servers.has(args.id);
			if (had && !args.force) throw failure(`${args.id} is in ${shown(file)} already. --force replaces it.`);
			await change(file, () => setServer(text, file, args.id, entry));
			const did = isNew
				? `Created ${shown(file)} with`
				: had
					? `Replaced in ${shown(file)}:`
					: `Added to ${shown(file)}:`;
			process.stdout.write(`${did} ${args.id}. A running gateway serves it at /${args.id} at once.\n`);
			return 0;
		},
	},
	"servers",
);

export const serversRemove = command(
	{
		usage: "remove <id>",
		summary: "Remove a server from the registry file",
		options: { ...registryOption },
		positionals: { id },
		examples: [["servers remove docs", "a running gateway stops serving it at once"]],
		run: async (args) => {
			const { file, isNew } = editableFile(args.registry);
			if (isNew) throw usage(`There is no registry file here. Name one with --registry FILE.`);
			const [registry] = readRegistry(file);
			if (registry !== undefined && !registry.servers.has(args.id)) throw absent(args.id, registry);
			await change(file, () => removeServer(readRegistryText(file), file, args.id));
			process.stdout.write(`Removed from ${shown(file)}: ${args.id}.\n`);
			return 0;
		},
	},
	"servers",
);

/** Which file an edit goes to: never the example by default, and a new one where there is none. */
export function editableFile(named: string | undefined): { file: string; isNew: boolean } {
	if (named !== undefined && !existsSync(named)) return { file: named, isNew: true };
	const chosen = chooseRegistry(named, process.cwd());
	if (named === undefined && chosen.example) return { file: join(process.cwd(), defaultNames[0]), isNew: true };
	return { file: chosen.file, isNew: false };
}

export async function change(file: string, edit: () => string): Promise<void> {
	try {
		await writeFileAtomic(file, edit());
	} catch (error) {
		if (!(error instanceof RegistryEditError))
			throw failure(`Cannot write ${shown(file)}: ${(error as Error).message}.`);
		const faults = error.errors.length === 0 ? "" : `\n${formatErrors(error.errors)}`;
		throw failure(`${error.message}${faults}`);
	}
}

function goodRegistry({ file }: ChosenRegistry): Registry {
	const [registry, errors] = readRegistry(file);
	if (registry === undefined) throw failure(`The registry is faulty:\n${formatErrors(errors)}`);
	return registry;
}

export function absent(name: string, registry: Registry) {
	return failure(`There is no server "${name}" in the registry.${didYouMean(name, [...registry.servers.keys()])}`);
}

/** What a server is reached by, in one line and without values that may be secret. */
function target(server: Server): string {
	if (server.type === "http") return server.endpoints.map(({ url }) => url).join(", ");
	if (server.type === "stdio") return server.command.join(" ");
	if (server.type === "auto")
		return [server.http, server.stdio]
			.flatMap((part) => part ?? [])
			.map(target)
			.join(", else ");
	if (!server.manage) return `Service ${server.service ?? server.id}`;
	return server.values.image === undefined ? `chart ${server.chart}` : `image ${server.values.image}`;
}

export function shown(file: string): string {
	const near = relative(process.cwd(), file);
	return near.startsWith("..") ? file : near;
}
