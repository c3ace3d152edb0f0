import type { ProcessState } from "./child.ts";

/** From the control plane to the supervisor: Envoy has taken up the listener and all scopes. */
export interface ReadyMessage {
	readonly event: "ready";
	/** Ids of the servers that are served. */
	readonly servers: readonly string[];
}

/** From the supervisor to the control plane, after every change: what `mcp-gateway status` tells of processes. */
export interface ProcessesMessage {
	readonly event: "processes";
	readonly processes: readonly ProcessState[];
}

/** Tells a message of the control plane from anything else that may come over the channel. */
export function isReady(message: unknown): message is ReadyMessage {
	return isRecord(message) && message["event"] === "ready" && Array.isArray(message["servers"]);
}

/** Tells a message of the supervisor from anything else that may come over the channel. */
export function isProcesses(message: unknown): message is ProcessesMessage {
	return isRecord(message) && message["event"] === "processes" && Array.isArray(message["processes"]);
}

function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null;
}
