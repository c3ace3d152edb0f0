import { beforeEach, describe, expect, inject, it, onTestFinished } from "vitest";
import { createCharts } from "../../control-plane/kubernetes/objects/chart.ts";
import { serverObjects } from "../../control-plane/kubernetes/objects/objects.ts";
import type { ServerValues } from "../../control-plane/registry/model.ts";
import { eventually } from "../support/gateway.ts";
import { kubernetesServer } from "../support/kubernetes-server.ts";
import { legacyClient, type McpClient, modernClient, podOf } from "./support/clients.ts";
import { useNamespace } from "./support/namespace.ts";
import { bridgePort, type StdioPodOptions, stdioPod } from "./support/stdio-pod.ts";

/** The bridge in containers that hold nothing of ours: ADR 27. The clients reach the pods without a gateway. */

const images = inject("images");
const namespace = useNamespace("stdio-pods");
beforeEach(() => namespace.tellOnFailure());

const python = { images: { server: images.python, bridge: images.bridge }, command: ["python3", "/app/stdio.py"] };
const bare = { images: { server: images.bare, bridge: images.bridge }, command: ["/server/bare.sh"] };

/** Starts a pod and resolves with its server's URL once it is ready. */
async function startPod(options: StdioPodOptions): Promise<string> {
	const { configMap, pod } = stdioPod(options);
	await namespace.create(configMap, pod);
	const { name } = options;
	onTestFinished(() => namespace.deletePod(name, 0));
	const [ready] = await namespace.readyPods(`app=${name}`, 1);
	return `http://${ready?.status?.podIP}:${bridgePort}/${name}`;
}

async function open(client: Promise<McpClient>): Promise<McpClient> {
	const opened = await client;
	onTestFinished(() => opened.close().catch(() => {}));
	return opened;
}

interface Seen {
	readonly pid: number;
	readonly command: string;
	readonly state: string;
}

const seen = async (client: McpClient): Promise<Seen[]> => JSON.parse(await client.call("processes"));

describe("the bridge in a pod", () => {
	it("serves an image of Debian without Node, whose variables and libraries are as the image has them", async () => {
		const url = await startPod({ name: "python", ...python, env: { FROM_POD: "yes" }, entry: { env: { OWN: "x" } } });
		const [legacy, modern] = [await open(legacyClient(url)), await open(modernClient(url))];
		expect(await podOf(legacy)).toBe("python");
		expect(await podOf(modern)).toBe("python");

		const env = JSON.parse(await legacy.call("env"));
		expect(env).toMatchObject({
			...{ APP_MODE: "image", FROM_POD: "yes", OWN: "x", HOSTNAME: "python" },
			...{ LD_PRELOAD: "/app/none.so", LD_LIBRARY_PATH: "/app", NODE_OPTIONS: "--no-such-option" },
		});
		expect(Object.keys(env).filter((name) => name.startsWith("MCP_GATEWAY"))).toEqual(["MCP_GATEWAY_PROCESS"]);
		const libraries: string[] = JSON.parse(await legacy.call("maps"));
		expect(libraries.some((path) => path.includes("libc.so.6"))).toBe(true);
		expect(libraries.filter((path) => path.startsWith("/mcp-bridge"))).toEqual([]);

		await legacy.call("say", { text: "a line for the operator" });
		await eventually("stderr in the container's log", async () =>
			(await namespace.log("python", "server")).includes("a line for the operator"),
		);
	});

	it("is where the gateway's own objects have it", async () => {
		const id = "Owned.By-Gateway";
		const values: Partial<ServerValues> = {
			image: images.python,
			bridgeImage: images.bridge,
			transport: "stdio",
			command: ["python3", "/app/stdio.py"],
			env: { OWN: "x" },
			replicas: 2,
			drainSeconds: 0,
		};
		const merged = createCharts().values(kubernetesServer(id, { values }));
		if (!merged.ok) throw new Error(merged.problem);
		await namespace.create(...serverObjects(merged.values, { id, namespace: namespace.name, owner: namespace.name }));
		const selector = `mcp-gateway/owner=${namespace.name}`;
		for (const { metadata, status } of await namespace.readyPods(selector, 2)) {
			const client = await open(legacyClient(`http://${status?.podIP}:${merged.values.port}/${id}`));
			expect(await podOf(client)).toBe(metadata?.name);
			expect(JSON.parse(await client.call("env"))).toMatchObject({ OWN: "x", APP_MODE: "image" });
		}
	});

	it("serves an image that holds one static program: no C library, no shell, no Node", async () => {
		const url = await startPod({ name: "bare", ...bare });
		expect(await podOf(await open(legacyClient(url)))).toBe("bare");
		expect(await namespace.log("bare", "server")).toContain("bare server started");
	});

	it("tells a client and the log why a server does not start, and stays", async () => {
		const url = await startPod({ name: "failing", ...bare, command: ["/server/fail.sh"] });
		await expect(legacyClient(url)).rejects.toThrow(/the password of the database is missing/);
		expect(await namespace.log("failing", "server")).toContain("the password of the database is missing");
		const [pod] = await namespace.pods("app=failing");
		expect(pod?.status?.containerStatuses?.[0]).toMatchObject({ ready: true, restartCount: 0 });
	});

	it("finishes calls in flight at SIGTERM, opens nothing new, and ends well within the grace", async () => {
		const url = await startPod({ name: "drained", ...python });
		const client = await open(legacyClient(url));
		const slow = client.call("slow", { ms: 3000 });
		const begun = performance.now();
		await namespace.deletePod("drained");
		await eventually("new sessions are refused", async () => {
			const late = await legacyClient(url).catch((error: Error) => error);
			if (late instanceof Error) return /stopping|unavailable|503/i.test(late.message);
			await late.close();
			return false;
		});
		expect(await slow).toBe("done");
		await eventually("the pod is gone", async () => (await namespace.pods("app=drained")).length === 0, 30_000);
		expect(performance.now() - begun).toBeLessThan(15_000);
	});

	it("leaves no process of a server that died, and no zombie", async () => {
		const url = await startPod({ name: "strays", ...python });
		const client = await open(legacyClient(url));
		const stray = Number(await client.call("stray"));
		await expect(client.call("die")).rejects.toThrow();
		const next = await open(legacyClient(url));
		await eventually("the stray is gone", async () => (await seen(next)).every(({ pid }) => pid !== stray));
		await eventually("zombies are collected", async () => (await seen(next)).every(({ state }) => state !== "Z"));
	});

	it("starts anew after kill -9 of the bridge, with nothing left of the container before", async () => {
		const url = await startPod({ name: "killed", ...python });
		const client = await open(legacyClient(url));
		const stray = Number(await client.call("stray"));
		await client.call("kill_bridge").catch(() => {});
		const restarted = async () => {
			const [pod] = await namespace.pods("app=killed");
			const [server] = pod?.status?.containerStatuses ?? [];
			return server?.restartCount === 1 && server.ready;
		};
		await eventually("the container is started again", restarted, 60_000);
		const next = await open(legacyClient(url));
		expect((await seen(next)).map(({ pid }) => pid)).not.toContain(stray);
	});
});
