import { request } from "../messages/compose.ts";
import { scan } from "../messages/scan.ts";
import type { Seat } from "../pool/contract.ts";
import { firstStateless } from "./request-headers.ts";

/** A server that does not answer must not keep its callers. */
const patienceMs = 5000;

/** Asks a server of 2026-07-28 on the bridge's own behalf; undefined where it gives no result. Never rejects. */
export async function askServer(
	seat: Seat,
	method: string,
	params: Readonly<Record<string, unknown>>,
	signal: AbortSignal,
): Promise<Record<string, unknown> | undefined> {
	const _meta = {
		"io.modelcontextprotocol/protocolVersion": firstStateless,
		"io.modelcontextprotocol/clientInfo": { name: "mcp-gateway", version: "1" },
		"io.modelcontextprotocol/clientCapabilities": {},
	};
	const scanned = scan(request('"mcp-gateway"', method, JSON.stringify({ ...params, _meta })));
	const message = scanned.ok ? scanned.messages[0] : undefined;
	if (message === undefined) throw new TypeError("not a request");
	const answer = await new Promise<Buffer | undefined>((resolve) => {
		const settle = (bytes?: Buffer) => {
			clearTimeout(timer);
			signal.removeEventListener("abort", giveUp);
			resolve(bytes);
		};
		const giveUp = () => {
			call.cancel();
			settle();
		};
		const timer = setTimeout(giveUp, patienceMs);
		signal.addEventListener("abort", giveUp, { once: true });
		const call = seat.call(message, {
			onMessage() {},
			onAnswer: (bytes, errorCode) => settle(errorCode === undefined ? bytes : undefined),
			onFailure: () => settle(),
			onCancelled: () => settle(),
		});
	});
	if (answer === undefined) return undefined;
	const { result } = JSON.parse(answer.toString()) as { result?: unknown };
	return typeof result === "object" && result !== null ? { ...result } : undefined;
}
