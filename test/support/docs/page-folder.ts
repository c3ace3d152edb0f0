/** A folder in which the commands of a page run as in a checkout: what they write does not get into the repository. */
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ROOT } from "../process.ts";

export interface PageFolder {
	readonly path: string;
	/** What the pages' commands need to find: programs, tokens, a home that is nobody's. */
	readonly env: NodeJS.ProcessEnv;
	write(name: string, text: string): Promise<void>;
	remove(): Promise<void>;
}

/** What a page may make itself, or what is not in a checkout. */
const absent = new Set([".git", ".cache", "dist", "node_modules", "mcp-gateway.yaml", "mcp-gateway.json"]);
/** What a page may write to. */
const copied = new Set(["cdk8s", "docs"]);

export interface PageFolderOptions {
	/** Folders that come first on the PATH. */
	readonly programs?: readonly string[];
	/** Copies where there would be links: builds of images follow none. */
	readonly copies?: boolean;
}

/**
 * Makes the folder: links to all that a checkout has, and `node_modules` with the command `mcp-gateway`, so that `npx` asks no
 * registry for it.
 */
export async function makePageFolder({ programs = [], copies = false }: PageFolderOptions = {}): Promise<PageFolder> {
	const base = await mkdtemp(join(tmpdir(), "docs-page-"));
	const path = join(base, "page");
	const bin = join(path, "node_modules/.bin");
	await mkdir(bin, { recursive: true });
	for (const name of ["home", "tmp"]) await mkdir(join(base, name));
	for (const name of (await readdir(ROOT)).filter((one) => !absent.has(one))) {
		if (copies || copied.has(name)) await cp(join(ROOT, name), join(path, name), { recursive: true });
		else await symlink(join(ROOT, name), join(path, name));
	}
	await linkAll(join(ROOT, "node_modules"), join(path, "node_modules"), (name) => !name.startsWith(".bin"));
	await linkAll(join(ROOT, "node_modules/.bin"), bin, () => true);
	await symlink(join(ROOT, "control-plane/cli/mcp-gateway.js"), join(bin, "mcp-gateway"));
	return {
		path,
		env: {
			...process.env,
			HOME: join(base, "home"),
			// What a command leaves that is ended in the middle of its work goes with the folder.
			TMPDIR: join(base, "tmp"),
			PATH: [...programs, process.env["PATH"] ?? ""].join(":"),
			NO_COLOR: "1",
			NO_UPDATE_NOTIFIER: "1",
			npm_config_update_notifier: "false",
			npm_config_offline: "true",
			GITHUB_TOKEN: "token of a test",
			DOCS_TOKEN: "token of a test",
			TOKEN: "token of a test",
		},
		async write(name, text) {
			await mkdir(dirname(join(path, name)), { recursive: true });
			await writeFile(join(path, name), text.endsWith("\n") ? text : `${text}\n`);
		},
		remove: () => rm(base, { recursive: true, force: true }),
	};
}

async function linkAll(from: string, to: string, wanted: (name: string) => boolean): Promise<void> {
	for (const name of await readdir(from)) if (wanted(name)) await symlink(join(from, name), join(to, name));
}
