import { writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { mainFile } from "../../../control-plane/cli/paths.ts";
import type { BridgeStatus } from "../../../stdio-bridge/status.ts";
import { type Child, startNode } from "../../support/process.ts";
import { accept, folder, initialize } from "./setup.ts";

const raw = fileURLToPath(new URL("../../fixtures/stdio/raw.ts", import.meta.url));

export interface Workers {
	readonly parent: Child;
	readonly dir: string;
	readonly sockets: readonly string[];
	status(worker: number): Promise<BridgeStatus>;
	/** Statuses of all workers that answer. */
	statuses(): Promise<BridgeStatus[]>;
	open(worker: number, id: string): Promise<{ status: number; session: string; reason: string | undefined }>;
	call(worker: number, id: string, session: string, method: string): Promise<{ status: number; text: string }>;
	end(worker: number, id: string, session: string): Promise<number>;
}

/** `mcp-gateway bridge` with its workers, all of them listening. */
export async function startWorkers(servers: object, count = 2): Promise<Workers> {
	const dir = await folder();
	const registry = join(dir, "registry.json");
	await writeFile(registry, JSON.stringify(servers));
	const listen = `unix:${join(dir, "bridge.sock")}`;
	const args = ["bridge", "--registry", registry, "--listen", listen, "--workers", String(count), "--json"];
	const parent = await startNode(mainFile, args, { env: { LOG_LEVEL: "debug" } });
	onTestFinished(async () => void (await parent.close(20_000)));
	await parent.waitFor(count === 1 ? /bridge listens/ : /all workers listen/);
	const sockets =
		count === 1
			? [join(dir, "bridge.sock")]
			: Array.from({ length: count }, (_, index) => join(dir, `bridge-${index}.sock`));
	const status = async (worker: number): Promise<BridgeStatus> =>
		JSON.parse((await ask(sockets[worker], "GET", "/~bridge/status")).text);
	return {
		parent,
		dir,
		sockets,
		status,
		async statuses() {
			const all = await Promise.all(sockets.map((_, worker) => status(worker).catch(() => undefined)));
			return all.filter((one) => one !== undefined);
		},
		async open(worker, id) {
			const { status, session = "", text } = await ask(sockets[worker], "POST", `/${id}`, initialize);
			const reason = status === 200 ? undefined : JSON.parse(text).error?.data?.reason;
			return { status, session, reason };
		},
		call: (worker, id, session, method) =>
			ask(sockets[worker], "POST", `/${id}`, { jsonrpc: "2.0", id: 1, method }, session),
		end: async (worker, id, session) => (await ask(sockets[worker], "DELETE", `/${id}`, undefined, session)).status,
	};
}

function ask(socketPath: string | undefined, method: string, path: string, body?: object, session?: string) {
	return new Promise<{ status: number; text: string; session: string | undefined }>((resolve, reject) => {
		const headers = { accept, "content-type": "application/json", ...(session && { "mcp-session-id": session }) };
		const outgoing = request({ socketPath, path, method, headers, agent: false }, (response) => {
			let text = "";
			response.setEncoding("utf8").on("data", (chunk: string) => {
				text += chunk;
			});
			response.on("error", reject);
			response.on("end", () => {
				const id = response.headers["mcp-session-id"];
				resolve({ status: response.statusCode ?? 0, text, session: typeof id === "string" ? id : undefined });
			});
		});
		outgoing.on("error", reject);
		outgoing.end(body && JSON.stringify(body));
	});
}

/** A registry entry that runs the raw fixture. */
export const entry = (pool: object = {}, ...args: string[]) => ({ cmd: [process.execPath, raw, ...args], pool });
export const processesOf = (statuses: readonly BridgeStatus[], id: string) =>
	statuses.flatMap(({ servers }) => servers[id]?.processes ?? []);
