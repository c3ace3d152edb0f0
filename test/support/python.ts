import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT, start } from "./process.ts";

const requirements = join(ROOT, "test/fixtures/python/requirements.txt");

/**
 * The interpreter of a virtual environment with the official Python SDK (pinned, hashes checked), made once in
 * `.cache/python`; an installation that was cut short is begun anew.
 */
export async function pythonWithSdk(): Promise<string> {
	const version = createHash("sha256")
		.update(await readFile(requirements))
		.digest("hex")
		.slice(0, 12);
	const folder = join(ROOT, ".cache/python", version);
	const python = join(folder, "bin/python");
	const done = join(folder, "complete");
	if (existsSync(done)) return python;
	console.log(`Installing the Python SDK into ${folder} (once) ...`);
	await rm(folder, { recursive: true, force: true });
	await mkdir(folder, { recursive: true });
	await run("python3", "-m", "venv", folder);
	await run(python, "-m", "pip", "install", "--disable-pip-version-check", "--require-hashes", "-r", requirements);
	await writeFile(done, "");
	return python;
}

async function run(command: string, ...args: string[]): Promise<void> {
	const child = await start(command, args);
	const { code } = await child.exited;
	if (code !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${child.output()}`);
}
