import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { run } from "../../../envoy/run.ts";
import { eventually, freePort } from "../../support/gateway.ts";
import { NODE, ROOT, start } from "../../support/process.ts";

/** The bridge's image without its Node: what the Dockerfile bundles, in a folder with no node_modules above it. */

let folder = "";
let program = "";
beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "bundle-"));
	program = join(folder, "mcp-gateway.cjs");
	const { code, stderr } = await run(NODE, [join(ROOT, "stdio-bridge/image/bundle.ts"), folder]);
	expect(stderr).toBe("");
	expect(code).toBe(0);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const initialize = JSON.stringify({
	jsonrpc: "2.0",
	id: 1,
	method: "initialize",
	params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } },
});

async function post(url: string, body: string, headers: Record<string, string> = {}) {
	const accept = "application/json, text/event-stream";
	const sent = { "content-type": "application/json", accept, ...headers };
	const response = await fetch(url, { method: "POST", body, headers: sent });
	return { session: response.headers.get("mcp-session-id") ?? "", text: await response.text() };
}

/** Starts the bundle with a server that tells its variables. */
async function startBundle(args: string[], env: Record<string, string>) {
	const port = await freePort();
	const scratch = await mkdtemp(join(tmpdir(), "bundle-"));
	const registry = join(scratch, "registry.json");
	const server = fileURLToPath(new URL("../../fixtures/stdio/server.ts", import.meta.url));
	await writeFile(registry, JSON.stringify({ s: { type: "stdio", command: NODE, args: [server] } }));
	const listen = ["--registry", registry, "--listen", `127.0.0.1:${port}`, "--json"];
	const child = await start(NODE, [program, "bridge", ...listen, ...args], { cwd: scratch, env });
	onTestFinished(async () => {
		await child.close();
		await rm(scratch, { recursive: true, force: true });
	});
	return { port, child };
}

const listens = (port: number) =>
	eventually(`port ${port} listens`, () =>
		fetch(`http://127.0.0.1:${port}/~bridge/healthz`).then(
			() => true,
			() => false,
		),
	);

describe("the bundled bridge", () => {
	it("knows its version, and tells of `bridge` and `install` alone", async () => {
		const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
		const env = { ...process.env, LANG: "de_DE.UTF-8", NO_COLOR: "1" };
		expect((await run(NODE, [program, "--version"], { env })).stdout.trim()).toBe(version);
		const { stdout } = await run(NODE, [program, "--help"], { env });
		expect(stdout).toMatch(/mcp-gateway bridge[\s\S]*mcp-gateway install <folder>/);
		expect(stdout).not.toContain("mcp-gateway up");
	});

	it("takes what V8 has compiled before", async () => {
		const check = `const { script } = require(${JSON.stringify(program)}); console.error(script.cachedDataRejected)`;
		const { stderr } = await run(NODE, [
			"-e",
			`process.argv.splice(1, 0, ${JSON.stringify(program)}, "--version"); ${check}`,
		]);
		expect(stderr.trim()).toBe("false");
	});

	it.each([1, 2])("gives a server all variables under their own names, with %i workers and no guard", async (count) => {
		const given = { OWN: "1", MCP_GATEWAY_ASIDE_NODE_OPTIONS: "--no-warnings", MCP_GATEWAY_ASIDE_LD_X: "image" };
		const { port } = await startBundle(["--workers", String(count)], given);
		for (let worker = 0; worker < count; worker++) {
			const url = `http://127.0.0.1:${port + worker}`;
			await listens(port + worker);
			const { session } = await post(`${url}/s`, initialize);
			const call = { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "env", arguments: {} } };
			const { text } = await post(`${url}/s`, JSON.stringify(call), { "mcp-session-id": session });
			expect(text).toContain(String.raw`\"OWN\":\"1\"`);
			expect(text).toContain(String.raw`\"NODE_OPTIONS\":\"--no-warnings\"`);
			expect(text).toContain(String.raw`\"LD_X\":\"image\"`);
			expect(text).not.toContain("MCP_GATEWAY_ASIDE");
			const status = await (await fetch(`${url}/~bridge/status`)).json();
			expect(status).not.toHaveProperty("guardPid");
		}
	});

	it("installs all of itself, over an older copy too, and says what is wrong with a folder", async () => {
		const target = await mkdtemp(join(tmpdir(), "bundle-"));
		onTestFinished(() => rm(target, { recursive: true, force: true }));
		await writeFile(join(target, "bridge.js"), "old");
		expect(await run(NODE, [program, "install", target])).toMatchObject({ code: 0, stderr: "" });
		expect((await readdir(target)).sort()).toEqual((await readdir(folder)).sort());
		expect(await readFile(join(target, "bridge.js"), "utf8")).toBe(await readFile(join(folder, "bridge.js"), "utf8"));
		const { code, stderr } = await run(NODE, [program, "install", join(target, "none")]);
		expect([code, stderr]).toEqual([1, expect.stringMatching(/could not be copied to .*none: ENOENT/)]);
	});
});
