import { keyCounterName } from "../xds/api-keys.ts";

/** How many requests of one API key came to one end, since Envoy was started. */
export interface KeyCount {
	/** Name of the key; empty where none was good. */
	readonly key: string;
	/** `allowed`: let through, whatever the server answered; `denied`: not for that server; `unauthorized`: no good key. */
	readonly outcome: "allowed" | "denied" | "unauthorized";
	readonly requests: number;
}

const line = new RegExp(`^envoy_${keyCounterName}\\{name="([^"]*)",outcome="([^"]*)"\\} (\\d+)$`, "gm");

/**
 * Requests by API key, of what Envoy answers at `/stats/prometheus`. A stream is counted when it ends. What was
 * answered before a key was looked at (preflights, refused paths and origins) is nobody's and left out.
 */
export function keyCounts(stats: string): KeyCount[] {
	return [...stats.matchAll(line)].flatMap(([, key = "", outcome, requests]): KeyCount[] => {
		if (outcome === "denied" || outcome === "unauthorized") return [{ key, outcome, requests: Number(requests) }];
		return key === "" ? [] : [{ key, outcome: "allowed", requests: Number(requests) }];
	});
}
