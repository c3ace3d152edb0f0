/**
 * Makes the bridge's folder for its image: `node stdio-bridge/image/bundle.ts FOLDER`, under the Node that the image will
 * have. The bundle is one file in CommonJS, the only form for which V8 takes back what it compiled before (`vm.Script`)
 * wherever the files lie and whoever runs them; Node's own cache is by user and wants a folder to write in.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { packageOf } from "../../control-plane/sbom.ts";

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Bundles a program and all that it imports into one CommonJS file; resolves with the npm packages that are in it. */
export async function bundle(entry: string, file: string): Promise<string[]> {
	const build = await rolldown({
		input: entry,
		platform: "node",
		// What jsonc-parser has for `require` is loaded in pieces by a function of its own.
		resolve: { mainFields: ["module", "main"] },
		// A default of a function's parameter in yargs, always overridden.
		checks: { emptyImportMeta: false },
		plugins: [
			{
				name: "the image's paths",
				resolveId: (id, importer) =>
					importer !== undefined && resolve(importer, "..", id) === here("../../control-plane/cli/paths.ts")
						? here("paths.ts")
						: undefined,
			},
		],
	});
	const { output } = await build.write({ file, format: "cjs", codeSplitting: false });
	await build.close();
	const modules = output.flatMap((part) => (part.type === "chunk" ? part.moduleIds : []));
	return [...new Set(modules.flatMap((path) => packageOf(path) ?? []))].sort();
}

/** The licences' texts of what the folder holds, as most of them ask for: packages, Node and C library. */
async function licences(packages: readonly string[]): Promise<string> {
	const texts = packages.map(async (name) => {
		const root = here(`../../node_modules/${name}/`);
		const file = (await readdir(root)).find((one) => /^licen[cs]e/i.test(one));
		const { version, license } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
		const text = file === undefined ? `Licence: ${license}\n` : await readFile(join(root, file), "utf8");
		return `== ${name} ${version}\n\n${text}`;
	});
	// Images of Node that others make may not have these files.
	const ofImage = async (name: string, file: string, otherwise: string) =>
		`== ${name}\n\n${await readFile(file, "utf8").catch(() => otherwise)}`;
	const nodes = `Licence: https://github.com/nodejs/node/blob/${process.version}/LICENSE\n`;
	texts.push(ofImage("Node", "/usr/local/LICENSE", nodes));
	texts.push(ofImage("GNU C library", "/usr/share/doc/libc6/copyright", "Licence: LGPL-2.1-or-later\n"));
	return (await Promise.all(texts)).join("\n");
}

/** Lets the bridge in `folder` start and end once, and keeps what V8 has compiled meanwhile. */
async function compile(folder: string): Promise<void> {
	const scratch = await mkdtemp(join(tmpdir(), "bridge-"));
	try {
		const [registry, socketPath] = [join(scratch, "registry.json"), join(scratch, "bridge.sock")];
		await writeFile(registry, JSON.stringify({ any: { type: "stdio", command: process.execPath } }));
		const args = ["bridge", "--registry", registry, "--listen", `unix:${socketPath}`, "--workers", "1", "--json"];
		const bridge = spawn(process.execPath, [here("compile.cjs"), join(folder, "mcp-gateway.cjs"), ...args], {
			env: { ...process.env, LOG_LEVEL: "debug" },
			stdio: ["ignore", "pipe", "inherit"],
		});
		const ended = once(bridge, "exit");
		for await (const line of createInterface({ input: bridge.stdout })) {
			if (JSON.parse(line).event !== "listening") continue;
			await new Promise<void>((done, failed) => {
				const ask = request({ socketPath, path: "/~bridge/status" }, (answer) => answer.resume().on("end", done));
				ask.on("error", failed).end();
			});
			bridge.kill("SIGTERM");
		}
		const [code] = await ended;
		if (code !== 0) throw new Error(`the bundled bridge ended with code ${code}`);
	} finally {
		await rm(scratch, { recursive: true, force: true });
	}
}

if (import.meta.main) {
	const folder = resolve(process.argv[2] ?? "");
	await mkdir(folder, { recursive: true });
	const packages = await bundle(here("main.ts"), join(folder, "bridge.js"));
	await writeFile(join(folder, "packages.json"), JSON.stringify(packages));
	await writeFile(join(folder, "licences.txt"), await licences(packages));
	await copyFile(here("mcp-gateway.cjs"), join(folder, "mcp-gateway.cjs"));
	const { name, version } = JSON.parse(await readFile(here("../../package.json"), "utf8"));
	await writeFile(join(folder, "package.json"), JSON.stringify({ name, version, type: "commonjs" }));
	await compile(folder);
}
