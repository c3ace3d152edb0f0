import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { mainFile } from "../../control-plane/cli/paths.ts";
import { NODE } from "./process.ts";

export interface GatewayOptions {
	/** The registry's content: an object for JSON, a string for a YAML file, or undefined for the example. */
	readonly registry: object | string | undefined;
	readonly args?: readonly string[];
	readonly env?: NodeJS.ProcessEnv;
	/** Command and arguments to run it by: those of a namespace, in which its addresses then are. */
	readonly within?: readonly string[];
	/** False: return once it is started, without waiting until traffic is served. */
	readonly waitForReady?: boolean;
}

/** A real `mcp-gateway up` on free ports, in a temporary folder of its own. */
export interface Gateway {
	/** Base URL, as in `http://127.0.0.1:41234`. */
	readonly url: string;
	readonly adminUrl: string;
	readonly pid: number;
	/** Empty when the example is served. */
	readonly registryFile: string;
	/** Folder that the run folder is made in. */
	readonly tempDir: string;
	/** Everything on stdout and stderr so far. */
	output(): string;
	/** The JSON lines on stdout so far. */
	events(): Record<string, unknown>[];
	/** Waits for a line with this `event`; tells the output when it does not come. */
	waitForEvent(event: string, timeoutMs?: number): Promise<Record<string, unknown>>;
	/** Replaces the registry file by an atomic rename. */
	writeRegistry(registry: object | string): Promise<void>;
	/** Processes that descend from this gateway: its children, theirs, and those whose parent has died. */
	descendants(): ProcessInfo[];
	/** Files in its folder that it left when it was stopped; the registry is not counted. */
	leftFiles(): readonly string[];
	/** Direct children by name, from the status. */
	children(): Promise<Record<string, number>>;
	/** SIGTERM, and waits for the end; resolves with the exit code. */
	stop(signal?: NodeJS.Signals): Promise<number | null>;
	kill9(): Promise<void>;
}

export interface ProcessInfo {
	readonly pid: number;
	readonly command: string;
}

/** Variable that marks all processes of one gateway, so that orphans are found too. */
const MARK = "MCP_GATEWAY_TEST";

/** Arguments of a gateway that shall find no cluster, whatever this machine has. */
export const noCluster = ["--kubeconfig", "/nowhere/kubeconfig"] as const;

let counter = 0;

/** Starts a gateway; on failure the error holds all its output. Stop it in `afterEach` or `finally`. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
	const tempDir = await mkdtemp(join(tmpdir(), "gw-"));
	const mark = `${process.pid}-${Date.now()}-${counter++}`;
	const registryFile = options.registry === undefined ? "" : join(tempDir, fileName(options.registry));
	if (options.registry !== undefined) await writeFile(registryFile, text(options.registry));
	const given = options.args ?? [];
	const admin = given.includes("--admin") ? undefined : `127.0.0.1:${await freePort()}`;
	const args = [
		"up",
		"--json",
		...(registryFile === "" ? [] : ["--registry", registryFile]),
		...(given.includes("--listen") ? [] : ["--listen", "127.0.0.1:0"]),
		...(admin === undefined ? [] : ["--admin", admin]),
		...(given.includes("--drain-time") ? [] : ["--drain-time", "1"]),
		...(given.includes("--concurrency") ? [] : ["--concurrency", "2"]),
		...given,
	];
	const [command = NODE, ...rest] = [...(options.within ?? []), NODE, mainFile, ...args];
	const child = spawn(command, rest, {
		cwd: tempDir,
		env: { ...process.env, XDG_RUNTIME_DIR: tempDir, ...options.env, [MARK]: mark },
		stdio: ["ignore", "pipe", "pipe"],
	});
	const watched = watch(child);
	const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
	const pid = child.pid ?? 0;

	const descendants = () => marked(mark).filter((info) => info.pid !== pid);
	let left: string[] = [];
	const end = async (signal: NodeJS.Signals) => {
		child.kill(signal);
		const code = await exited;
		if (signal === "SIGKILL" || !existsSync(tempDir)) return code;
		left = readdirSync(tempDir).filter((name) => join(tempDir, name) !== registryFile);
		await rm(tempDir, { recursive: true, force: true });
		return code;
	};
	const fail = async (why: string): Promise<never> => {
		child.kill("SIGKILL");
		await exited;
		await rm(tempDir, { recursive: true, force: true, maxRetries: 5 });
		throw new Error(`${why}\n--- mcp-gateway ${args.join(" ")}\n${watched.output()}---`);
	};
	const waitForEvent = async (event: string, timeoutMs = 60_000) => {
		const deadline = Date.now() + timeoutMs;
		for (;;) {
			const found = watched.events().find((line) => line["event"] === event);
			if (found !== undefined) return found;
			if (child.exitCode !== null || child.signalCode !== null) return fail(`The gateway ended before "${event}".`);
			if (Date.now() > deadline) return fail(`No event "${event}" within ${timeoutMs} ms.`);
			await sleep(10);
		}
	};
	let url = "";
	let adminUrl = admin === undefined ? "" : `http://${admin}`;
	if (options.waitForReady !== false) {
		const ready = await waitForEvent("ready");
		url = String(ready["url"]);
		adminUrl = String(ready["adminUrl"]);
	}
	return {
		url,
		adminUrl,
		pid,
		registryFile,
		tempDir,
		output: watched.output,
		events: watched.events,
		waitForEvent,
		async writeRegistry(registry) {
			const temp = `${registryFile}.new`;
			await writeFile(temp, text(registry));
			renameSync(temp, registryFile);
		},
		descendants,
		leftFiles: () => left,
		async children() {
			const response = await fetch(`${adminUrl}/v1/status`);
			const body = (await response.json()) as { processes: { name: string; pid?: number }[] };
			return Object.fromEntries(body.processes.flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, pid]])));
		},
		stop: (signal = "SIGTERM") => end(signal),
		async kill9() {
			await end("SIGKILL");
		},
	};
}

/** Waits until a condition holds; the error tells what was waited for. */
export async function eventually(what: string, condition: () => boolean | Promise<boolean>, timeoutMs = 30_000) {
	const deadline = Date.now() + timeoutMs;
	while (!(await condition())) {
		if (Date.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`);
		await sleep(20);
	}
}

/** A port of this machine that nobody listens on. */
export function freePort(): Promise<number> {
	return new Promise((resolve, reject) => {
		const server = createServer();
		server.once("error", reject);
		server.listen(0, "127.0.0.1", () => {
			const address = server.address();
			server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
		});
	});
}

function watch(child: ChildProcess) {
	let stdout = "";
	let stderr = "";
	let parsedTo = 0;
	const parsed: Record<string, unknown>[] = [];
	child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
		stdout += chunk;
	});
	child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
		stderr += chunk;
	});
	return {
		output: () => stdout + stderr,
		events: () => {
			const end = stdout.lastIndexOf("\n") + 1;
			for (const line of stdout.slice(parsedTo, end).split("\n")) {
				if (line.startsWith("{")) parsed.push(JSON.parse(line));
			}
			parsedTo = Math.max(parsedTo, end);
			return parsed;
		},
	};
}

/** Living processes that carry the mark in their environment; only Linux shows the environment of others. */
function marked(mark: string): ProcessInfo[] {
	if (!existsSync("/proc/self/environ")) return [];
	const found: ProcessInfo[] = [];
	for (const name of readdirSync("/proc")) {
		if (!/^\d+$/.test(name)) continue;
		try {
			if (!readFileSync(`/proc/${name}/environ`, "latin1").includes(`${MARK}=${mark}`)) continue;
			if (/^State:\s+Z/m.test(readFileSync(`/proc/${name}/status`, "utf8"))) continue;
			found.push({ pid: Number(name), command: readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ") });
		} catch {
			// It ended meanwhile.
		}
	}
	return found;
}

function fileName(registry: object | string): string {
	return typeof registry === "string" ? "registry.yaml" : "registry.json";
}

function text(registry: object | string): string {
	return typeof registry === "string" ? registry : JSON.stringify(registry, null, 2);
}
