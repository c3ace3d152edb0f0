import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startConformanceReplicas } from "../support/upstreams.ts";
import { startRoundRobin } from "./round-robin.ts";
import { compareServers, type Results, runConformance, summarize } from "./run.ts";
import type { Suite } from "./suite.ts";

/** What the fixture passes; fewer means that a suite did not run, or that the fixture got worse. */
const PASSED: [Suite, number][] = [
	["0.1.16-all", 44],
	["2025-11-25", 84],
	["2026-07-28", 164],
];

const TIMEOUT_MS = 300_000;

describe("the conformance fixture", () => {
	let fixture: Awaited<ReturnType<typeof startConformanceReplicas>>;
	let balancer: Awaited<ReturnType<typeof startRoundRobin>>;
	const direct = new Map<Suite, Results>();
	beforeAll(async () => {
		fixture = await startConformanceReplicas(3);
		balancer = await startRoundRobin(fixture.replicas.map(({ port }) => port));
	});
	afterAll(async () => {
		await balancer?.close();
		await fixture?.close();
	});

	for (const [suite, passed] of PASSED) {
		it(`passes ${suite} directly`, { timeout: TIMEOUT_MS }, async () => {
			const results = await runConformance({ suite, url: fixture.replicas[0]!.url });
			direct.set(suite, results);
			const summary = summarize(suite, results);
			expect(summary.failed).toEqual([]);
			expect(summary.passed).toBeGreaterThanOrEqual(passed);
			// The Tasks extension is not what a gateway is measured by.
			expect(summary.unscored.filter((check) => !check.startsWith("tasks-"))).toEqual([]);
		});

		it(`passes ${suite} in three replicas behind a plain balancer`, { timeout: TIMEOUT_MS }, async () => {
			const url = fixture.replicas[0]!.url;
			const known = direct.get(suite);
			const { differences } = await compareServers({
				suite,
				url,
				through: balancer.url,
				...(known && { direct: known }),
			});
			expect(differences).toEqual([]);
		});
	}
});
