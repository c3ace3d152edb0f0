import type { Address } from "../ir/model.ts";
import type { StdioServer } from "../registry/model.ts";
import { askJson } from "../status/http-get.ts";
import { type ProbeResult, readProbeResult } from "./finding.ts";

/**
 * Has a bridge probe a server's command: the bridge has the programs, their environment and the guard of processes,
 * none of which the control plane needs to have. Never throws.
 */
export async function askBridges(
	bridges: readonly Address[],
	{ id, command, pool }: StdioServer,
	signal: AbortSignal,
): Promise<ProbeResult> {
	// Two processes may have to start, and be stopped.
	const timeoutMs = pool.startTimeoutMs === 0 ? 0 : 2 * pool.startTimeoutMs + 10_000;
	for (const bridge of bridges) {
		try {
			return readProbeResult(await askJson(bridge, `/~bridge/probe/${id}`, { method: "POST", timeoutMs, signal }));
		} catch {
			// Not up yet, or it has not read this registry yet: the next one, or the next time.
		}
	}
	const outcome = bridges.length === 0 ? "needs a bridge, and none is configured" : "no bridge could try it";
	return { tried: [{ what: command[0], outcome }] };
}
