import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareServers, summarize } from "../conformance/run.ts";
import { SUITES } from "../conformance/suite.ts";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { startConformanceReplicas } from "../support/upstreams.ts";

/** The official suites give the same answer, check by check, direct and through the gateway with three replicas. */

let gateway: Gateway;
let upstream: Awaited<ReturnType<typeof startConformanceReplicas>>;

beforeAll(async () => {
	upstream = await startConformanceReplicas(3);
	gateway = await startGateway({
		registry: { fixture: { type: "http", endpoints: upstream.replicas.map(({ url }) => url) } },
	});
});

afterAll(async () => {
	await gateway?.stop();
	await upstream?.close();
});

describe("conformance through the gateway", () => {
	it.each(SUITES)("%s", { timeout: 300_000 }, async (suite) => {
		const url = upstream.replicas[0]?.url ?? "";
		const { direct, differences } = await compareServers({ suite, url, through: `${gateway.url}/fixture` });
		expect(summarize(suite, direct).failed).toEqual([]);
		expect(direct.size).toBeGreaterThan(50);
		expect(differences).toEqual([]);
	});
});
