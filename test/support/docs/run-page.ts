/** Runs the commands of one page, in the page's order. */
import { type Child, start } from "../process.ts";
import type { Block, Place } from "./blocks.ts";
import type { PageFolder } from "./page-folder.ts";

export interface PageRun {
	readonly folder: PageFolder;
	/** Blocks of other places are left out; files are written for all. */
	readonly place: Place;
	/** Command and arguments that run what follows them where it belongs. */
	readonly within?: readonly string[];
	/** For one block. */
	readonly timeoutMs: number;
	/** Hears of each block before it runs. */
	readonly say?: (line: string) => void;
}

/** How a command that goes on shows that it is ready: by a line, or by a port of loopback that it listens at. */
export type ReadySign = RegExp | number;

const readySigns: readonly (readonly [RegExp, ReadySign])[] = [
	[/^npx mcp-gateway up\b/, /The gateway serves/],
	[/^npx mcp-gateway control-plane\b/, /registry in force/],
	[/^npx mcp-gateway bridge\b/, 8090],
	[/^envoy\b/, 8080],
];

/** Undefined for a command that is not known. */
export function readySign(command: string): ReadySign | undefined {
	return readySigns.find(([form]) => form.test(command))?.[1];
}

/** @throws Error with page, line and output for a block that fails or takes too long. */
export async function runPage(blocks: readonly Block[], run: PageRun): Promise<void> {
	const background: Child[] = [];
	try {
		for (const block of blocks) {
			const { mark, page, line, text } = block;
			if (mark?.kind === "file") await run.folder.write(mark.name, text);
			if (mark?.kind !== "run") continue;
			const where = `${page}:${line}`;
			if (mark.place === run.place) {
				run.say?.(`${where}: ${text}`);
				await runBlock(where, text, run);
			} else if (mark.place === "local background" && run.place === "local") {
				run.say?.(`${where}: ${text}`);
				background.push(await startBlock(where, text, run));
			}
		}
	} finally {
		for (const child of background.reverse()) await child.close(20_000);
	}
}

function startShell(text: string, { folder, within = [] }: PageRun): Promise<Child> {
	// Where a namespace of mounts is entered the folder is lost.
	const script = `cd "$0"\n${text}`;
	const [program = "", ...args] = [...within, "bash", "-euo", "pipefail", "-c", script, folder.path];
	return start(program, args, { cwd: folder.path, env: folder.env });
}

async function runBlock(where: string, text: string, run: PageRun): Promise<void> {
	const child = await startShell(text, run);
	let late = false;
	const timer = setTimeout(() => {
		late = true;
		child.kill();
	}, run.timeoutMs);
	const { code, signal } = await child.exited;
	clearTimeout(timer);
	if (code === 0) return;
	const how = late ? `took more than ${run.timeoutMs / 1000} s` : `ended with ${code ?? signal}`;
	throw new Error(`${where}: ${how}\n${text}\n${child.output()}`);
}

async function startBlock(where: string, text: string, run: PageRun): Promise<Child> {
	const sign = readySign(text);
	if (sign === undefined) throw new Error(`${where}: nobody knows what this says once it is ready\n${text}`);
	const child = await startShell(`exec ${text}`, run);
	try {
		if (typeof sign !== "number") await child.waitFor(sign, run.timeoutMs);
		else await listens(where, sign, child, run);
		return child;
	} catch (error) {
		await child.close();
		throw new Error(`${where}: ${(error as Error).message}`);
	}
}

async function listens(where: string, port: number, child: Child, run: PageRun): Promise<void> {
	const connect = `until (exec 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null; do sleep 0.1; done`;
	const ended = child.exited.then(({ code }) => {
		throw new Error(`it ended with ${code} before it listened at ${port}\n${child.output()}`);
	});
	await Promise.race([runBlock(where, connect, run), ended]);
}
