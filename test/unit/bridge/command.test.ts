import { DEFAULT_INHERITED_ENV_VARS } from "@modelcontextprotocol/sdk/client/stdio.js";
import { describe, expect, it } from "vitest";
import type { StdioServer } from "../../../control-plane/registry/model.ts";
import { allOf, inheritedBySdk, resolveCommand, safeBase } from "../../../stdio-bridge/processes/command.ts";

const server: StdioServer = {
	type: "stdio",
	id: "s",
	command: ["run", "<arg>"],
	env: { KEY: "<key>", PATH: "/own" },
	pool: { min: 0, max: 1, maxShared: 1, maxQueue: 0, queueTimeoutMs: 0, idleTimeoutMs: 0, startTimeoutMs: 1 },
};

describe("the command of a server", () => {
	it("has every template expanded, and its own variables over the safe ones", async () => {
		const expand = (template: string) => ({ ok: true as const, value: template.replace(/<(.+)>/, "$1!") });
		const resolved = await resolveCommand(server, expand, { PATH: "/bin", HOME: "/home", AWS_SECRET: "no" });
		const env = { HOME: "/home", KEY: "key!", PATH: "/own" };
		expect(resolved).toEqual({ ok: true, command: { program: "run", args: ["arg!"], env, cwd: undefined } });
	});

	it("names every placeholder that cannot be expanded", async () => {
		const resolved = await resolveCommand(server, (template) => ({ ok: false, problem: `no ${template}` }), {});
		expect(resolved).toEqual({ ok: false, problem: expect.stringMatching(/no run.*no <key>|no <key>.*no run/) });
	});

	it("refuses an empty program", async () => {
		const resolved = await resolveCommand(server, () => ({ ok: true, value: "" }), {});
		expect(resolved).toEqual({ ok: false, problem: expect.stringContaining("empty") });
	});

	it("passes no exported shell function on", () => {
		expect(safeBase({ PATH: "() { :; }", HOME: "/h", npm_config_x: "1" })).toEqual({ HOME: "/h" });
	});

	it("has all variables where they are the server's own", async () => {
		const expand = (template: string) => ({ ok: true as const, value: template });
		const env = { PATH: "/bin", AWS_SECRET: "yes", GONE: undefined };
		const resolved = await resolveCommand(server, expand, env, allOf);
		expect(resolved).toMatchObject({ command: { env: { AWS_SECRET: "yes", KEY: "<key>", PATH: "/own" } } });
		expect(resolved.ok && "GONE" in resolved.command.env).toBe(false);
	});

	it("has its limits and its user, and no variable that tells of the gateway's user", async () => {
		const limits = { processes: 3 };
		const other = (process.getuid?.() ?? 0) + 1;
		const expand = (template: string) => ({ ok: true as const, value: template });
		const env = { PATH: "/bin", HOME: "/root", USER: "root", LOGNAME: "root", SHELL: "/bin/sh", LANG: "C" };
		const resolved = await resolveCommand({ ...server, env: {}, limits, uid: other, gid: 7 }, expand, env);
		expect(resolved).toMatchObject({
			command: { limits, uid: other, gid: 7, env: { PATH: "/bin", LANG: "C" } },
		});
		expect(Object.keys(resolved.ok ? resolved.command.env : {}).sort()).toEqual(["LANG", "PATH"]);
		expect(safeBase(env, process.getuid?.())).toEqual(env);
	});
});

it("the variables that the official SDK's stdio client passes on are passed on", () => {
	expect(inheritedBySdk).toEqual(DEFAULT_INHERITED_ENV_VARS);
});
