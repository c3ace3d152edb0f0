import { describe, expect, it } from "vitest";
import { bridgeAddresses, workerCount } from "../../../control-plane/cli/bridge-workers.ts";
import { workerAddresses } from "../../../stdio-bridge/workers/addresses.ts";

describe("addresses of workers", () => {
	it.each([
		["/run/bridge.sock", ["/run/bridge-0.sock", "/run/bridge-1.sock"]],
		["/run.d/bridge", ["/run.d/bridge-0", "/run.d/bridge-1"]],
		["/run/a.b.sock", ["/run/a.b-0.sock", "/run/a.b-1.sock"]],
	])("%s becomes several", (path, paths) => {
		expect(workerAddresses({ path }, 2)).toEqual(paths.map((path) => ({ path })));
		expect(workerAddresses({ path }, 1)).toEqual([{ path }]);
	});

	it("are refused where the names become too long for sockets", () => {
		const path = `/${"x".repeat(101)}`;
		expect(bridgeAddresses({ path }, 1)).toEqual([{ path }]);
		expect(() => bridgeAddresses({ path }, 2)).toThrow("--listen: The path in");
	});

	it("are consecutive ports", () => {
		expect(workerAddresses({ host: "::1", port: 8090 }, 3).map((one) => "port" in one && one.port)).toEqual([
			8090, 8091, 8092,
		]);
		expect(() => bridgeAddresses({ host: "127.0.0.1", port: 65535 }, 2)).toThrow("2 ports in a row");
	});

	it("are one where any free port will do, unless several workers are asked for", () => {
		const free = { host: "127.0.0.1", port: 0 };
		expect(bridgeAddresses(free, undefined)).toEqual([free]);
		expect(() => bridgeAddresses(free, 2)).toThrow("name the first of them");
	});

	it("are as many as are asked for, and else no more than four", () => {
		expect(workerCount(7, "--workers")).toBe(7);
		expect(workerCount(undefined, "--workers")).toBeGreaterThan(0);
		expect(workerCount(undefined, "--workers")).toBeLessThanOrEqual(4);
		for (const wrong of [0, 1.5, -1, 65, Number.NaN]) {
			expect(() => workerCount(wrong, "--workers")).toThrow("--workers takes a whole number from 1 to 64");
		}
	});
});
