import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Child, startNode } from "./process.ts";

export { type Recorded, type Recorder, type Reply, type Responder, startRecorder } from "../fixtures/http/recorder.ts";

/** Options of the replicas. */
export interface ReplicaOptions {
	/** What `whoami` tells; `replica` unless told. */
	name?: string;
	/** A free one unless told: a replica that comes back takes the port that it had. */
	port?: number;
	/** How many calls of the tool `fail` get HTTP 500 at first; 1 unless told. */
	failures?: number;
}

/** An MCP server in a process of its own. */
export interface Replica {
	name: string;
	/** The MCP endpoint, `http://127.0.0.1:PORT/mcp`. */
	url: string;
	/** `http://127.0.0.1:PORT`, no trailing slash. */
	origin: string;
	port: number;
	pid: number;
	child: Child;
	/** The next `times` calls of the tool `fail` get HTTP 500. */
	fail(times: number): Promise<void>;
	/** Dies at once, as from `kill -9`; resolves when it is gone. */
	kill(): Promise<void>;
	/** Stops answering without closing anything, until {@link Replica.resume}. */
	pause(): void;
	resume(): void;
	close(): Promise<void>;
}

/** Starts a replica with sessions (SDK v1): `echo`, `whoami`, `slow`, `add_note`, `notes`, `fail`; `GET /healthz`. */
export function startMcpServer(options: ReplicaOptions = {}): Promise<Replica> {
	return startReplica("mcp-server.ts", options);
}

/** Starts a replica that speaks HTTP+SSE (2024-11-05, SDK v1), with the same tools but `fail`. */
export function startSseServer(options: Omit<ReplicaOptions, "failures"> = {}): Promise<Replica> {
	return startReplica("sse-server.ts", options);
}

/** Starts a replica with the same tools and no sessions: JSON answers from bare `node:http`. */
export function startStateless(options: ReplicaOptions = {}): Promise<Replica> {
	return startReplica("stateless-server.ts", options);
}

/** Starts one conformance fixture, which serves both eras of MCP. */
export function startConformanceServer(options: Pick<ReplicaOptions, "name" | "port"> = {}): Promise<Replica> {
	return startReplica("conformance-server.ts", { name: "conformance", ...options });
}

/**
 * Starts replicas of the conformance fixture. They share nothing but a bus for change events: a client may listen on
 * one replica while the change happens on another, which no gateway can mend.
 */
export async function startConformanceReplicas(
	count: number,
): Promise<{ replicas: Replica[]; close(): Promise<void> }> {
	const bus = await mkdtemp(join(tmpdir(), "mcp-bus-"));
	const replicas: Replica[] = [];
	const close = async () => {
		await Promise.all(replicas.map((replica) => replica.close()));
		await rm(bus, { recursive: true, force: true });
	};
	try {
		for (let n = 1; n <= count; n++) {
			replicas.push(await startReplica("conformance-server.ts", { name: `conformance-${n}` }, { BUS: bus }));
		}
	} catch (error) {
		await close();
		throw error;
	}
	return { replicas, close };
}

async function startReplica(file: string, options: ReplicaOptions, more: NodeJS.ProcessEnv = {}): Promise<Replica> {
	const name = options.name ?? "replica";
	const env = { PORT: String(options.port ?? 0), NAME: name, FAILURES: String(options.failures ?? 1), ...more };
	const child = await startNode(fileURLToPath(new URL(`../fixtures/http/${file}`, import.meta.url)), [], { env });
	try {
		const [line] = await child.waitFor(/^\{"listening":.*\}$/);
		const url = (JSON.parse(line) as { listening: string }).listening;
		const { origin, port } = new URL(url);
		return {
			name,
			url,
			origin,
			port: Number(port),
			pid: child.pid,
			child,
			async fail(times) {
				await fetch(`${origin}/failures`, { method: "POST", body: String(times) });
			},
			async kill() {
				child.kill("SIGKILL");
				await child.exited;
			},
			pause: () => child.kill("SIGSTOP"),
			resume: () => child.kill("SIGCONT"),
			async close() {
				child.kill("SIGCONT"); // a stopped process would not see SIGTERM
				await child.close();
			},
		};
	} catch (error) {
		await child.close(0);
		throw error;
	}
}
