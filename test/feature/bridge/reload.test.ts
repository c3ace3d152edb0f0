import { describe, expect, it } from "vitest";
import type { Bridge } from "../../../stdio-bridge/bridge.ts";
import { alive, bridgeWith, initialize, stdio, until } from "./setup.ts";

/** Calls in flight at the first process of `s`. */
const calls = ({ status }: Bridge) => status().servers["s"]?.processes[0]?.calls;

describe("reload of the bridge", () => {
	it("leaves unchanged servers alone, though the registry is a new object", async () => {
		const { client, source } = await bridgeWith([stdio("s", "server")]);
		const { call } = await client("s");
		const pid = await call("pid");
		source.set([stdio("new", "raw"), stdio("s", "server")]);
		expect(await call("pid")).toBe(pid);
	});

	it("ends a removed server's sessions after their calls", async () => {
		const { client, source, post, bridge } = await bridgeWith([stdio("s", "server")]);
		const { call } = await client("s");
		const pid = Number(await call("pid"));
		const slow = call("sleep", { ms: 400 });
		await until(() => calls(bridge) === 1, "the call at the process");
		source.set([]);
		expect((await post("/s", initialize)).status).toBe(404);
		expect(await slow).toBe("slept 400");
		await until(async () => !(await alive(pid)), "the process is gone");
	});

	it("ends a call that outlasts the grace period of a removed server", async () => {
		const { open, post, source, bridge } = await bridgeWith([stdio("s", "raw")], { removedGraceMs: 200 });
		const call = post("/s", { jsonrpc: "2.0", id: 1, method: "no-answer" }, await open("s"));
		await until(() => calls(bridge) === 1, "the call at the process");
		source.set([]);
		expect((await call).body).toMatchObject({ id: 1, error: { data: { reason: "session_lost" } } });
	});

	it("gives new sessions the new definition while old ones go on with theirs", async () => {
		const { client, source, bridge } = await bridgeWith([stdio("s", "server")]);
		const old = await client("s");
		source.set([stdio("s", "server", [], { env: { FRESH: "1" } })]);
		const fresh = await client("s");
		expect(await fresh.call("env")).toContain('"FRESH":"1"');
		expect(await old.call("env")).not.toContain("FRESH");
		expect(bridge.status().servers["s"]).toMatchObject({ sessions: 2, starts: 2 });
	});

	it("ends sessions of an old definition that outlast its grace period, and no other", async () => {
		const { client, source } = await bridgeWith([stdio("s", "server")], { changedGraceMs: 100 });
		const old = await client("s");
		const pid = Number(await old.call("pid"));
		source.set([stdio("s", "server", [], { env: { FRESH: "1" } })]);
		const fresh = await client("s");
		await until(async () => !(await alive(pid)), "the old process is gone");
		expect(await fresh.call("env")).toContain("FRESH");
		await expect(old.call("pid")).rejects.toThrow();
	});
});
