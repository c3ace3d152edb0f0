import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
	createDetector,
	type Detector,
	type DetectorDeps,
	type Entry,
} from "../../../control-plane/detection/detector.ts";
import type { Finding, ProbeResult } from "../../../control-plane/detection/finding.ts";
import type { Findings } from "../../../control-plane/detection/findings-file.ts";
import { parseRegistry } from "../../../control-plane/registry/parse.ts";

const http: Finding = { transport: "streamable-http", path: "/mcp", revisions: ["2025-11-25"] };
const sse: Finding = { transport: "sse", path: "/sse", revisions: ["2024-11-05"] };
const stdio: Finding = { transport: "stdio", revisions: ["2025-11-25"] };
const nothing: ProbeResult = { tried: [{ what: "it", outcome: "did not answer" }] };
const found = (finding: Finding): ProbeResult => ({ finding, tried: [] });

function commandOf(program: string) {
	const parsed = parseRegistry(JSON.stringify({ s: { cmd: [program] } }), "r.json");
	const server = parsed.ok ? parsed.registry.servers.get("s") : undefined;
	if (server?.type !== "stdio") throw new Error("no stdio server");
	return server;
}

function entry(id: string, port: number, program?: string, headers: Record<string, string> = {}): Entry {
	const address = { host: "127.0.0.1", port };
	const target = { endpoints: [{ address, hostname: `h:${port}`, label: `http://h:${port}` }], headers, path: "/" };
	return { id, http: target, ...(program === undefined ? {} : { stdio: commandOf(program) }) };
}

/** What the next probes answer, by port and by program; undefined: they wait. */
let answers: Map<number | string, ProbeResult | undefined>;
let probes: (number | string)[];
let changes: number;
let running: number;
let most: number;
let detector: Detector;

async function probe(key: number | string, signal: AbortSignal): Promise<ProbeResult> {
	probes.push(key);
	running += 1;
	most = Math.max(most, running);
	while (answers.get(key) === undefined && !signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
	running -= 1;
	return answers.get(key) ?? { tried: [] };
}

beforeEach(() => {
	vi.useFakeTimers();
	answers = new Map();
	probes = [];
	changes = running = most = 0;
	detector = make();
});

function make(more: Partial<DetectorDeps> = {}): Detector {
	return createDetector({
		log: pino({ level: "silent" }),
		probeHttp: ({ endpoints }, signal) => {
			const address = endpoints[0]?.address;
			return probe(address && "port" in address ? address.port : 0, signal);
		},
		probeStdio: ({ command }, signal) => probe(command[0], signal),
		onChange: () => {
			changes += 1;
		},
		...more,
	});
}

afterEach(() => {
	detector.close();
	vi.useRealTimers();
});

const passed = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe("the detector", () => {
	test("finds out what is new, tells it once, and asks no more", async () => {
		answers.set(1, found(http)).set(2, found(sse));
		detector.setEntries([entry("a", 1), entry("b", 2)]);
		expect([detector.detection("a"), detector.detecting]).toEqual([{ state: "detecting" }, 2]);
		await passed(100);
		expect(detector.detection("a")).toEqual({ state: "found", finding: http });
		expect(detector.detection("b")).toEqual({ state: "found", finding: sse });
		expect([changes, detector.detecting]).toEqual([1, 0]);
		detector.setEntries([entry("a", 1), entry("b", 2)]);
		await passed(600_000);
		expect(probes).toEqual([1, 2]);
		expect(changes).toBe(1);
	});

	test("takes the command where the endpoint does not answer, and the endpoint once it does", async () => {
		answers.set(1, nothing).set("x", found(stdio));
		detector.setEntries([entry("a", 1, "x")]);
		await passed(100);
		expect(detector.detection("a")).toEqual({ state: "found", finding: stdio });
		await passed(10_000);
		// The endpoint after 1, 2 and 4 more seconds; the command is not started again.
		expect(probes).toEqual([1, "x", 1, 1, 1]);
		answers.set(1, found(http));
		await passed(10_000);
		expect(detector.detection("a")).toEqual({ state: "found", finding: http });
		answers.set(1, nothing);
		const before = probes.length;
		await passed(600_000);
		expect(probes).toHaveLength(before);
	});

	test("says what was tried, over both ways, and tries again with a growing wait of a minute at the most", async () => {
		answers.set(1, nothing).set("x", { tried: [{ what: "x", outcome: "cannot be run" }] });
		detector.setEntries([entry("a", 1, "x")]);
		await passed(100);
		expect(detector.detection("a")).toEqual({
			state: "failed",
			tried: [...nothing.tried, { what: "x", outcome: "cannot be run" }],
		});
		await passed(64_000);
		const early = probes.filter((key) => key === 1).length;
		expect(early).toBe(7);
		await passed(600_000);
		expect(probes.filter((key) => key === 1)).toHaveLength(early + 10);
		expect(changes).toBe(1);
	});

	test("probes again when the address, a header or the command changes; what was found stands meanwhile", async () => {
		answers.set(1, found(http));
		detector.setEntries([entry("a", 1)]);
		await passed(100);
		const first = detector.detection("a");
		for (const changed of [
			entry("a", 1, undefined, { key: "v" }),
			entry("a", 1, "x", { key: "v" }),
			entry("a", 2, "x"),
		]) {
			const before = probes.length;
			detector.setEntries([changed]);
			expect(detector.detection("a")).toBe(first);
			expect(detector.detecting).toBe(0);
			await passed(1);
			expect(probes).toHaveLength(before + 1);
			await passed(100);
		}
		answers.set(2, found(sse));
		await passed(100);
		expect(detector.detection("a")).toEqual({ state: "found", finding: sse });
	});

	test("forgets a finding when another address answers nothing, and keeps it when the same does", async () => {
		answers.set(1, found(http)).set(2, nothing);
		detector.setEntries([entry("a", 1)]);
		await passed(100);
		answers.set(1, nothing);
		detector.again();
		await passed(100);
		expect(detector.detection("a")).toMatchObject({ state: "found" });
		detector.setEntries([entry("a", 2)]);
		await passed(100);
		expect(detector.detection("a")).toMatchObject({ state: "failed" });
	});

	test("an entry that lost its command is not what its command was", async () => {
		answers.set(1, nothing).set("x", found(stdio));
		detector.setEntries([entry("a", 1, "x")]);
		await passed(100);
		detector.setEntries([entry("a", 1)]);
		expect(detector.detection("a")).toEqual({ state: "detecting" });
	});

	test("an answer that comes too late for what has changed counts for nothing", async () => {
		detector.setEntries([entry("a", 1)]);
		await passed(100);
		answers.set(2, found(sse));
		detector.setEntries([entry("a", 2)]);
		answers.set(1, found(http));
		await passed(100);
		expect(detector.detection("a")).toEqual({ state: "found", finding: sse });
		detector.setEntries([]);
		expect(detector.detection("a")).toEqual({ state: "detecting" });
	});

	test("sixteen endpoints at once and two commands", async () => {
		const entries = Array.from({ length: 40 }, (_, i) => entry(`s${i}`, i + 1, `x${i}`));
		detector.setEntries(entries);
		await passed(100);
		expect([probes.length, most]).toEqual([16, 16]);
		for (let port = 1; port <= 40; port++) answers.set(port, nothing);
		await passed(500);
		expect(probes.filter((key) => typeof key === "string")).toHaveLength(2);
		expect(running).toBe(2);
	});

	test("the first round ends with the last first answer, or when it has waited enough", async () => {
		let over = 0;
		answers.set(1, found(http));
		detector.setEntries([entry("a", 1), entry("b", 2)]);
		void detector.firstRound(3000).then(() => (over += 1));
		await passed(2900);
		expect([over, detector.detecting]).toEqual([0, 1]);
		answers.set(2, nothing);
		await passed(50);
		expect([over, detector.detecting]).toEqual([1, 0]);
		detector.setEntries([entry("a", 1), entry("b", 2), entry("c", 3)]);
		void detector.firstRound(3000).then(() => (over += 1));
		await passed(3000);
		expect([over, detector.detecting]).toEqual([2, 1]);
		detector.setEntries([entry("a", 1)]);
		await detector.firstRound(3000);
	});

	test("a probe that breaks is a failure, and is tried again", async () => {
		detector.close();
		let calls = 0;
		detector = createDetector({
			log: pino({ level: "silent" }),
			probeHttp: async () => {
				calls += 1;
				if (calls === 1) throw new Error("a fault of ours");
				return found(http);
			},
			probeStdio: async () => nothing,
			onChange: () => {},
		});
		detector.setEntries([entry("a", 1)]);
		await passed(100);
		expect(detector.detection("a")).toMatchObject({ state: "failed" });
		await passed(1000);
		expect(detector.detection("a")).toMatchObject({ state: "found" });
	});

	test("who asks for credentials is asked again, less and less often", async () => {
		answers.set(1, found({ transport: "streamable-http", path: "/", revisions: [], authorization: true }));
		detector.setEntries([entry("a", 1)]);
		await passed(3_600_000);
		// After 1, 2, 4 to 512 seconds, then every ten minutes.
		expect(probes.length).toBe(15);
		answers.set(1, found(http));
		await passed(700_000);
		expect(detector.detection("a")).toEqual({ state: "found", finding: http });
		const before = probes.length;
		await passed(3_600_000);
		expect(probes).toHaveLength(before);
	});

	test("what was found before it began stands at once, and is probed again", async () => {
		let kept: Findings = new Map();
		detector.close();
		detector = make({ keep: (findings) => (kept = findings) });
		answers.set(1, found(sse)).set(2, nothing);
		detector.setEntries([entry("a", 1), entry("b", 2)]);
		await passed(100);
		expect([...kept.values()]).toEqual([sse]);
		detector.close();
		detector = make({ before: kept });
		answers.delete(1);
		detector.setEntries([entry("a", 1), entry("b", 2), entry("c", 3)]);
		expect(detector.detection("a")).toEqual({ state: "found", finding: sse });
		expect(detector.detecting).toBe(2);
		answers.set(1, found(http));
		await passed(100);
		expect(detector.detection("a")).toEqual({ state: "found", finding: http });
		// Another address is another entry.
		detector.close();
		detector = make({ before: kept });
		detector.setEntries([entry("a", 4)]);
		expect(detector.detection("a")).toEqual({ state: "detecting" });
	});
});
