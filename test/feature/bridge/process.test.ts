import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { alive, bridgeWith, folder, initialize, pidsIn, stdio, until } from "./setup.ts";

describe("processes of the bridge", () => {
	it("tells calls in flight how the process died, and the session is lost", async () => {
		const { post, open, bridge } = await bridgeWith([stdio("s", "raw")]);
		const session = await open("s");
		const waiting = post("/s", { jsonrpc: "2.0", id: 1, method: "no-answer" }, session, { "x-request-id": "r-7" });
		const dying = await post("/s", { jsonrpc: "2.0", id: 2, method: "exit" }, session);
		expect(dying.body).toMatchObject({ id: 2, error: { code: -32076, data: { reason: "process_died", server: "s" } } });
		expect(dying.body.error?.data["detail"]).toMatch(/exited with code 7.*last words/s);
		expect((await waiting).body).toMatchObject({ id: 1, error: { data: { requestId: "r-7" } } });
		expect((await post("/s", { jsonrpc: "2.0", id: 3, method: "ping" }, session)).status).toBe(404);
		expect(bridge.status().servers["s"]).toMatchObject({ sessions: 0, deaths: 1 });
		await open("s");
	});

	it("tells of a SIGKILL, and of a process that closes its stdout", async () => {
		const { post, open, bridge } = await bridgeWith([stdio("s", "raw")]);
		const one = await open("s");
		const killed = post("/s", { jsonrpc: "2.0", id: 1, method: "no-answer" }, one);
		const pid = bridge.status().servers["s"]?.processes[0]?.pid ?? 0;
		await post("/s", { jsonrpc: "2.0", id: 2, method: "echo" }, one);
		process.kill(pid, "SIGKILL");
		expect((await killed).body.error?.data["detail"]).toContain("SIGKILL");
		const closed = await post("/s", { jsonrpc: "2.0", id: 1, method: "close-stdout" }, await open("s"));
		expect(closed.body.error?.data["detail"]).toContain("closed its stdout");
		await until(() => bridge.status().servers["s"]?.processes.length === 0, "both processes are gone");
	});

	it("says why a process cannot start, to the client and in the status", async () => {
		const missing = { ...stdio("missing", "raw"), command: ["/no/such/program"] as const };
		const folderless = stdio("folderless", "raw", [], { cwd: "/no/such/folder" });
		const dying = stdio("dying", "raw", ["exit-on-start"]);
		const { post, bridge } = await bridgeWith([missing, folderless, dying, stdio("good", "raw")]);
		const detail = async (id: string) => {
			const { status, body } = await post(`/${id}`, initialize);
			expect({ status, id: body.id, reason: body.error?.data["reason"] }).toEqual({
				status: 503,
				id: 0,
				reason: "process_failed_to_start",
			});
			return body.error?.data["detail"];
		};
		expect(await detail("missing")).toMatch(/`\/no\/such\/program`.*ENOENT/);
		expect(await detail("folderless")).toContain("/no/such/folder does not exist");
		expect(await detail("dying")).toMatch(/exited with code 3.*cannot find the database/s);
		expect((await post("/good", initialize)).status).toBe(200);
		expect(bridge.status().servers["dying"]).toMatchObject({
			sessions: 0,
			startFailures: 1,
			lastFailure: { reason: "process_failed_to_start", detail: expect.stringContaining("database") },
		});
	});

	it("gives up on a process that does not answer initialize", async () => {
		const pidFile = join(await folder(), "pids");
		const { post, bridge } = await bridgeWith([
			stdio("s", "raw", ["mute", pidFile], { pool: { startTimeoutMs: 5000 } }),
		]);
		expect(await post("/s", initialize)).toMatchObject({
			status: 504,
			body: { id: 0, error: { data: { reason: "timeout" } } },
		});
		for (const pid of await pidsIn(pidFile, 1)) await until(async () => !(await alive(pid)), "the process is gone");
		expect(bridge.status().servers["s"]).toMatchObject({ sessions: 0, startFailures: 1 });
	});

	it("stops the process of a client that leaves before initialize is answered", async () => {
		const pidFile = join(await folder(), "pids");
		const { url, bridge } = await bridgeWith([stdio("s", "raw", ["mute", pidFile])]);
		const stop = new AbortController();
		const headers = { accept: "application/json, text/event-stream", "content-type": "application/json" };
		const asking = fetch(url("/s"), { method: "POST", body: JSON.stringify(initialize), headers, signal: stop.signal });
		const [pid = 0] = await pidsIn(pidFile, 1);
		stop.abort();
		await expect(asking).rejects.toThrow();
		await until(async () => !(await alive(pid)), "the process is gone");
		expect(bridge.status().servers["s"]).toMatchObject({ sessions: 0, startFailures: 0 });
	});

	it("passes on a process's own refusal of initialize", async () => {
		const { post, bridge } = await bridgeWith([stdio("s", "raw", ["refuse"])]);
		expect(await post("/s", initialize)).toMatchObject({
			status: 200,
			body: { id: 0, error: { message: "not today" } },
		});
		await until(() => bridge.status().servers["s"]?.processes.length === 0, "the process is gone");
	});

	it("steps over garbage on stdout", async () => {
		const { post, open, lines } = await bridgeWith([stdio("s", "raw", ["garbage"])]);
		const answer = await post("/s", { jsonrpc: "2.0", id: 1, method: "echo" }, await open("s"));
		expect(answer.body.id).toBe(1);
		expect(lines.some(({ fields }) => fields["text"] === "hello, I am a server")).toBe(true);
	});

	it("logs stderr line by line, bounded, and outlives a flood of it", async () => {
		const servers = [stdio("flood", "raw", ["flood"]), stdio("long", "raw", ["long-stderr"])];
		const { post, open, lines } = await bridgeWith(servers);
		const answer = await post("/flood", { jsonrpc: "2.0", id: 1, method: "echo" }, await open("flood"));
		expect(answer.body.id).toBe(1);
		await open("long");
		const stderr = (server: string) =>
			lines.filter(({ fields }) => fields["stream"] === "stderr" && fields["server"] === server);
		await until(() => stderr("long").length === 1, "the long line");
		expect(stderr("long")[0]).toMatchObject({
			level: "info",
			fields: { pid: expect.any(Number) },
			message: "y".repeat(8192),
		});
		expect(stderr("flood")[0]?.message).toMatch(/^line 0 x+$/);
		expect(stderr("flood").length).toBeLessThan(5000);
	});

	it("gives a child the safe variables, the entry's own, and no others", async () => {
		const entry = stdio("s", "raw", [], { env: { TOKEN: "SECRET" }, cwd: "/" });
		const { post, open } = await bridgeWith([entry], {
			env: { ...process.env, OTHER_SECRET: "no" },
			expand: (template) => ({ ok: true, value: template.replace("SECRET", "s3cret") }),
		});
		const { body } = await post("/s", { jsonrpc: "2.0", id: 1, method: "echo" }, await open("s"));
		expect(body.result).toMatchObject({ cwd: "/", env: { TOKEN: "s3cret", PATH: process.env["PATH"] } });
		expect(Object.keys(body.result?.["env"] ?? {})).not.toContain("OTHER_SECRET");
		expect(Object.keys(body.result?.["env"] ?? {}).filter((name) => /^(npm_|VITEST)/.test(name))).toEqual([]);
	});

	it("names a placeholder that cannot be expanded", async () => {
		const { post } = await bridgeWith([stdio("s", "raw")], {
			expand: () => ({ ok: false, problem: "X is not set" }),
		});
		const { status, body } = await post("/s", initialize);
		expect([status, body.error?.data["detail"]]).toEqual([503, expect.stringContaining("X is not set")]);
	});

	it("leaves no process after close, neither stubborn ones nor grandchildren", async () => {
		const pidFile = join(await folder(), "pids");
		const { open, bridge } = await bridgeWith([stdio("s", "raw", ["grandchild", pidFile])]);
		await Promise.all([open("s"), open("s")]);
		const pids = await pidsIn(pidFile, 4);
		const guardPid = bridge.status().guardPid ?? 0;
		expect(await alive(guardPid)).toBe(true);
		await bridge.close({ graceMs: 0 });
		for (const pid of [...pids, guardPid]) expect(await alive(pid)).toBe(false);
	});

	it("lets calls in flight finish at close, within the grace period", async () => {
		const { client, bridge, post, open } = await bridgeWith([stdio("s", "server"), stdio("r", "raw")]);
		const { call } = await client("s");
		const slow = call("sleep", { ms: 500 });
		const never = post("/r", { jsonrpc: "2.0", id: 1, method: "no-answer" }, await open("r"));
		await bridge.close({ graceMs: 1500 });
		expect(await slow).toBe("slept 500");
		expect((await never).body.error?.data["reason"]).toBe("session_lost");
	});
});
