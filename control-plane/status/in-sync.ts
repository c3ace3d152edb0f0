import type { AdsServer } from "../ads/server.ts";
import { type EnvoyStatus, envoyStatuses } from "./status.ts";

/** Whether an Envoy has what is in force, and what it refuses of it. */
export type Acknowledged = Pick<EnvoyStatus, "id" | "inSync" | "refused">;

/**
 * Waits until an Envoy is connected and each one has acknowledged the snapshot in force, or for as long as it may.
 * @param onChange Calls back after every change of what an Envoy has acknowledged; returns what ends that.
 */
export async function waitInSync(
	ads: AdsServer,
	onChange: (listener: () => void) => () => void,
	timeoutMs: number,
): Promise<readonly Acknowledged[]> {
	const isDone = () => {
		const { snapshot, streams } = ads;
		if (snapshot === undefined || streams.size === 0) return false;
		// One that has just connected has not asked for everything yet.
		return [...streams].every(({ sequencer }) => sequencer.isServing() && sequencer.isInSync(snapshot));
	};
	await new Promise<void>((resolve) => {
		const end = () => {
			clearTimeout(timer);
			unsubscribe();
			resolve();
		};
		const timer = setTimeout(end, timeoutMs);
		const unsubscribe = onChange(() => {
			if (isDone()) end();
		});
		if (isDone()) end();
	});
	return envoyStatuses(ads).map(({ id, inSync, refused }) => ({ id, inSync, refused }));
}
