/** The messages by which a server is asked what it speaks, and what its answers mean. Used over HTTP and stdio alike. */
import { isObject } from "../../stdio-bridge/messages/is-object.ts";
import type { Finding } from "./finding.ts";

/** The first revision without sessions, and the newest that has `initialize`. */
const modern = "2026-07-28";
const legacy = "2025-11-25";

const clientInfo = { name: "mcp-gateway", version: "1" };

/** A request of a probe. */
export interface Question {
	readonly method: "server/discover" | "initialize";
	/** Headers that carry it over HTTP. */
	readonly headers: Readonly<Record<string, string>>;
	readonly message: Readonly<Record<string, unknown>> & { readonly id: string };
}

/** What an answer says about the one who gave it. */
export type Answer = Pick<Finding, "revisions" | "serverInfo">;

/** https://modelcontextprotocol.io/specification/2026-07-28/server/discover */
export const discover: Question = {
	method: "server/discover",
	headers: { "mcp-protocol-version": modern, "mcp-method": "server/discover" },
	message: {
		jsonrpc: "2.0",
		id: "probe-discover",
		method: "server/discover",
		params: {
			_meta: {
				"io.modelcontextprotocol/protocolVersion": modern,
				"io.modelcontextprotocol/clientInfo": clientInfo,
				"io.modelcontextprotocol/clientCapabilities": {},
			},
		},
	},
};

/** https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#initialization */
export const initialize: Question = {
	method: "initialize",
	headers: {},
	message: {
		jsonrpc: "2.0",
		id: "probe-initialize",
		method: "initialize",
		params: { protocolVersion: legacy, capabilities: {}, clientInfo },
	},
};

/** True for the JSON-RPC response to a question; some servers answer with id null what they do not understand. */
export function isAnswerTo({ message }: Question, value: unknown): value is Record<string, unknown> {
	return isObject(value) && !("method" in value) && value["jsonrpc"] === "2.0" && value["id"] === message.id;
}

/** What an answer reveals; undefined where it is not the one that a server of that era gives. */
export function readAnswer({ method }: Question, message: Record<string, unknown>): Answer | undefined {
	const { result, error } = message;
	if (method === "server/discover") {
		// A modern server without our revision refuses with the list of its own.
		const list = isObject(result)
			? result["supportedVersions"]
			: isObject(error) && error["code"] === -32022 && isObject(error["data"])
				? error["data"]["supported"]
				: undefined;
		const revisions = revisionsIn(list);
		if (revisions.length === 0) return undefined;
		const meta = isObject(result) && isObject(result["_meta"]) ? result["_meta"] : {};
		return { revisions, ...serverInfo(meta["io.modelcontextprotocol/serverInfo"]) };
	}
	if (!isObject(result)) return undefined;
	const revisions = revisionsIn([result["protocolVersion"]]);
	return revisions.length === 0 ? undefined : { revisions, ...serverInfo(result["serverInfo"]) };
}

/** The code of a JSON-RPC error; its text may repeat what it was sent, so it is not told. */
export function errorCode(message: unknown): string | undefined {
	if (!isObject(message) || !isObject(message["error"])) return undefined;
	const { code } = message["error"];
	return typeof code === "number" ? `JSON-RPC error ${code}` : undefined;
}

/** What both questions brought together: revisions without repetition, newest first. */
export function mergeAnswers(answers: readonly Answer[]): Answer {
	const revisions = [...new Set(answers.flatMap((answer) => answer.revisions))].sort().reverse();
	const named = answers.find((answer) => answer.serverInfo !== undefined)?.serverInfo;
	return { revisions, ...(named === undefined ? {} : { serverInfo: named }) };
}

function revisionsIn(list: unknown): string[] {
	if (!Array.isArray(list)) return [];
	return list.filter((one) => typeof one === "string" && /^[\w.-]{1,40}$/.test(one)).slice(0, 20);
}

function serverInfo(value: unknown): Pick<Finding, "serverInfo"> {
	if (!isObject(value) || typeof value["name"] !== "string") return {};
	// It is shown on terminals.
	const short = (text: string) => text.replace(/\p{Cc}+/gu, " ").slice(0, 100);
	const { name, version } = value;
	return { serverInfo: { name: short(name), ...(typeof version === "string" ? { version: short(version) } : {}) } };
}
