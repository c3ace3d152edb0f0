import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT, start } from "./process.ts";

/** Longer than any installation takes that gets anywhere. */
const timeoutMs = 300_000;

export interface Installation {
	/** For the line that is said when it is made. */
	readonly what: string;
	/** Where in `.cache` it goes. */
	readonly cache: string;
	/** What it depends on: each content of this file gets an installation of its own. */
	readonly lock: string;
	readonly say: (line: string) => void;
	readonly install: (folder: string) => Promise<void>;
}

/** The folder of an installation, made once; one that was cut short is begun anew. */
export async function installOnce({ what, cache, lock, say, install }: Installation): Promise<string> {
	const version = createHash("sha256")
		.update(await readFile(lock))
		.digest("hex")
		.slice(0, 12);
	const folder = join(ROOT, ".cache", cache, version);
	const done = join(folder, "complete");
	if (existsSync(done)) return folder;
	say(`Installing ${what} into ${folder} (once) ...`);
	await rm(folder, { recursive: true, force: true });
	await mkdir(folder, { recursive: true });
	await install(folder);
	await writeFile(done, "");
	return folder;
}

/** A virtual environment in this folder with the packages of a requirements file, hashes checked. */
export async function installPython(folder: string, requirements: string): Promise<void> {
	await runTool("python3", ["-m", "venv", folder]);
	const pip = ["-m", "pip", "install", "--disable-pip-version-check", "--require-hashes", "-r", requirements];
	await runTool(join(folder, "bin/python"), pip);
}

/** Runs a program to its end; throws with its output when that is not a good one. */
export async function runTool(command: string, args: string[], cwd = ROOT): Promise<void> {
	const child = await start(command, args, { cwd });
	const timer = setTimeout(() => child.kill(), timeoutMs);
	const { code } = await child.exited;
	clearTimeout(timer);
	if (code !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${child.output()}`);
}
