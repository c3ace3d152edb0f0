import { isObject } from "../messages/is-object.ts";
import type { Message } from "../messages/message.ts";
import { jsonOf } from "../messages/rewrite.ts";

/** Why an `initialize` would start a process in vain; undefined where it is well-formed. */
export function initializeFault(message: Message): string | undefined {
	const params = message.params && jsonOf(message, message.params);
	const { protocolVersion, capabilities, clientInfo } = (params ?? {}) as Record<string, unknown>;
	if (typeof protocolVersion === "string" && isObject(capabilities) && isObject(clientInfo)) return undefined;
	return "`initialize` needs protocolVersion, capabilities and clientInfo as parameters.";
}

/** The revision that a process's answer to `initialize` agrees on. */
export function revisionOf(answer: Buffer): string {
	const { result } = JSON.parse(answer.toString()) as { result?: { protocolVersion?: unknown } };
	return typeof result?.protocolVersion === "string" ? result.protocolVersion : "";
}
