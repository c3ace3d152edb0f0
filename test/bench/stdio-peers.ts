import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installOnce, installPython, runTool } from "../support/install-once.ts";
import { NODE } from "../support/process.ts";

/** How a peer is started in front of a stdio server. */
export interface PeerCommand {
	readonly command: string;
	readonly args: string[];
	/** It ends when its stdin does, so nothing else needs to see to that. */
	readonly endsWithStdin: boolean;
}

/** Another stdio bridge. */
export interface Peer {
	readonly name: string;
	/** Throws where it cannot be installed. All peers are told to log as little as they can. */
	command(server: readonly string[], port: number): Promise<PeerCommand>;
}

const folder = fileURLToPath(new URL("peers", import.meta.url));
const say = (line: string) => void process.stderr.write(`${line}\n`);

export const supergateway: Peer = {
	name: "supergateway 4.0",
	async command(server, port) {
		const script = join(await npmPeers(), "node_modules/supergateway/dist/index.js");
		const args = ["--outputTransport", "streamableHttp", "--stateful", "--port", String(port), "--logLevel", "none"];
		// It would listen on all interfaces.
		const loopback = ["--import", join(folder, "loopback.js")];
		return {
			command: NODE,
			args: [...loopback, script, "--stdio", server.join(" "), ...args],
			endsWithStdin: true,
		};
	},
};

export const mcpProxyNpm: Peer = {
	name: "mcp-proxy 6.7 (npm)",
	async command(server, port) {
		const script = join(await npmPeers(), "node_modules/mcp-proxy/dist/bin/mcp-proxy.mjs");
		const args = ["--host", "127.0.0.1", "--port", String(port), "--server", "stream", "--", ...server];
		return { command: NODE, args: [script, ...args], endsWithStdin: false };
	},
};

export const mcpProxyPypi: Peer = {
	name: "mcp-proxy 0.13 (PyPI)",
	async command(server, port) {
		const requirements = join(folder, "requirements.txt");
		const environment = await installOnce({
			what: "mcp-proxy of PyPI",
			cache: "bench-peers/python",
			lock: requirements,
			say,
			install: (into) => installPython(into, requirements),
		});
		const args = ["--host", "127.0.0.1", "--port", String(port), "--log-level", "WARNING", "--", ...server];
		return { command: join(environment, "bin/mcp-proxy"), args, endsWithStdin: false };
	},
};

/** The folder with the peers of npm; their scripts of installation are not run. */
function npmPeers(): Promise<string> {
	const files = ["package.json", "package-lock.json"];
	return installOnce({
		what: "supergateway and mcp-proxy of npm",
		cache: "bench-peers/npm",
		lock: join(folder, "package-lock.json"),
		say,
		async install(into) {
			for (const file of files) await copyFile(join(folder, file), join(into, file));
			await runTool("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], into);
		},
	});
}
