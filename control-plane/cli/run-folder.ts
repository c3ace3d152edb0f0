import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MAX_SOCKET_PATH } from "./address.ts";
import { failure } from "./errors.ts";

/** The folder that holds everything one gateway writes: its sockets and Envoy's bootstrap. Only its user can enter it. */
export interface RunFolder {
	readonly path: string;
	readonly xds: string;
	readonly bridge: string;
	readonly envoyAdmin: string;
	readonly envoyConfig: string;
	/** Named pipe that Envoy writes its access log into when it goes to our stdout. */
	readonly accessLog: string;
	/** What detection found, for a control plane that starts again. */
	readonly findings: string;
	remove(): void;
}

/** Makes a run folder where paths are short enough for Unix sockets: XDG_RUNTIME_DIR, the temporary folder, /tmp. */
export function makeRunFolder(env: NodeJS.ProcessEnv): RunFolder {
	const longest = "/mcp-gateway-XXXXXX/envoy-admin.sock";
	for (const base of [env["XDG_RUNTIME_DIR"], tmpdir(), "/tmp"]) {
		if (!base?.startsWith("/") || Buffer.byteLength(base + longest) > MAX_SOCKET_PATH) continue;
		try {
			accessSync(base, constants.W_OK);
			// mkdtemp makes it with mode 0700.
			return runFolder(mkdtempSync(join(base, "mcp-gateway-")));
		} catch {
			// Not there or not ours: the next one.
		}
	}
	throw failure(
		"There is no folder for temporary files that can be written to and has a short name. Set TMPDIR to one.",
	);
}

function runFolder(path: string): RunFolder {
	return {
		path,
		xds: join(path, "xds.sock"),
		bridge: join(path, "bridge.sock"),
		envoyAdmin: join(path, "envoy-admin.sock"),
		envoyConfig: join(path, "envoy.yaml"),
		accessLog: join(path, "access.log"),
		findings: join(path, "findings.json"),
		remove: () => rmSync(path, { recursive: true, force: true }),
	};
}
