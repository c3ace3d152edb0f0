import { describe, expect, it } from "vitest";
import { placement, share } from "../../../control-plane/ir/placement.ts";
import type { Pool } from "../../../control-plane/registry/model.ts";
import { stdio } from "../../feature/bridge/setup.ts";

const placed = (id: string, pool: Partial<Pool>, workers: number) => placement(stdio(id, "raw", [], { pool }), workers);
const ids = Array.from({ length: 400 }, (_, index) => `server-${index}`);

describe("placement", () => {
	it("is what it has always been: a change moves servers, and costs the sessions of those that share a process", () => {
		const of = (pool: Partial<Pool>) => ["git", "time", "files", "a"].map((id) => placed(id, pool, 4));
		expect(of({})).toEqual([[1], [0], [3], [0]]);
		expect(of({ mode: "shared", maxShared: 3 })).toEqual([
			[1, 2, 3],
			[0, 1, 2],
			[3, 0, 1],
			[0, 1, 2],
		]);
		expect(of({ mode: "session" })).toEqual([
			[1, 2, 3, 0],
			[0, 1, 2, 3],
			[3, 0, 1, 2],
			[0, 1, 2, 3],
		]);
	});

	it("has one worker for one shared process, no worker twice, and one at least", () => {
		for (const workers of [1, 2, 3, 4, 7]) {
			for (const id of ids.slice(0, 20)) {
				expect(placed(id, { mode: "shared", maxShared: 1 }, workers)).toHaveLength(1);
				expect(placed(id, { maxShared: 5 }, workers)).toHaveLength(1);
				const all = placed(id, { mode: "shared", maxShared: 100 }, workers);
				expect([...all].sort()).toEqual(Array.from({ length: workers }, (_, index) => index));
			}
		}
	});

	it("spreads servers over the workers", () => {
		const counts = [0, 0, 0, 0];
		for (const id of ids) for (const worker of placed(id, {}, 4)) counts[worker] = (counts[worker] ?? 0) + 1;
		for (const count of counts) expect(count).toBeGreaterThan(60);
	});

	it("divides numbers of processes among the workers that serve the server, to the last one", () => {
		for (const pool of [{ mode: "session" }, { mode: "shared", maxShared: 2 }, {}] as const) {
			for (const min of [0, 1, 3, 10]) {
				const server = stdio("git", "raw", [], { pool: { ...pool, min } });
				const shares = [0, 1, 2].map((index) => share(min, server, { index, count: 3 }));
				const here = placement(server, 3);
				expect(shares.reduce((sum, share) => sum + share)).toBe(min);
				for (const [index, share] of shares.entries()) if (!here.includes(index)) expect(share).toBe(0);
				const of = here.map((index) => shares[index] ?? 0);
				expect(Math.max(...of) - Math.min(...of)).toBeLessThanOrEqual(1);
			}
		}
	});
});
