import { request } from "../messages/compose.ts";
import { ask } from "../pool/ask.ts";
import type { Seat } from "../pool/contract.ts";
import { readMessage } from "../pool/handshake.ts";
import { firstStateless } from "./request-headers.ts";

/** A server that does not answer must not keep its callers. */
const patienceMs = 5000;

/** The result, empty where the server refuses; `silent`: no answer in time; `gone`: the client or the process is. */
export type ServerAnswer = Readonly<Record<string, unknown>> | "silent" | "gone";

/** Asks a server of 2026-07-28 on the bridge's own behalf. Never rejects. */
export async function askServer(
	seat: Seat,
	method: string,
	params: Readonly<Record<string, unknown>>,
	signal: AbortSignal,
): Promise<ServerAnswer> {
	const _meta = {
		"io.modelcontextprotocol/protocolVersion": firstStateless,
		"io.modelcontextprotocol/clientInfo": { name: "mcp-gateway", version: "1" },
		"io.modelcontextprotocol/clientCapabilities": {},
	};
	const message = readMessage(request('"mcp-gateway"', method, JSON.stringify({ ...params, _meta })));
	const asked = await ask(seat, message, patienceMs, signal);
	if (!asked.ok) return asked.why === "time" ? "silent" : "gone";
	const { result } = JSON.parse(asked.answer.toString()) as { result?: unknown };
	return typeof result === "object" && result !== null ? { ...result } : {};
}
