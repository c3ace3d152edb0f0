import { existsSync } from "node:fs";
import { join } from "node:path";
import { spawnGuarded } from "../../envoy/guard.ts";
import type { TcpAddress } from "./address.ts";
import type { ChildSpec } from "./child.ts";
import { failure } from "./errors.ts";
import { readLines } from "./lines.ts";
import { root } from "./paths.ts";
import { claimPort } from "./ports.ts";

/** The HTTP replicas that the example registry names, and what its placeholders stand for. */
export interface Example {
	readonly env: Readonly<Record<string, string>>;
	readonly children: readonly ChildSpec[];
	readonly addresses: readonly TcpAddress[];
}

const serverFile = join(root, "node_modules", "@modelcontextprotocol", "server-everything", "dist", "index.js");
const loopbackFile = join(root, "docs", "examples", "loopback.mjs");

/** Prepares two replicas of server-everything on free ports of this machine; `say` takes their errors. */
export async function prepareExample(say: (name: string, line: string) => void): Promise<Example> {
	if (!existsSync(serverFile)) {
		throw failure(
			"The example's servers are not installed: run `npm ci` without --omit=dev, or name your own registry with --registry FILE.",
		);
	}
	const first = await claimPort({ host: "127.0.0.1", port: 0 }, "example");
	const second = await claimPort({ host: "127.0.0.1", port: 0 }, "example", first.port);
	const addresses = [first, second];
	return {
		env: {
			EXAMPLE_ROOT: root,
			EXAMPLE_NODE: process.execPath,
			EXAMPLE_PORT_1: String(first.port),
			EXAMPLE_PORT_2: String(second.port),
		},
		addresses,
		children: addresses.map(({ port }, index) => {
			const name = `everything-${index + 1}`;
			return {
				name,
				start: () => {
					const child = spawnGuarded({
						command: process.execPath,
						// The server binds all interfaces by itself, and it can do things that are nobody else's business.
						args: ["--import", loopbackFile, serverFile, "streamableHttp"],
						env: { ...process.env, PORT: String(port) },
					});
					// It says every request on stdout.
					child.stdout?.resume();
					if (child.stderr) readLines(child.stderr, (line) => say(name, line));
					return child;
				},
			};
		}),
	};
}
