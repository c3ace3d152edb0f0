import { describe, expect, it } from "vitest";
import { kubernetesServer } from "../../support/kubernetes-server.ts";
import { accept, alive, bridgeWith, initialize, stdio, toAnswer, until } from "./setup.ts";

describe("sessions of the bridge", () => {
	it("gives each session its own process, at any path below the id", async () => {
		const { client, bridge } = await bridgeWith([stdio("s", "server")]);
		const [one, two] = await Promise.all([client("s"), client("s/below/it")]);
		expect(await one.call("echo", { text: "hä\u2028llo" })).toBe("hä\u2028llo");
		expect(await one.call("pid")).not.toBe(await two.call("pid"));
		expect(bridge.status().servers["s"]).toMatchObject({ sessions: 2, starts: 2, startFailures: 0 });
	});

	it("ends the session and its process on DELETE; the session is lost afterwards", async () => {
		const { client, post, bridge } = await bridgeWith([stdio("s", "server")]);
		const { transport, call } = await client("s");
		const pid = Number(await call("pid"));
		const id = transport.sessionId;
		await transport.terminateSession();
		await until(async () => !(await alive(pid)), "the process is gone");
		const answer = await post("/s", { jsonrpc: "2.0", id: 5, method: "ping" }, id, { "x-request-id": "r-1" });
		expect(answer.status).toBe(404);
		expect(answer.headers.get("content-type")).toBe("application/json");
		expect(answer.body).toMatchObject({
			id: 5,
			error: { code: -32001, data: { reason: "session_lost", server: "s", requestId: "r-1" } },
		});
		await until(() => bridge.status().servers["s"]?.processes.length === 0, "no process in the status");
	});

	it("refuses what names no session, an unknown one, or another server's", async () => {
		const { post, open, url } = await bridgeWith([stdio("a", "raw"), stdio("b", "raw")]);
		const ping = { jsonrpc: "2.0", id: "p", method: "ping" };
		expect(await post("/a", ping)).toMatchObject({
			status: 400,
			body: { id: "p", error: { data: { reason: "session_required" } } },
		});
		expect(await post("/a", ping, "nonsense")).toMatchObject({ status: 404, body: { id: "p" } });
		expect((await post("/b", ping, await open("a"))).body.error?.data["reason"]).toBe("session_lost");
		// A GET at the server's own path is HTTP+SSE's.
		for (const [method, path] of [
			["GET", "/a/below"],
			["DELETE", "/a"],
		] as const) {
			const answer = await toAnswer(await fetch(url(path), { method, headers: { accept } }));
			expect(answer).toMatchObject({ status: 400, body: { error: { data: { reason: "session_required" } } } });
		}
	});

	it("knows stdio servers of the registry only", async () => {
		const http = kubernetesServer("h", { chart: "c" });
		const { post, url } = await bridgeWith([http]);
		for (const path of ["/none", "/h", "/", "/%73"]) {
			expect(await post(path, initialize)).toMatchObject({
				status: 404,
				body: { error: { data: { reason: "unknown_server" } } },
			});
		}
		expect((await fetch(url("/~bridge/other"))).status).toBe(404);
		const empty = await bridgeWith(undefined);
		expect(await empty.post("/h", initialize)).toMatchObject({
			status: 503,
			body: { error: { data: { reason: "server_unavailable" } } },
		});
		expect((await fetch(empty.url("/~bridge/healthz"))).status).toBe(503);
	});

	it("refuses other methods, media types and broken bodies before a process is started", async () => {
		const { post, url, bridge } = await bridgeWith([stdio("s", "raw")]);
		const put = await toAnswer(await fetch(url("/s"), { method: "PUT", headers: { accept } }));
		expect(put).toMatchObject({ status: 405, body: { error: { data: { reason: "method_not_allowed" } } } });
		expect(put.headers.get("allow")).toBe("GET, POST, DELETE");
		expect((await post("/s", initialize, undefined, { accept: "application/json" })).status).toBe(406);
		expect((await post("/s", initialize, undefined, { "content-type": "text/plain" })).status).toBe(415);
		expect(await post("/s", "{")).toMatchObject({ status: 400, body: { id: null, error: { code: -32700 } } });
		const malformed = { ...initialize, params: {} };
		expect(await post("/s", malformed)).toMatchObject({ status: 400, body: { id: 0, error: { code: -32602 } } });
		expect(bridge.status().servers["s"]?.starts).toBe(0);
	});

	it("caps sessions at pool.max, and processes that are still stopping count", async () => {
		const pool = { max: 1, queueTimeoutMs: 50 };
		const { open, post, url, bridge } = await bridgeWith([stdio("s", "raw", ["stubborn"], { pool })]);
		const session = await open("s");
		expect(await post("/s", initialize)).toMatchObject({
			status: 503,
			body: { id: 0, error: { data: { reason: "pool_busy" } } },
		});
		const [first] = bridge.status().servers["s"]?.processes ?? [];
		await fetch(url("/s"), { method: "DELETE", headers: { "mcp-session-id": session } });
		await until(async () => (await post("/s", initialize)).status === 200, "a place for the next session");
		expect(await alive(first?.pid ?? 0)).toBe(false);
	});

	it("ends idle sessions, also while a GET stream is open, but not during a call", async () => {
		const { client, bridge } = await bridgeWith([stdio("s", "server", [], { pool: { idleTimeoutMs: 1500 } })]);
		const { call } = await client("s");
		const pid = Number(await call("pid"));
		expect(await call("sleep", { ms: 2500 })).toBe("slept 2500");
		await until(async () => !(await alive(pid)), "the idle process is gone");
		expect(bridge.status().servers["s"]).toMatchObject({ sessions: 0, deaths: 0 });
	});

	it("lets one GET stream open at a time", async () => {
		const { open, url } = await bridgeWith([stdio("s", "raw")]);
		const headers = { accept: "text/event-stream", "mcp-session-id": await open("s") };
		const stop = new AbortController();
		const first = await fetch(url("/s"), { headers, signal: stop.signal });
		expect(first.headers.get("content-type")).toBe("text/event-stream");
		expect((await fetch(url("/s"), { headers })).status).toBe(409);
		stop.abort();
		await first.text().catch(() => {});
		await until(async () => {
			const again = await fetch(url("/s"), { headers });
			await again.body?.cancel();
			return again.status === 200;
		}, "a new GET stream");
	});

	it("shows status and health", async () => {
		const { open, url } = await bridgeWith([stdio("s", "raw")]);
		await open("s");
		const status: unknown = await (await fetch(url("/~bridge/status"))).json();
		expect(status).toMatchObject({
			servers: { s: { sessions: 1, processes: [{ pid: expect.any(Number), startedAt: expect.any(String) }] } },
		});
		expect(await (await fetch(url("/~bridge/healthz"))).json()).toEqual({ status: "ok" });
	});
});
