/**
 * An MCP server over HTTP for pods, both eras at `/mcp` and without an SDK, so that it costs little: requests of 2026-07-28
 * and those without a session are answered by any pod, sessions of older revisions live in this one and die with it.
 * Environment: PORT (8080), READY_AFTER_MS (listens so long after its start), HOSTNAME (the pod's name, as Kubernetes
 * sets it). SIGTERM: requests in flight are answered, then it ends.
 */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

interface Message {
	readonly id?: string | number;
	readonly method?: string;
	readonly params?: {
		readonly protocolVersion?: string;
		readonly name?: string;
		readonly arguments?: { readonly text?: string; readonly ms?: number; readonly bytes?: number };
	};
}

interface Session {
	readonly notes: string[];
	stream?: ServerResponse;
}

const modern = "2026-07-28";
const sessions = new Map<string, Session>();
const identity = JSON.stringify({ pod: process.env["HOSTNAME"] ?? "", pid: process.pid });
let ending = false;

const toolNames = ["whoami", "echo", "slow", "add_note", "notes", "bytes", "crash", "kill"];
const tools = toolNames.map((name) => ({ name, description: name, inputSchema: { type: "object" } }));

async function run(params: Message["params"], session: Session | undefined): Promise<string | undefined> {
	const input = params?.arguments ?? {};
	switch (params?.name) {
		case "whoami":
			return identity;
		case "echo":
			return input.text ?? "";
		case "slow":
			await sleep(input.ms ?? 100);
			return identity;
		case "add_note":
			return String(session?.notes.push(input.text ?? "") ?? 0);
		case "notes":
			return session?.notes.join("\n") ?? "";
		case "bytes":
			return "x".repeat(input.bytes ?? 1000);
		case "crash":
			console.error("told to crash");
			return process.exit(3);
		case "kill":
			// The first process of a container is immune; another one has to be that.
			process.kill(process.pid, "SIGKILL");
			return "";
		default:
			return undefined;
	}
}

async function result({ method, params }: Message, session: Session | undefined): Promise<object | undefined> {
	const about = { capabilities: { tools: {} }, serverInfo: { name: "cluster-fixture", version: "1.0.0" } };
	switch (method) {
		case "server/discover":
			return { supportedVersions: [modern], ...about };
		case "initialize":
			return { protocolVersion: params?.protocolVersion, ...about };
		case "ping":
			return {};
		case "tools/list":
			return { tools, ttlMs: 0, cacheScope: "private" };
		case "tools/call": {
			const text = await run(params, session);
			return text === undefined ? undefined : { content: [{ type: "text", text }] };
		}
		default:
			return undefined;
	}
}

function send(response: ServerResponse, status: number, value: unknown, headers: Record<string, string> = {}): void {
	const body = JSON.stringify(value);
	if (ending) response.setHeader("connection", "close");
	const length = Buffer.byteLength(body);
	response.writeHead(status, { "content-type": "application/json", "content-length": length, ...headers });
	response.end(body);
}

const refuse = (response: ServerResponse, status: number, message: string) =>
	send(response, status, { jsonrpc: "2.0", id: null, error: { code: -32000, message } });

async function post(request: IncomingMessage, response: ServerResponse): Promise<void> {
	const parts: Buffer[] = [];
	for await (const part of request) parts.push(part as Buffer);
	const message: Message = JSON.parse(Buffer.concat(parts).toString());
	const id = request.headers["mcp-session-id"];
	const session = typeof id === "string" ? sessions.get(id) : undefined;
	if (id !== undefined && session === undefined) return refuse(response, 404, "Session not found");
	if (message.id === undefined) return void response.writeHead(202).end();
	const answer = await result(message, session);
	if (answer === undefined) {
		const error = { code: -32601, message: `Unknown: ${message.params?.name ?? message.method}` };
		return send(response, 200, { jsonrpc: "2.0", id: message.id, error });
	}
	const complete = request.headers["mcp-protocol-version"] === modern ? { resultType: "complete" } : {};
	const opened = message.method === "initialize" ? randomUUID() : undefined;
	if (opened !== undefined) sessions.set(opened, { notes: [] });
	const headers: Record<string, string> = opened === undefined ? {} : { "mcp-session-id": opened };
	send(response, 200, { jsonrpc: "2.0", id: message.id, result: { ...answer, ...complete } }, headers);
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
	if (request.url === "/healthz") return void response.writeHead(ending ? 503 : 200).end();
	if (request.method === "POST") return post(request, response);
	const id = String(request.headers["mcp-session-id"] ?? "");
	const session = sessions.get(id);
	if (session === undefined) return refuse(response, id === "" ? 405 : 404, "Session not found");
	if (request.method === "DELETE") {
		sessions.delete(id);
		session.stream?.end();
		return void response.writeHead(204).end();
	}
	session.stream?.end();
	session.stream = response;
	response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" }).flushHeaders();
}

const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (request, response) => {
	handle(request, response).catch((error: unknown) => {
		if (!response.headersSent) refuse(response, 400, String(error));
	});
});

process.once("SIGTERM", () => {
	ending = true;
	for (const { stream } of sessions.values()) stream?.end();
	server.close(() => process.exit(0));
	server.closeIdleConnections();
});

setTimeout(
	() => server.listen(Number(process.env["PORT"] ?? 8080), "0.0.0.0", () => console.error("listening")),
	Number(process.env["READY_AFTER_MS"] ?? 0),
);
