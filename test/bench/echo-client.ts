import type { ChildProcess } from "node:child_process";
import { Agent, request } from "node:http";
import { createInterface } from "node:readline";
import { initialize } from "./mcp-request.ts";

/** Makes one call and resolves when its whole answer is there; rejects where that is not a result. */
export type Sender = () => Promise<void>;

const initialized = { jsonrpc: "2.0", method: "notifications/initialized" };
const echo = { jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "echo", arguments: { text: "hello" } } };

/** Sends one message again and again over one keep-alive connection; node:http, since answers may be SSE. */
export function postSender(url: string, message: object, session?: string): Sender {
	const post = poster(url);
	return async () => {
		const { status, body } = await post(message, session);
		if (status !== 200 || !body.includes('"result"')) throw new Error(`${url}: ${status} ${body}`);
	};
}

/** A session over HTTP in which the tool `echo` is called. */
export async function httpSession(url: string): Promise<Sender> {
	const post = poster(url);
	const { session } = await post(initialize);
	await post(initialized, session);
	return postSender(url, echo, session);
}

/** A session over stdin and stdout of a process in which the tool `echo` is called. */
export async function stdioSession(child: ChildProcess): Promise<Sender> {
	const { stdin, stdout } = child;
	if (stdin === null || stdout === null) throw new Error("the process needs pipes");
	let take = (_line: string) => {};
	createInterface({ input: stdout }).on("line", (line) => take(line));
	const answerTo = (message: object) =>
		new Promise<string>((resolve) => {
			take = resolve;
			stdin.write(`${JSON.stringify(message)}\n`);
		});
	await answerTo(initialize);
	stdin.write(`${JSON.stringify(initialized)}\n`);
	return async () => {
		const line = await answerTo(echo);
		if (!line.includes('"result"')) throw new Error(line);
	};
}

interface Posted {
	readonly status: number | undefined;
	readonly session: string | undefined;
	readonly body: string;
}

function poster(url: string): (message: object, session?: string) => Promise<Posted> {
	const agent = new Agent({ keepAlive: true, maxSockets: 1 });
	return (message, session) =>
		new Promise((resolve, reject) => {
			const body = JSON.stringify(message);
			const headers = {
				"content-type": "application/json",
				accept: "application/json, text/event-stream",
				"mcp-protocol-version": "2025-11-25",
				"content-length": Buffer.byteLength(body),
				...(session === undefined ? {} : { "mcp-session-id": session }),
			};
			const sent = request(url, { method: "POST", headers, agent }, (response) => {
				let text = "";
				response.setEncoding("utf8").on("data", (chunk: string) => {
					text += chunk;
				});
				response.once("end", () => {
					const id = response.headers["mcp-session-id"];
					resolve({ status: response.statusCode, session: typeof id === "string" ? id : undefined, body: text });
				});
				response.once("error", reject);
			});
			sent.once("error", reject);
			sent.end(body);
		});
}
