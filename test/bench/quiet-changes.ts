import { setTimeout as sleep } from "node:timers/promises";
import type { Gateway } from "../support/gateway.ts";
import { endpoint } from "./envoy-config.ts";
import { cpuMicros } from "./process-usage.ts";
import type { RegistryFile } from "./registry-edit.ts";

/** What one change costs without any traffic. */
export interface ChangeCost {
	readonly kind: string;
	/** Resources pushed to Envoy. */
	readonly bytes: number;
	/** Milliseconds of CPU. */
	readonly envoy: number;
	readonly controlPlane: number;
}

const gapMs = 80;

/** Makes changes with nothing else going on, kind by kind; what idling costs is taken off. */
export async function quietChanges(
	gateway: Gateway,
	file: RegistryFile,
	ports: readonly number[],
	count: number,
): Promise<ChangeCost[]> {
	const pids = await gateway.children();
	const envoy = pids["envoy"] ?? 0;
	const plane = pids["control-plane"] ?? 0;
	const cpu = () => ({ envoy: cpuMicros(envoy), plane: cpuMicros(plane) });
	const measure = async (change: (index: number) => void) => {
		const bytes = await pushedBytes(gateway);
		const before = cpu();
		for (let index = 0; index < count; index++) {
			change(index);
			await sleep(gapMs);
		}
		const after = cpu();
		return {
			bytes: ((await pushedBytes(gateway)) - bytes) / count,
			envoy: (after.envoy - before.envoy) / 1000 / count,
			controlPlane: (after.plane - before.plane) / 1000 / count,
		};
	};
	const idle = await measure(() => {});
	const kinds: Readonly<Record<string, (index: number) => void>> = {
		addition: (index) => file.change(`quiet-${index}`, endpoint(ports[0]!, "/mcp")),
		"endpoint moved": (index) => file.change(`quiet-${index}`, endpoint(ports[1]!, "/mcp")),
		"path changed": (index) => file.change(`quiet-${index}`, endpoint(ports[1]!, "/v2")),
		removal: (index) => file.change(`quiet-${index}`, undefined),
	};
	const costs: ChangeCost[] = [];
	for (const [kind, change] of Object.entries(kinds)) {
		const cost = await measure(change);
		costs.push({
			kind,
			bytes: cost.bytes,
			envoy: cost.envoy - idle.envoy,
			controlPlane: cost.controlPlane - idle.controlPlane,
		});
	}
	return costs;
}

async function pushedBytes(gateway: Gateway): Promise<number> {
	const response = await fetch(`${gateway.adminUrl}/v1/status`);
	const { envoys } = (await response.json()) as { envoys: { bytes: number }[] };
	return envoys.reduce((sum, { bytes }) => sum + bytes, 0);
}
