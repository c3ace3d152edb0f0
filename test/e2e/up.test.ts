import { readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { call } from "../support/cli.ts";
import { eventually, type Gateway, type GatewayOptions, startGateway } from "../support/gateway.ts";

const running = new Set<Gateway>();

async function start(options: GatewayOptions): Promise<Gateway> {
	const gateway = await startGateway(options);
	running.add(gateway);
	return gateway;
}

afterEach(async () => {
	for (const gateway of running) {
		await gateway.stop();
		await rm(gateway.tempDir, { recursive: true, force: true });
	}
	running.clear();
});

const names = ["bridge", "control-plane", "envoy"];

describe("mcp-gateway up", () => {
	test("serves the example: HTTP replicas and stdio servers", async () => {
		const gateway = await start({ registry: undefined });
		const list = await Promise.all(
			["everything", "everything-stdio", "filesystem"].map((id) => call("call", id, "--gateway", gateway.url)),
		);
		expect(list.map(({ code }) => code)).toEqual([0, 0, 0]);
		expect(list[0]?.stdout).toContain("echo");
		expect(list[2]?.stdout).toContain("read_text_file");
		const echo = await call("call", "everything", "echo", '{"message":"hello"}', "--gateway", gateway.url);
		expect(echo).toMatchObject({ code: 0, stdout: "Echo: hello\n" });
		const status = await call("status", "--admin", new URL(gateway.adminUrl).host);
		expect(status.stdout).toMatch(/everything +http +serving/);
		expect(status.code).toBe(0);
	});

	test.each(["SIGINT", "SIGTERM"] as const)("%s leaves neither process nor file and exits with 0", async (signal) => {
		const gateway = await start({ registry: undefined });
		await call("call", "filesystem", "--gateway", gateway.url);
		expect(readdirSync(gateway.tempDir)).toHaveLength(1);
		running.delete(gateway);
		const left = gateway.descendants;
		expect(left().length).toBeGreaterThan(4);
		expect(await gateway.stop(signal)).toBe(0);
		await eventually(`no process left: ${JSON.stringify(left())}`, () => left().length === 0);
		expect(gateway.leftFiles()).toEqual([]);
		expect(gateway.output()).not.toMatch(/"level":"(error|fatal)"/);
	});

	test("kill -9 leaves neither process nor file", async () => {
		const gateway = await start({ registry: undefined });
		running.delete(gateway);
		await gateway.kill9();
		await eventually("all processes gone", () => gateway.descendants().length === 0);
		expect(readdirSync(gateway.tempDir)).toEqual([]);
		await rm(gateway.tempDir, { recursive: true });
	});

	test("kill -9 while it starts leaves no process", async () => {
		for (const delay of [300, 600, 900]) {
			const gateway = await start({ registry: undefined, waitForReady: false });
			running.delete(gateway);
			await new Promise((resolve) => setTimeout(resolve, delay));
			await gateway.kill9();
			await eventually("all processes gone", () => gateway.descendants().length === 0);
			await rm(gateway.tempDir, { recursive: true });
		}
	});

	test.each(names)("a killed %s is started again", async (name) => {
		const gateway = await start({ registry: { files: { cmd: ["cat"] } } });
		const before = await gateway.children();
		expect(Object.keys(before).sort()).toEqual(names);
		process.kill(before[name]!, "SIGKILL");
		await gateway.waitForEvent("exit");
		await eventually(`${name} is back`, async () => {
			const now = await gateway.children().catch(() => before);
			return now[name] !== undefined && now[name] !== before[name];
		});
		// The error of an unknown server comes from Envoy, as the control plane told it.
		await eventually("traffic is served again", async () => {
			const answer = await fetch(`${gateway.url}/nosuch`, { method: "POST" }).catch(() => undefined);
			return answer?.status === 404;
		});
	});

	test("Envoy is started again when its configuration was cleared away", async () => {
		const gateway = await start({ registry: {} });
		const folder = readdirSync(gateway.tempDir).find((name) => name.startsWith("mcp-gateway-")) ?? "";
		await rm(join(gateway.tempDir, folder, "envoy.yaml"));
		const { envoy } = await gateway.children();
		process.kill(envoy!, "SIGKILL");
		const answers = () =>
			fetch(`${gateway.url}/nosuch`).then(
				({ status }) => status === 404,
				() => false,
			);
		await eventually(
			"an Envoy answers again",
			async () => (await gateway.children())["envoy"] !== envoy && (await answers()),
		);
	});

	test("two gateways run at once", async () => {
		const [one, two] = await Promise.all([
			start({ registry: { a: { cmd: ["cat"] } } }),
			start({ registry: { b: { cmd: ["cat"] } } }),
		]);
		expect(one.url).not.toBe(two.url);
		const ids = await Promise.all(
			[one, two].map(async ({ adminUrl }) => {
				const status = (await (await fetch(`${adminUrl}/v1/status`)).json()) as { servers: { id: string }[] };
				return status.servers.map(({ id }) => id);
			}),
		);
		expect(ids).toEqual([["a"], ["b"]]);
	});

	test("SIGHUP reads the registry again and ends nothing", async () => {
		const gateway = await start({ registry: { a: { cmd: ["cat"] } } });
		const before = await gateway.children();
		process.kill(gateway.pid, "SIGHUP");
		await gateway.waitForEvent("reload");
		expect(await gateway.children()).toEqual(before);
	});

	test("a port in use is named before anything is started", async () => {
		const first = await start({ registry: { a: { cmd: ["cat"] } } });
		const { host } = new URL(first.url);
		const second = await call("up", "--registry", first.registryFile, "--listen", host, "--admin", "127.0.0.1:0");
		expect(second.code).toBe(1);
		expect(second.stderr).toContain(`${host} (--listen) is in use`);
		const admin = new URL(first.adminUrl).host;
		const third = await call("up", "--registry", first.registryFile, "--listen", "127.0.0.1:0", "--admin", admin);
		expect(third.stderr).toContain(`${admin} (--admin) is in use`);
	});

	test("an Envoy that does not start ends the gateway with the reason", async () => {
		const gateway = await start({
			registry: { a: { cmd: ["cat"] } },
			waitForReady: false,
			args: ["--concurrency", "99999999999"],
		});
		await gateway.waitForEvent("failed");
		await eventually("all processes gone", () => gateway.descendants().length === 0);
		expect(gateway.output()).toContain("envoy does not start");
	});
});
