#!/usr/bin/env node
// Plain JavaScript, since any Node must be able to run it: it finds a Node that can run the TypeScript next to it. Names that
// old ones lack are looked up when they are used: a missing one in an import statement would end them.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import * as module from "node:module";
import { fileURLToPath } from "node:url";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const main = new URL("./main.ts", import.meta.url);

if (major > 22 ? major > 23 || minor >= 6 : major === 22 && minor >= 18) {
	// A third of the time to start. Where nothing can be written there, it does nothing.
	module.enableCompileCache(fileURLToPath(new URL("../../.cache/node", import.meta.url)));
	const { start } = await import(main.href);
	await start();
} else {
	const program = process.platform === "win32" ? "node.exe" : "node";
	const pinned = fileURLToPath(new URL(`../../node_modules/node/bin/${program}`, import.meta.url));
	if (!existsSync(pinned)) {
		process.stderr.write(
			`mcp-gateway needs Node 22.18 or newer and runs under ${process.versions.node}.\n` +
				"Run `npm ci` in the gateway's folder: it installs the right Node there (with scripts, so without --ignore-scripts).\n",
		);
		process.exit(1);
	}
	// The channel tells the other process when this one is gone, `kill -9` included.
	const child = spawn(pinned, [fileURLToPath(main), ...process.argv.slice(2)], {
		stdio: ["inherit", "inherit", "inherit", "ipc"],
		env: { ...process.env, MCP_GATEWAY_LAUNCHED: "1" },
	});
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
	child.on("error", (error) => {
		process.stderr.write(`mcp-gateway could not start ${pinned}: ${error.message}\n`);
		process.exit(1);
	});
	child.on("exit", (code, signal) => {
		if (signal === null) process.exit(code ?? 1);
		for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeAllListeners(name);
		process.kill(process.pid, signal);
	});
}
