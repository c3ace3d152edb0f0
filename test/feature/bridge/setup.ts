import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client, type ClientOptions } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { onTestFinished } from "vitest";
import type { Pool, Server, StdioServer } from "../../../control-plane/registry/model.ts";
import type { RegistrySource, SourceState } from "../../../control-plane/sources/registry-source.ts";
import { type Bridge, type BridgeOptions, startBridge } from "../../../stdio-bridge/bridge.ts";
import type { Log } from "../../../stdio-bridge/log.ts";

export const accept = "application/json, text/event-stream";
export const initialize = {
	jsonrpc: "2.0",
	id: 0,
	method: "initialize",
	params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};

const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/stdio/${name}.ts`, import.meta.url));

export interface Entry extends Partial<Omit<StdioServer, "pool">> {
	readonly pool?: Partial<Pool>;
}

/** A registry entry that runs a fixture. */
export function stdio(
	id: string,
	script: "raw" | "server" | "pool" | "stateless" | "streams",
	args: readonly string[] = [],
	entry: Entry = {},
): StdioServer {
	const pool: Pool = {
		min: 0,
		max: 100,
		maxShared: 1,
		maxQueue: 100,
		queueTimeoutMs: 10_000,
		idleTimeoutMs: 60_000,
		startTimeoutMs: 30_000,
		...entry.pool,
	};
	return { type: "stdio", id, command: [process.execPath, fixture(script), ...args], env: {}, ...entry, pool };
}

export class MemorySource implements RegistrySource {
	state: SourceState;
	readonly #listeners = new Set<(state: SourceState) => void>();

	constructor(servers: readonly Server[] | undefined) {
		this.state = toState(servers);
	}

	set(servers: readonly Server[]): void {
		this.state = toState(servers);
		for (const listener of this.#listeners) listener(this.state);
	}

	subscribe(listener: (state: SourceState) => void): () => void {
		this.#listeners.add(listener);
		return () => void this.#listeners.delete(listener);
	}

	async reload(): Promise<void> {}

	async close(): Promise<void> {}
}

function toState(servers: readonly Server[] | undefined): SourceState {
	const registry = servers && { servers: new Map(servers.map((server) => [server.id, structuredClone(server)])) };
	return { registry, errors: [], loadedAt: registry && Date.now() };
}

export interface Line {
	readonly level: string;
	readonly fields: Readonly<Record<string, unknown>>;
	readonly message: string;
}

export function memoryLog(): { log: Log; lines: Line[] } {
	const lines: Line[] = [];
	const at = (level: string) => (fields: object, message: string) =>
		void lines.push({ level, fields: { ...fields }, message });
	return { lines, log: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") } };
}

/** A folder that goes when the test ends. */
export async function folder(): Promise<string> {
	const path = await mkdtemp(join(tmpdir(), "bridge-"));
	onTestFinished(() => rm(path, { recursive: true, force: true }));
	return path;
}

export interface TestBridge {
	readonly bridge: Bridge;
	readonly source: MemorySource;
	readonly lines: Line[];
	readonly url: (path: string) => string;
	/** POSTs a message; `body` is parsed JSON, or the messages of the SSE stream once it has ended. */
	post(path: string, message: unknown, session?: string, headers?: Record<string, string>): Promise<Answer>;
	/** Opens a session on `/<id>`, of 2025-11-25 or another revision, and returns its id. */
	open(id: string, revision?: string): Promise<string>;
	client(id: string, options?: ClientOptions, prepare?: (client: Client) => void): Promise<TestClient>;
}

export interface TestClient {
	readonly client: Client;
	readonly transport: StreamableHTTPClientTransport;
	call(name: string, args?: Record<string, unknown>): Promise<string>;
}

export interface Answer {
	readonly status: number;
	readonly headers: Headers;
	readonly body: Body;
	readonly messages: Body[];
}

/** The members of JSON-RPC answers that tests look at. */
export interface Body {
	readonly id?: string | number | null;
	readonly method?: string;
	readonly params?: Record<string, unknown>;
	readonly result?: Record<string, unknown>;
	readonly error?: { code: number; message: string; data: Record<string, string> };
}

/** A bridge on a free TCP port, closed at the end of the test. */
export async function bridgeWith(
	servers: readonly Server[] | undefined,
	options: Partial<BridgeOptions> = {},
): Promise<TestBridge> {
	const source = new MemorySource(servers);
	const { log, lines } = memoryLog();
	const bridge = await startBridge({
		source,
		log,
		listen: { host: "127.0.0.1", port: 0 },
		env: process.env,
		expand: (template) => ({ ok: true, value: template }),
		stop: { stdinMs: 300, termMs: 300 },
		...options,
	});
	onTestFinished(() => bridge.close({ graceMs: 0 }));
	const base = "port" in bridge.address ? `http://127.0.0.1:${bridge.address.port}` : "http://unix";
	const url = (path: string) => base + path;

	const post: TestBridge["post"] = async (path, message, session, headers = {}) => {
		const response = await fetch(url(path), {
			method: "POST",
			body: typeof message === "string" ? message : JSON.stringify(message),
			headers: {
				accept,
				"content-type": "application/json",
				...(session && { "mcp-session-id": session }),
				...headers,
			},
		});
		return toAnswer(response);
	};
	const open = async (id: string, protocolVersion = "2025-11-25") => {
		const params = { ...initialize.params, protocolVersion };
		const { headers, status, messages } = await post(`/${id}`, { ...initialize, params });
		const session = headers.get("mcp-session-id");
		if (session === null) throw new Error(`no session: ${status} ${JSON.stringify(messages)}`);
		return session;
	};
	const client: TestBridge["client"] = async (id, clientOptions, prepare) => {
		const sdk = new Client({ name: "test", version: "1" }, clientOptions);
		prepare?.(sdk);
		const transport = new StreamableHTTPClientTransport(new URL(url(`/${id}`)));
		await sdk.connect(transport);
		onTestFinished(() => sdk.close());
		return {
			client: sdk,
			transport,
			async call(name, args = {}) {
				const { content } = await sdk.callTool({ name, arguments: args });
				const [first] = Array.isArray(content) ? content : [];
				return String(first?.text);
			},
		};
	};
	return { bridge, source, lines, url, post, open, client };
}

export async function toAnswer(response: Response): Promise<Answer> {
	const text = await response.text();
	const sse = response.headers.get("content-type")?.startsWith("text/event-stream");
	const datas = sse ? [...text.matchAll(/^data: (\S.*)$/gm)].map(([, data]) => data ?? "") : text === "" ? [] : [text];
	const messages = datas.flatMap((data): Body | Body[] => JSON.parse(data));
	return { status: response.status, headers: response.headers, messages, body: messages.at(-1) ?? {} };
}

/** Whether the process runs; a zombie that init has not collected does not. */
export async function alive(pid: number): Promise<boolean> {
	try {
		process.kill(pid, 0);
	} catch {
		return false;
	}
	const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
	return stat === undefined ? process.platform !== "linux" : !/\) Z /.test(stat);
}

/** Waits for a condition. */
export async function until(
	condition: () => boolean | Promise<boolean>,
	what: string,
	timeoutMs = 30_000,
): Promise<void> {
	const deadline = Date.now() + timeoutMs;
	while (!(await condition())) {
		if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`);
		await new Promise((resolve) => setTimeout(resolve, 10));
	}
}

export async function pidsIn(file: string, count: number): Promise<number[]> {
	let pids: number[] = [];
	await until(async () => {
		const text = await readFile(file, "utf8").catch(() => "");
		pids = text.split("\n").filter(Boolean).map(Number);
		return pids.length >= count;
	}, `${count} pids in ${file}`);
	return pids;
}

/** A request over a Unix socket. */
export function overSocket(
	socketPath: string,
	path: string,
	method = "GET",
	body?: object,
): Promise<{ status: number; text: string; session: string | undefined }> {
	return new Promise((resolve, reject) => {
		const headers = { accept, "content-type": "application/json" };
		const outgoing = request({ socketPath, path, method, headers, agent: false }, (response) => {
			let text = "";
			response.setEncoding("utf8");
			response.on("data", (chunk: string) => {
				text += chunk;
			});
			const session = response.headers["mcp-session-id"];
			response.on("end", () =>
				resolve({ status: response.statusCode ?? 0, text, session: typeof session === "string" ? session : undefined }),
			);
		});
		outgoing.on("error", reject);
		outgoing.end(body && JSON.stringify(body));
	});
}
